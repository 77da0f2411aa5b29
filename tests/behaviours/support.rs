//! What several of the files share: messages of panics, and what is stored.

use std::panic::{AssertUnwindSafe, catch_unwind};

use anyorm::prelude::*;
use anyorm::{Result, Trusted};
use anyorm_tests::{Account, Node, Post, Tag, User};
use orm_testkit::Database;

/// The message of the panic that the call must end in.
pub(crate) fn panic_of<T>(call: impl FnOnce() -> T) -> String {
    let Err(panic) = catch_unwind(AssertUnwindSafe(call)) else {
        panic!("this call should have panicked");
    };
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).expect("a message").to_owned()
}

/// What was sent since the log was cleared, each with its number of rows, without the transaction around it.
pub(crate) fn sent(db: &Database) -> Vec<String> {
    let frame = ["BEGIN", "COMMIT", "ROLLBACK"];
    let mut batches = db.log.batches();
    batches.retain(|statement| !frame.iter().any(|word| statement.starts_with(word)));
    batches
}

/// Key and balance of all accounts.
pub(crate) async fn accounts(db: &Database) -> Result<Vec<(i64, i64)>> {
    let query = Account::select().order_by(Account::ID.asc());
    db.engine.all(query.columns((Account::ID, Account::BALANCE))).await
}

/// Key and name of all users.
pub(crate) async fn users(db: &Database) -> Result<Vec<(i64, String)>> {
    db.engine.all(User::select().order_by(User::ID.asc()).columns((User::ID, User::NAME))).await
}

/// Title and author of all posts.
pub(crate) async fn posts(db: &Database) -> Result<Vec<(String, i64)>> {
    db.engine.all(Post::select().order_by(Post::ID.asc()).columns((Post::TITLE, Post::AUTHOR_ID))).await
}

/// Names of all tags.
pub(crate) async fn tags(db: &Database) -> Result<Vec<String>> {
    db.engine.all(Tag::select().order_by(Tag::ID.asc()).columns(Tag::NAME)).await
}

/// Name and parent of all nodes.
pub(crate) async fn nodes(db: &Database) -> Result<Vec<(String, Option<i64>)>> {
    db.engine.all(Node::select().order_by(Node::ID.asc()).columns((Node::NAME, Node::PARENT_ID))).await
}

/// The pairs of posts and tags.
pub(crate) async fn pairs(db: &Database) -> Result<Vec<(i64, i64)>> {
    let query = sql("SELECT post_id, tag_id FROM post_tags ORDER BY post_id, tag_id");
    db.engine.all(query.returning::<(i64, i64)>()).await
}

/// What others do meanwhile, on a connection of their own.
pub(crate) async fn elsewhere(db: &Database, statement: &str) -> Result<u64> {
    db.engine.execute(sql(Trusted(statement))).await
}

/// After a commit memory and database agree: another one sends nothing.
pub(crate) async fn settled(db: &Database, session: &mut Session) -> Result<()> {
    let changes = session.changes()?.to_string();
    assert_eq!(changes, "", "all was written");
    assert!(!session.is_dirty());
    db.log.clear();
    session.commit().await?;
    assert_eq!(db.log.hops(), 0, "{:?}", db.log.statements());
    Ok(())
}

/// Key and link of all rows of a table, as another connection sees them.
pub(crate) async fn links(db: &Database, table: &str, column: &str) -> Result<Vec<(i64, Option<i64>)>> {
    let query = sql(Trusted(format!("SELECT id, {column} FROM {table} ORDER BY id")));
    db.engine.all(query.returning::<(i64, Option<i64>)>()).await
}

/// The keys of all rows of a table, as another connection sees them.
pub(crate) async fn keys_of(db: &Database, table: &str) -> Result<Vec<i64>> {
    db.engine.all(sql(Trusted(format!("SELECT id FROM {table} ORDER BY id"))).returning::<i64>()).await
}

/// The rows that a query in SQL answers, as another connection sees them.
pub(crate) async fn stored<T: FromRow>(db: &Database, query: &str) -> Result<Vec<T>> {
    db.engine.all(sql(Trusted(query)).returning::<T>()).await
}
