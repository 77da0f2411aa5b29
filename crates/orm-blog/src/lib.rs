//! The entities of the examples in the documentation, and a database with a few rows of them.
//!
//! They are here, compiled once, and not on hidden lines of each example: that would compile them a hundred times.
//!
//! ```
//! # use orm_blog::*;
//! # run(async |engine| {
//! use anyorm::prelude::*;
//!
//! let names = engine.all(User::select().columns(User::NAME).order_by(User::ID)).await?;
//! assert_eq!(names, ["Ada", "Grace"]);
//! # Ok(()) });
//! ```
//!
//! What is stored:
//!
//! | users | posts | tags | accounts |
//! |---|---|---|---|
//! | 1 Ada, 36 years old | 1 Notes, by Ada, tagged math | 1 math | 1 with 50 |
//! | 2 Grace, of no known age | 2 Letters, by Ada | 2 poetry | 2 with 0 |

use std::sync::atomic::{AtomicU32, Ordering};

use anyorm::Identifier;
use anyorm::prelude::*;

/// Somebody who writes.
#[derive(Clone, Debug, Default, Entity)]
#[entity(table = "users")]
pub struct User {
    /// Given by the database.
    #[key(auto)]
    pub id: i64,
    /// No two users have the same.
    #[column(unique)]
    pub email: String,
    /// What the user is called.
    pub name: String,
    /// In years, if it is known.
    pub age: Option<i32>,
    /// What the user wrote.
    #[has_many(Post::AUTHOR)]
    pub posts: HasMany<Post>,
}

/// What somebody wrote.
#[derive(Clone, Debug, Default, Entity)]
#[entity(table = "posts")]
pub struct Post {
    /// Given by the database.
    #[key(auto)]
    pub id: i64,
    /// What it is called.
    pub title: String,
    /// Who wrote it.
    #[belongs_to(on_delete = cascade)]
    pub author: BelongsTo<User>,
    /// What it is about.
    #[many_to_many(through = "post_tags")]
    pub tags: ManyToMany<Tag>,
    /// Raised by each update.
    #[version]
    pub version: i64,
}

/// What a post can be about.
#[derive(Clone, Debug, Default, Entity)]
#[entity(table = "tags")]
pub struct Tag {
    /// Given by the database.
    #[key(auto)]
    pub id: i64,
    /// No two tags have the same.
    #[column(unique)]
    pub name: String,
}

/// What somebody owns.
#[derive(Clone, Debug, Default, Entity)]
#[entity(table = "accounts")]
pub struct Account {
    /// Given by the program.
    #[key]
    pub id: i64,
    /// May be below zero.
    pub balance: i64,
}

/// Runs an example on a database of its own, in memory.
///
/// # Panics
/// If the example answers an error.
pub fn run(example: impl AsyncFnOnce(Engine) -> anyorm::Result<()>) {
    let done = async {
        let engine = Engine::open("sqlite::memory:").await?;
        engine.create_all(&schema![User, Post, Tag, Account]).await?;
        store_rows(&engine).await?;
        example(engine).await
    };
    if let Err(error) = futures_lite::future::block_on(done) {
        panic!("{error}");
    }
}

/// Runs an example on a server, in a schema of its own: the one that `ANYORM_POSTGRES` names, or the one of this machine.
/// Does nothing where none answers, or the driver is not built in.
///
/// # Panics
/// If the example answers an error.
pub fn on_postgres(example: impl AsyncFnOnce(Engine) -> anyorm::Result<()>) {
    let server = std::env::var("ANYORM_POSTGRES");
    let server = server.unwrap_or_else(|_| "postgres://postgres@127.0.0.1:5432/test".to_owned());
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let schema = format!("anyorm_blog_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    let done = async {
        let Ok(outer) = Engine::open(&server).await else { return Ok(()) };
        let place = Identifier::new(&schema)?;
        outer.execute(sql!("CREATE SCHEMA {place}")).await?;
        let separator = if server.contains('?') { '&' } else { '?' };
        let engine = Engine::open(&format!("{server}{separator}options=-c%20search_path%3D{schema}")).await?;
        engine.create_all(&schema![User, Post, Tag, Account]).await?;
        store_rows(&engine).await?;
        let result = example(engine).await;
        outer.execute(sql!("DROP SCHEMA {place} CASCADE")).await?;
        result
    };
    if let Err(error) = futures_lite::future::block_on(done) {
        panic!("{error}");
    }
}

async fn store_rows(engine: &Engine) -> anyorm::Result<()> {
    let mut session = engine.session();
    let user =
        |name: &str, email: &str| User { name: name.into(), email: email.into(), ..Default::default() };
    let ada = session.add(User { age: Some(36), ..user("Ada", "ada@example.org") });
    session.add(user("Grace", "grace@example.org"));
    let tags =
        session.add_all(["math", "poetry"].map(|name| Tag { name: name.into(), ..Default::default() }));
    let posts = ["Notes", "Letters"];
    let posts = posts.map(|title| Post { title: title.into(), author: ada.into(), ..Default::default() });
    let posts = session.add_all(posts);
    session[posts[0]].tags.push(tags[0]);
    session.add_all([Account { id: 1, balance: 50 }, Account { id: 2, balance: 0 }]);
    session.commit().await
}
