//! The whole story on one page: describe, open, add, change, load, delete, query without a session, transact.
//!
//! ```text
//! cargo run --example quickstart                      a file in a temporary folder
//! cargo run --example quickstart -- sqlite://blog.db  a database of yours: its tables of these names are replaced
//! ```

#![allow(clippy::print_stdout, reason = "an example tells what it does")]

use anyorm::prelude::*;

#[derive(Clone, Debug, Default, Entity)]
#[entity(table = "users")]
struct User {
    #[key(auto)]
    id: i64,
    #[column(unique)]
    email: String,
    name: String,
    age: Option<i32>,
    #[has_many(Post::AUTHOR)]
    posts: HasMany<Post>,
}

#[derive(Clone, Debug, Default, Entity)]
#[entity(table = "posts")]
struct Post {
    #[key(auto)]
    id: i64,
    title: String,
    #[belongs_to(on_delete = cascade)]
    author: BelongsTo<User>,
    #[many_to_many(through = "post_tags")]
    tags: ManyToMany<Tag>,
    #[version]
    version: i64,
}

#[derive(Clone, Debug, Default, Entity)]
#[entity(table = "tags")]
struct Tag {
    #[key(auto)]
    id: i64,
    #[column(unique)]
    name: String,
}

#[derive(Clone, Debug, Default, Entity)]
#[entity(table = "accounts")]
struct Account {
    #[key]
    id: i64,
    balance: i64,
}

async fn app(url: &str) -> anyorm::Result<()> {
    let engine = Engine::open(url).await?;
    let schema = schema![User, Post, Tag, Account];
    engine.drop_all(&schema).await?;
    engine.create_all(&schema).await?;
    println!("opened {url}");

    // New entities, linked by handles. One commit: BEGIN, every INSERT in the right order, COMMIT.
    let mut session = engine.session();
    let ada = session.add(User {
        name: "Ada".into(),
        email: "ada@example.org".into(),
        age: Some(36),
        ..Default::default()
    });
    let post = session.add(Post { title: "Notes".into(), author: ada.into(), ..Default::default() });
    let tag = session.add(Tag { name: "engines".into(), ..Default::default() });
    session[post].tags.push(tag);
    session.add_all([Account { id: 1, balance: 50 }, Account { id: 2, balance: 0 }]);
    println!("about to commit:\n{}", session.changes()?);
    session.commit().await?;
    println!("{} wrote {}", session[ada].id, session[post].title);
    assert_eq!((session[ada].id, session[post].id), (1, 1));

    // Writing through a handle is what tracks the change: the UPDATE writes one column.
    session[ada].name.push_str(" Lovelace");
    println!("a change: {}", session.changes()?);
    session.commit().await?;

    // A fresh session reads with relations: three statements, one hop.
    let mut session = engine.session();
    let adults = session
        .all(
            User::select()
                .filter(User::AGE.ge(18) & User::NAME.starts_with("A"))
                .order_by(User::NAME.asc())
                .limit(20)
                .with(User::POSTS.then(Post::TAGS)),
        )
        .await?;
    for &user in &adults {
        session[user].age = session[user].age.map(|age| age + 1);
        for &post in session[user].posts.iter() {
            let tags: Vec<&str> = session[post].tags.iter().map(|&tag| session[tag].name.as_str()).collect();
            println!("{} wrote {:?}, tagged {tags:?}", session[user].name, session[post].title);
        }
    }
    let again = session.get::<User>(1).await?;
    assert_eq!(again, Some(adults[0]), "the identity map: one row, one handle, no SQL");
    let post = session[adults[0]].posts.iter().copied().next().expect("she has a post");
    session.delete(post);
    session.commit().await?;
    assert!(session.peek(post).is_none(), "a committed delete makes the handle stale");

    // Without a session: plain values, same queries.
    let rows: Vec<User> = engine.all(User::select().filter(User::AGE.eq(37))).await?;
    assert_eq!(rows[0].name, "Ada Lovelace");
    session.add(Post { title: "Sketch".into(), author: BelongsTo::to_key(1), ..Default::default() });
    session.commit().await?;
    let pairs: Vec<(String, i64)> = engine
        .all(User::select().join(User::POSTS).group_by(User::NAME).columns((User::NAME, count(Post::ID))))
        .await?;
    println!("posts per user: {pairs:?}");
    assert_eq!(pairs, [("Ada Lovelace".to_owned(), 1)]);

    // A transaction that retries itself when the database asks for it.
    engine
        .transaction(|mut tx| async move {
            let a = tx.get_one::<Account>(1).await?;
            let b = tx.get_one::<Account>(2).await?;
            tx[a].balance -= 10;
            tx[b].balance += 10;
            Ok(())
        })
        .await?;
    let balances: Vec<i64> =
        engine.all(Account::select().order_by(Account::ID.asc()).columns(Account::BALANCE)).await?;
    println!("balances: {balances:?}");
    assert_eq!(balances, [40, 10]);

    // What goes wrong says what and where, and loses nothing.
    let twin =
        session.add(User { name: "Twin".into(), email: "ada@example.org".into(), ..Default::default() });
    let error = session.commit().await.expect_err("the email is taken");
    println!("refused: {error}");
    session.recover().await?;
    session[twin].email = "twin@example.org".into();
    session.commit().await?;
    println!("mended: {} has id {}", session[twin].name, session[twin].id);
    engine.close().await
}

fn main() -> anyorm::Result<()> {
    let file = std::env::temp_dir().join(format!("anyorm-quickstart-{}.db", std::process::id()));
    let url = std::env::args().nth(1).unwrap_or_else(|| format!("sqlite://{}", file.display()));
    // Any executor will do: see examples/executors.rs.
    let result = futures_lite::future::block_on(app(&url));
    for suffix in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(format!("{}{suffix}", file.display()));
    }
    result
}
