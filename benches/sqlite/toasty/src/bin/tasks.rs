//! The ten tasks with toasty. What it has no call for is done in SQL, whose rows it answers without types.

use std::error::Error as _;

use sqlite_bench_common::{Fault, ten};
use toasty::stmt::Value;
use toasty::{Db, Deferred, Model};

// begin: models
#[derive(Debug, Model)]
struct User {
    #[key]
    #[auto]
    id: u64,
    name: String,
    #[unique]
    email: String,
    #[has_many(pair = author)]
    posts: Deferred<Vec<Post>>,
}

#[derive(Debug, Model)]
struct Post {
    #[key]
    #[auto]
    id: u64,
    title: String,
    views: i64,
    #[index]
    author_id: u64,
    #[belongs_to]
    author: Deferred<User>,
    #[has_many]
    post_tags: Deferred<Vec<PostTag>>,
    #[has_many(via = post_tags.tag)]
    tags: Deferred<Vec<Tag>>,
}

#[derive(Debug, Model)]
struct Tag {
    #[key]
    #[auto]
    id: u64,
    #[unique]
    name: String,
}

#[derive(Debug, Model)]
#[key(post_id, tag_id)]
struct PostTag {
    #[index]
    post_id: u64,
    #[belongs_to]
    post: Deferred<Post>,
    #[index]
    tag_id: u64,
    #[belongs_to]
    tag: Deferred<Tag>,
}

async fn create_tables(db: &Db) -> toasty::Result<()> {
    db.push_schema().await
}
// end: models

// begin: insert_graph
async fn insert_graph(db: &mut Db) -> toasty::Result<User> {
    toasty::create!(User {
        name: "Ada",
        email: "ada@example.org",
        posts: [
            { title: "Notes on engines", views: 12 },
            { title: "Letters", views: 3 },
            { title: "Looms and engines", views: 40 },
        ],
    })
    .exec(db)
    .await
}
// end: insert_graph

// begin: read_by_key
async fn read_by_key(db: &mut Db, id: u64) -> toasty::Result<Option<User>> {
    User::filter_by_id(id).first().exec(db).await
}
// end: read_by_key

// begin: filter
async fn filter(db: &mut Db, word: &str) -> toasty::Result<Vec<Post>> {
    Post::filter(Post::fields().views().ge(10))
        .filter(Post::fields().title().like(format!("%{word}%")))
        .order_by((Post::fields().views().desc(), Post::fields().title().asc()))
        .limit(5)
        .exec(db)
        .await
}
// end: filter

// begin: with_children
async fn with_children(db: &mut Db) -> toasty::Result<Vec<User>> {
    User::all().order_by(User::fields().name().asc()).include(User::fields().posts()).exec(db).await
}
// end: with_children

// begin: change
async fn change(db: &mut Db, id: u64) -> toasty::Result<Post> {
    let mut post = Post::get_by_id(db, id).await?;
    let (views, title) = (post.views + 1, format!("{}, revised", post.title));
    post.update().views(views).title(title).exec(db).await?;
    Ok(post)
}
// end: change

// begin: many_to_many
async fn many_to_many(db: &mut Db, post: u64) -> toasty::Result<Vec<Post>> {
    let mut transaction = db.transaction().await?;
    let engines = Tag::get_by_name(&mut transaction, "engines").await?;
    let history = toasty::create!(Tag { name: "history" }).exec(&mut transaction).await?;
    toasty::create!(PostTag::[{ post_id: post, tag: &engines }, { post_id: post, tag: &history }])
        .exec(&mut transaction)
        .await?;
    transaction.commit().await?;
    Post::filter(Post::fields().tags().any(Tag::fields().name().eq("engines")))
        .order_by(Post::fields().title().asc())
        .exec(db)
        .await
}
// end: many_to_many

// begin: rollback
async fn rollback(db: &mut Db) -> toasty::Result<()> {
    let mut transaction = db.transaction().await?;
    toasty::create!(User { name: "Eve", email: "eve@example.org", posts: [{ title: "Lost", views: 0 }] })
        .exec(&mut transaction)
        .await?;
    toasty::create!(User { name: "Twin", email: "ada@example.org" }).exec(&mut transaction).await?;
    transaction.commit().await
}

