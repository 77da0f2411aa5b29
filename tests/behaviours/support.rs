//! What several of the files share: messages of panics, and what is stored.

use std::panic::{AssertUnwindSafe, catch_unwind};

use anyorm::Result;
use anyorm::prelude::*;
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
    db.engine.execute(sql(statement.to_owned())).await
}
