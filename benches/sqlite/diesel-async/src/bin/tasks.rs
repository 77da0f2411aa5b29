//! The ten tasks with diesel-async. The tables come from SQL, and the module `schema` is what `diesel print-schema` writes of
//! them, so it does not count.

use diesel::prelude::*;
use diesel::result::{DatabaseErrorKind, Error};
use diesel::sqlite::SqliteConnection;
use diesel_async::sync_connection_wrapper::SyncConnectionWrapper;
use diesel_async::{AsyncConnection as _, RunQueryDsl, SimpleAsyncConnection as _};
use sqlite_bench_common::{Fault, ten};

mod schema {
    diesel::table! {
        post_tags (post_id, tag_id) {
            post_id -> Integer,
            tag_id -> Integer,
        }
    }

    diesel::table! {
        posts (id) {
            id -> Integer,
            title -> Text,
            views -> Integer,
            author_id -> Integer,
        }
    }

    diesel::table! {
        tags (id) {
            id -> Integer,
            name -> Text,
        }
    }

    diesel::table! {
        users (id) {
            id -> Integer,
            name -> Text,
            email -> Text,
        }
    }

    diesel::joinable!(post_tags -> posts (post_id));
    diesel::joinable!(post_tags -> tags (tag_id));
    diesel::joinable!(posts -> users (author_id));

    diesel::allow_tables_to_appear_in_same_query!(post_tags, posts, tags, users,);
}

use schema::{post_tags, posts, tags, users};

type Connection = SyncConnectionWrapper<SqliteConnection>;

// begin: models
#[derive(Debug, HasQuery, Identifiable)]
struct User {
    id: i32,
    name: String,
    email: String,
}

#[derive(Debug, Associations, HasQuery, Identifiable)]
#[diesel(belongs_to(User, foreign_key = author_id))]
struct Post {
    id: i32,
    title: String,
    views: i32,
    author_id: i32,
}

const SCHEMA: &str = "
CREATE TABLE users (
    id INTEGER PRIMARY KEY NOT NULL,
    name TEXT NOT NULL,
    email TEXT NOT NULL UNIQUE
);
CREATE TABLE posts (
    id INTEGER PRIMARY KEY NOT NULL,
    title TEXT NOT NULL,
    views INTEGER NOT NULL,
    author_id INTEGER NOT NULL REFERENCES users (id)
);
CREATE TABLE tags (
    id INTEGER PRIMARY KEY NOT NULL,
    name TEXT NOT NULL UNIQUE
);
CREATE TABLE post_tags (
    post_id INTEGER NOT NULL REFERENCES posts (id),
    tag_id INTEGER NOT NULL REFERENCES tags (id),
    PRIMARY KEY (post_id, tag_id)
);
";

async fn create_tables(connection: &mut Connection) -> QueryResult<()> {
    connection.batch_execute(SCHEMA).await
}
// end: models

// begin: insert_graph
async fn insert_graph(connection: &mut Connection) -> QueryResult<(i32, Vec<i32>)> {
    connection
        .transaction(async |connection| {
            let ada: i32 = diesel::insert_into(users::table)
                .values((users::name.eq("Ada"), users::email.eq("ada@example.org")))
                .returning(users::id)
                .get_result(connection)
                .await?;
            let mut posts = Vec::new();
            for (title, views) in [("Notes on engines", 12), ("Letters", 3), ("Looms and engines", 40)] {
                let post = diesel::insert_into(posts::table)
                    .values((posts::title.eq(title), posts::views.eq(views), posts::author_id.eq(ada)))
                    .returning(posts::id)
                    .get_result(connection)
                    .await?;
                posts.push(post);
            }
            Ok((ada, posts))
        })
        .await
}
// end: insert_graph

// begin: read_by_key
async fn read_by_key(connection: &mut Connection, id: i32) -> QueryResult<Option<User>> {
    User::query().find(id).first(connection).await.optional()
}
// end: read_by_key

// begin: filter
async fn filter(connection: &mut Connection, word: &str) -> QueryResult<Vec<Post>> {
    Post::query()
        .filter(posts::views.ge(10).and(posts::title.like(format!("%{word}%"))))
        .order((posts::views.desc(), posts::title))
        .limit(5)
        .load(connection)
        .await
}
// end: filter

// begin: with_children
async fn with_children(connection: &mut Connection) -> QueryResult<Vec<(User, Vec<Post>)>> {
    let users = User::query().order(users::name).load(connection).await?;
    let posts = Post::belonging_to(&users).select(Post::as_select()).load(connection).await?;
    let posts = posts.grouped_by(&users);
    Ok(users.into_iter().zip(posts).collect())
}
// end: with_children

// begin: change
async fn change(connection: &mut Connection, id: i32) -> QueryResult<Post> {
    let post = Post::query().find(id).first(connection).await?;
    diesel::update(&post)
        .set((posts::views.eq(post.views + 1), posts::title.eq(format!("{}, revised", post.title))))
        .returning(Post::as_returning())
        .get_result(connection)
        .await
}
// end: change