fn is_unique(error: &toasty::Error) -> bool {
    let error = error.source().and_then(|error| error.source()?.downcast_ref::<rusqlite::Error>());
    let error = error.and_then(|error| error.sqlite_error());
    error.is_some_and(|error| error.extended_code == rusqlite::ffi::SQLITE_CONSTRAINT_UNIQUE)
}
// end: rollback

// begin: aggregate
#[derive(Debug)]
struct Author {
    name: String,
    posts: i64,
    views: i64,
}

async fn aggregate(db: &mut Db) -> toasty::Result<Vec<Author>> {
    let rows = toasty::sql::query(
        "SELECT name, count(*), sum(views) FROM users JOIN posts ON author_id = users.id
         GROUP BY users.id HAVING count(*) >= 2 ORDER BY sum(views) DESC",
    )
    .exec(db)
    .await?;
    let author = |row: Value| {
        let mut row = row.into_record();
        let (name, posts, views) = (row[0].take(), row[1].take(), row[2].take());
        Ok(Author { name: name.try_into()?, posts: posts.try_into()?, views: views.try_into()? })
    };
    rows.into_iter().map(author).collect()
}
// end: aggregate

// begin: upsert
async fn upsert(db: &mut Db, name: &str, email: &str) -> toasty::Result<User> {
    User::upsert_by_email(email).name(name).exec(db).await
}
// end: upsert

async fn tasks() -> Result<(), Fault> {
    let models = toasty::models!(User, Post, Tag, PostTag);
    let driver = toasty_driver_sqlite::Sqlite::open(ten::file()?);
    let db = &mut Db::builder().models(models).build(driver).await?;
    create_tables(db).await?;
    ten::tell("models", [format!("{} tables", number(db, ten::TABLES).await?)]);

    let ada = insert_graph(db).await?;
    let posts = ada.posts.get().iter().map(|post| format!("post {}", post.id));
    ten::tell("insert_graph", [format!("user {}", ada.id)].into_iter().chain(posts));

    for statement in ten::seed() {
        toasty::sql::statement(statement).exec(db).await?;
    }

    let name =
        |user: Option<User>| user.map_or("none".into(), |user| format!("{} <{}>", user.name, user.email));
    ten::tell("read_by_key", [name(read_by_key(db, 1).await?), name(read_by_key(db, 99).await?)]);

    let posts = filter(db, "engines").await?;
    ten::tell("filter", posts.iter().map(|post| format!("{} ({})", post.title, post.views)));

    let users = with_children(db).await?;
    ten::tell("with_children", users.iter().map(|user| format!("{} {}", user.name, user.posts.get().len())));

    let post = change(db, 2).await?;
    ten::tell("change", [format!("{} ({})", post.title, post.views)]);

    let posts = many_to_many(db, 1).await?;
    ten::tell("many_to_many", posts.iter().map(|post| &post.title));

    let error = rollback(db).await.expect_err("the email is taken");
    let (users, posts) = (number(db, ten::USERS).await?, number(db, ten::POSTS).await?);
    let told = format!("told to be unique by its type: {}", is_unique(&error));
    ten::tell("rollback", [told, format!("{users} users"), format!("{posts} posts")]);

    let authors = aggregate(db).await?;
    let line = |Author { name, posts, views }: &Author| format!("{name} {posts} {views}");
    ten::tell("aggregate", authors.iter().map(line));

    upsert(db, "Ada Lovelace", "ada@example.org").await?;
    upsert(db, "Rosa", "rosa@example.org").await?;
    let users = User::all().order_by(User::fields().name().asc()).exec(db).await?;
    ten::tell("upsert", users.iter().map(|user| &user.name));
    Ok(())
}

async fn number(db: &mut Db, statement: &str) -> toasty::Result<i64> {
    let rows = toasty::sql::query(statement).exec(db).await?;
    rows.into_iter().next().map_or(Ok(0), |row| row.into_record()[0].take().try_into())
}

fn main() -> Result<(), Fault> {
    tokio::runtime::Runtime::new()?.block_on(tasks())
}
