//! The ten tasks with SQLx: SQL that its macros check while the program is compiled. What they know of the tables is in
//! `.sqlx`, so that no database is needed then; see `benches/README.md` for how to make it anew.

use std::collections::HashMap;

use sqlite_bench_common::{Fault, ten};
use sqlx::SqlitePool;
use sqlx::sqlite::SqliteConnectOptions;

// begin: models
#[derive(Debug)]
struct User {
    id: i64,
    name: String,
    email: String,
}

#[derive(Debug)]
struct Post {
    id: i64,
    title: String,
    views: i64,
    author_id: i64,
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

async fn create_tables(pool: &SqlitePool) -> sqlx::Result<()> {
    sqlx::raw_sql(SCHEMA).execute(pool).await?;
    Ok(())
}
// end: models

// begin: insert_graph
async fn insert_graph(pool: &SqlitePool) -> sqlx::Result<(i64, Vec<i64>)> {
    let mut transaction = pool.begin().await?;
    let ada = sqlx::query!("INSERT INTO users (name, email) VALUES (?, ?)", "Ada", "ada@example.org")
        .execute(&mut *transaction)
        .await?
        .last_insert_rowid();
    let mut posts = Vec::new();
    for (title, views) in [("Notes on engines", 12), ("Letters", 3), ("Looms and engines", 40)] {
        let post =
            sqlx::query!("INSERT INTO posts (title, views, author_id) VALUES (?, ?, ?)", title, views, ada)
                .execute(&mut *transaction)
                .await?;
        posts.push(post.last_insert_rowid());
    }
    transaction.commit().await?;
    Ok((ada, posts))
}
// end: insert_graph

// begin: read_by_key
async fn read_by_key(pool: &SqlitePool, id: i64) -> sqlx::Result<Option<User>> {
    sqlx::query_as!(User, "SELECT * FROM users WHERE id = ?", id).fetch_optional(pool).await
}
// end: read_by_key

// begin: filter
async fn filter(pool: &SqlitePool, word: &str) -> sqlx::Result<Vec<Post>> {
    sqlx::query_as!(
        Post,
        "SELECT * FROM posts WHERE views >= 10 AND instr(title, ?) > 0 ORDER BY views DESC, title LIMIT 5",
        word
    )
    .fetch_all(pool)
    .await
}
// end: filter

// begin: with_children
async fn with_children(pool: &SqlitePool) -> sqlx::Result<Vec<(User, Vec<Post>)>> {
    let users = sqlx::query_as!(User, "SELECT * FROM users ORDER BY name").fetch_all(pool).await?;
    let mut posts = HashMap::<i64, Vec<Post>>::new();
    for post in sqlx::query_as!(Post, "SELECT * FROM posts").fetch_all(pool).await? {
        posts.entry(post.author_id).or_default().push(post);
    }
    let with_posts = |user: User| {
        let posts = posts.remove(&user.id).unwrap_or_default();
        (user, posts)
    };
    Ok(users.into_iter().map(with_posts).collect())
}
// end: with_children

// begin: change
async fn change(pool: &SqlitePool, id: i64) -> sqlx::Result<Post> {
    let mut post = sqlx::query_as!(Post, "SELECT * FROM posts WHERE id = ?", id).fetch_one(pool).await?;
    post.views += 1;
    post.title.push_str(", revised");
    sqlx::query!("UPDATE posts SET views = ?, title = ? WHERE id = ?", post.views, post.title, post.id)
        .execute(pool)
        .await?;
    Ok(post)
}
// end: change

// begin: many_to_many
async fn many_to_many(pool: &SqlitePool, post: i64) -> sqlx::Result<Vec<Post>> {
    let mut transaction = pool.begin().await?;
    let engines = sqlx::query_scalar!("SELECT id FROM tags WHERE name = ?", "engines")
        .fetch_one(&mut *transaction)
        .await?;
    let history = sqlx::query!("INSERT INTO tags (name) VALUES (?)", "history")
        .execute(&mut *transaction)
        .await?
        .last_insert_rowid();
    for tag in [engines, history] {
        sqlx::query!("INSERT INTO post_tags (post_id, tag_id) VALUES (?, ?)", post, tag)
            .execute(&mut *transaction)
            .await?;
    }
    transaction.commit().await?;
    sqlx::query_as!(
        Post,
        "SELECT posts.* FROM posts JOIN post_tags ON post_id = posts.id WHERE tag_id = ? ORDER BY title",
        engines
    )
    .fetch_all(pool)
    .await
}
// end: many_to_many

// begin: rollback
async fn rollback(pool: &SqlitePool) -> sqlx::Result<()> {
    let mut transaction = pool.begin().await?;
    let eve = sqlx::query!("INSERT INTO users (name, email) VALUES (?, ?)", "Eve", "eve@example.org")
        .execute(&mut *transaction)
        .await?
        .last_insert_rowid();
    sqlx::query!("INSERT INTO posts (title, views, author_id) VALUES (?, ?, ?)", "Lost", 0, eve)
        .execute(&mut *transaction)
        .await?;
    sqlx::query!("INSERT INTO users (name, email) VALUES (?, ?)", "Twin", "ada@example.org")
        .execute(&mut *transaction)
        .await?;
    transaction.commit().await
}

fn is_unique(error: &sqlx::Error) -> bool {
    error.as_database_error().is_some_and(|error| error.is_unique_violation())
}
// end: rollback

// begin: aggregate
#[derive(Debug)]
struct Author {
    name: String,
    posts: i64,
    views: i64,
}

async fn aggregate(pool: &SqlitePool) -> sqlx::Result<Vec<Author>> {
    sqlx::query_as!(
        Author,
        "SELECT name, count(*) AS posts, sum(views) AS views FROM users JOIN posts ON author_id = users.id
         GROUP BY users.id HAVING count(*) >= 2 ORDER BY sum(views) DESC"
    )
    .fetch_all(pool)
    .await
}
// end: aggregate

// begin: upsert
async fn upsert(pool: &SqlitePool, name: &str, email: &str) -> sqlx::Result<()> {
    sqlx::query!(
        "INSERT INTO users (name, email) VALUES (?, ?) ON CONFLICT (email) DO UPDATE SET name = excluded.name",
        name,
        email
    )
    .execute(pool)
    .await?;
    Ok(())
}
// end: upsert

async fn tasks() -> Result<(), Fault> {
    let options = SqliteConnectOptions::new().filename(ten::file()?).create_if_missing(true);
    let pool = &SqlitePool::connect_with(options).await?;
    create_tables(pool).await?;
    ten::tell("models", [format!("{} tables", number(pool, ten::TABLES).await?)]);

    let (ada, posts) = insert_graph(pool).await?;
    let posts = posts.iter().map(|post| format!("post {post}"));
    ten::tell("insert_graph", [format!("user {ada}")].into_iter().chain(posts));

    for statement in ten::seed() {
        sqlx::raw_sql(statement).execute(pool).await?;
    }

    let name =
        |user: Option<User>| user.map_or("none".into(), |user| format!("{} <{}>", user.name, user.email));
    ten::tell("read_by_key", [name(read_by_key(pool, 1).await?), name(read_by_key(pool, 99).await?)]);

    let posts = filter(pool, "engines").await?;
    ten::tell("filter", posts.iter().map(|post| format!("{} ({})", post.title, post.views)));

    let users = with_children(pool).await?;
    ten::tell("with_children", users.iter().map(|(user, posts)| format!("{} {}", user.name, posts.len())));

    let post = change(pool, 2).await?;
    ten::tell("change", [format!("{} ({})", post.title, post.views)]);

    let posts = many_to_many(pool, 1).await?;
    ten::tell("many_to_many", posts.iter().map(|post| &post.title));

    let error = rollback(pool).await.expect_err("the email is taken");
    let (users, posts) = (number(pool, ten::USERS).await?, number(pool, ten::POSTS).await?);
    let told = format!("told to be unique by its type: {}", is_unique(&error));
    ten::tell("rollback", [told, format!("{users} users"), format!("{posts} posts")]);

    let authors = aggregate(pool).await?;
    let line = |Author { name, posts, views }: &Author| format!("{name} {posts} {views}");
    ten::tell("aggregate", authors.iter().map(line));

    upsert(pool, "Ada Lovelace", "ada@example.org").await?;
    upsert(pool, "Rosa", "rosa@example.org").await?;
    ten::tell("upsert", [sqlx::query_scalar::<_, String>(ten::NAMES).fetch_one(pool).await?]);
    Ok(())
}

async fn number(pool: &SqlitePool, statement: &'static str) -> sqlx::Result<i64> {
    sqlx::query_scalar(statement).fetch_one(pool).await
}

fn main() -> Result<(), Fault> {
    tokio::runtime::Runtime::new()?.block_on(tasks())
}