// begin: many_to_many
async fn many_to_many(connection: &mut Connection, post: i32) -> QueryResult<Vec<Post>> {
    connection
        .transaction(async |connection| {
            let engines: i32 =
                tags::table.filter(tags::name.eq("engines")).select(tags::id).first(connection).await?;
            let history: i32 = diesel::insert_into(tags::table)
                .values(tags::name.eq("history"))
                .returning(tags::id)
                .get_result(connection)
                .await?;
            for tag in [engines, history] {
                diesel::insert_into(post_tags::table)
                    .values((post_tags::post_id.eq(post), post_tags::tag_id.eq(tag)))
                    .execute(connection)
                    .await?;
            }
            QueryResult::Ok(())
        })
        .await?;
    Post::query()
        .inner_join(post_tags::table.inner_join(tags::table))
        .filter(tags::name.eq("engines"))
        .order(posts::title)
        .load(connection)
        .await
}
// end: many_to_many

// begin: rollback
async fn rollback(connection: &mut Connection) -> QueryResult<()> {
    connection
        .transaction(async |connection| {
            let eve: i32 = diesel::insert_into(users::table)
                .values((users::name.eq("Eve"), users::email.eq("eve@example.org")))
                .returning(users::id)
                .get_result(connection)
                .await?;
            diesel::insert_into(posts::table)
                .values((posts::title.eq("Lost"), posts::views.eq(0), posts::author_id.eq(eve)))
                .execute(connection)
                .await?;
            diesel::insert_into(users::table)
                .values((users::name.eq("Twin"), users::email.eq("ada@example.org")))
                .execute(connection)
                .await?;
            Ok(())
        })
        .await
}

fn is_unique(error: &Error) -> bool {
    matches!(error, Error::DatabaseError(DatabaseErrorKind::UniqueViolation, _))
}
// end: rollback

// begin: aggregate
#[derive(Debug, Queryable)]
struct Author {
    name: String,
    posts: i64,
    views: Option<i64>,
}

async fn aggregate(connection: &mut Connection) -> QueryResult<Vec<Author>> {
    use diesel::dsl::{count, sum};
    users::table
        .inner_join(posts::table)
        .group_by(users::id)
        .having(count(posts::id).ge(2))
        .order(sum(posts::views).desc())
        .select((users::name, count(posts::id), sum(posts::views)))
        .load(connection)
        .await
}
// end: aggregate

// begin: upsert
async fn upsert(connection: &mut Connection, name: &str, email: &str) -> QueryResult<usize> {
    diesel::insert_into(users::table)
        .values((users::name.eq(name), users::email.eq(email)))
        .on_conflict(users::email)
        .do_update()
        .set(users::name.eq(name))
        .execute(connection)
        .await
}
// end: upsert

async fn tasks() -> Result<(), Fault> {
    let file = ten::file()?;
    let connection =
        &mut Connection::establish(file.to_str().ok_or("the file's name is not a text")?).await?;
    create_tables(connection).await?;
    ten::tell("models", [format!("{} tables", number(connection, ten::TABLES).await?)]);

    let (ada, posts) = insert_graph(connection).await?;
    let posts = posts.iter().map(|post| format!("post {post}"));
    ten::tell("insert_graph", [format!("user {ada}")].into_iter().chain(posts));

    for statement in ten::seed() {
        diesel::sql_query(statement).execute(connection).await?;
    }

    let name =
        |user: Option<User>| user.map_or("none".into(), |user| format!("{} <{}>", user.name, user.email));
    let found = [name(read_by_key(connection, 1).await?), name(read_by_key(connection, 99).await?)];
    ten::tell("read_by_key", found);

    let posts = filter(connection, "engines").await?;
    ten::tell("filter", posts.iter().map(|post| format!("{} ({})", post.title, post.views)));

    let users = with_children(connection).await?;
    ten::tell("with_children", users.iter().map(|(user, posts)| format!("{} {}", user.name, posts.len())));

    let post = change(connection, 2).await?;
    ten::tell("change", [format!("{} ({})", post.title, post.views)]);

    let posts = many_to_many(connection, 1).await?;
    ten::tell("many_to_many", posts.iter().map(|post| &post.title));

    let error = rollback(connection).await.expect_err("the email is taken");
    let (users, posts) = (number(connection, ten::USERS).await?, number(connection, ten::POSTS).await?);
    let told = format!("told to be unique by its type: {}", is_unique(&error));
    ten::tell("rollback", [told, format!("{users} users"), format!("{posts} posts")]);

    let authors = aggregate(connection).await?;
    let line =
        |Author { name, posts, views }: &Author| format!("{name} {posts} {}", views.unwrap_or_default());
    ten::tell("aggregate", authors.iter().map(line));

    upsert(connection, "Ada Lovelace", "ada@example.org").await?;
    upsert(connection, "Rosa", "rosa@example.org").await?;
    let names = users::table.order(users::name).select(users::name).load::<String>(connection).await?;
    ten::tell("upsert", names);
    Ok(())
}

#[derive(QueryableByName)]
struct Number {
    #[diesel(sql_type = diesel::sql_types::BigInt, column_name = "count(*)")]
    number: i64,
}

async fn number(connection: &mut Connection, statement: &str) -> QueryResult<i64> {
    Ok(diesel::sql_query(statement).get_result::<Number>(connection).await?.number)
}

fn main() -> Result<(), Fault> {
    tokio::runtime::Runtime::new()?.block_on(tasks())
}
