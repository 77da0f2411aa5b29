//! The database of these tests: three accounts, whose state is one of a few known ones.

use anyorm::prelude::*;
use anyorm::{Result, Statistics};
use anyorm_tests::check::full_again;
use anyorm_tests::{Account, Post, User, blog, post, user};
use orm_testkit::Database;

use crate::moments::Dropped;

/// The rows of the accounts: key and balance.
pub(crate) type Rows = Vec<(i64, i64)>;

/// Accounts 1 to 3, with 10 each.
pub(crate) const BEFORE: [(i64, i64); 3] = [(1, 10), (2, 10), (3, 10)];

pub(crate) fn account((id, balance): (i64, i64)) -> Account {
    Account { id, balance }
}

/// Makes the tables, the accounts, and Ada with two posts.
pub(crate) async fn open(db: &Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let ada = session.add(user("Ada"));
    session.add_all(["a", "b"].map(|title| post(title, ada)));
    session.add_all(BEFORE.map(account));
    session.commit().await
}

/// What the database has.
pub(crate) async fn stored(db: &Database) -> Result<Rows> {
    let query = Account::select().order_by(Account::ID);
    db.engine.all(query.columns((Account::ID, Account::BALANCE))).await
}

/// Looks at the database after a drop: no connection is out, nobody waits, the rows are one of these states, and a
/// connection that reads and the one that writes do so, outside of any transaction. Then makes the rows as they were
/// before. Answers what they were.
pub(crate) async fn settled(db: &Database, allowed: &[&[(i64, i64)]], dropped: Dropped) -> Result<Rows> {
    full_again(&db.engine);
    whole(db.engine.statistics());
    let rows = stored(db).await?;
    assert!(allowed.contains(&&*rows), "{rows:?} is none of {allowed:?}: {dropped:?}");
    if rows != BEFORE {
        // BEGIN IMMEDIATE is refused inside a transaction that was left open.
        let mut transaction = db.engine.begin().await?;
        transaction.execute(Account::delete().everything()).await?;
        transaction.insert_many(BEFORE.map(account)).await?;
        transaction.commit().await?;
        assert_eq!(stored(db).await?, BEFORE, "a reader sees what was just written: {dropped:?}");
    }
    Ok(rows)
}

/// The same after a call that makes the rows `after` of what they were: it happened wholly or not at all, not without a
/// poll, and for certain if it was ready.
pub(crate) async fn happened(db: &Database, after: &[(i64, i64)], dropped: Dropped) -> Result<()> {
    let rows = settled(db, &[&BEFORE, after], dropped).await?;
    let happened = rows == after;
    assert!(dropped.polled || !happened || after == BEFORE, "it was never polled: {dropped:?}");
    assert!(!dropped.ready || happened, "it came to its end: {dropped:?}");
    Ok(())
}

/// The same after a call that reads.
pub(crate) async fn unchanged(db: &Database, dropped: Dropped) -> Result<()> {
    settled(db, &[&BEFORE], dropped).await.map(drop)
}

/// Numbers that fit together.
pub(crate) fn whole(numbers: Statistics) {
    assert!(numbers.readers_idle + numbers.readers_in_use <= numbers.readers_size, "{numbers:?}");
    assert!(numbers.writer_idle + numbers.writer_in_use <= numbers.writer_size, "{numbers:?}");
}

/// All accounts get one more.
pub(crate) const RAISED: [(i64, i64); 3] = [(1, 11), (2, 11), (3, 11)];

pub(crate) fn raise() -> impl anyorm::Query {
    Account::update().set(Account::BALANCE, Account::BALANCE + 1).everything()
}

/// Two accounts more.
pub(crate) const MORE: [(i64, i64); 5] = [(1, 10), (2, 10), (3, 10), (4, 7), (5, 7)];

pub(crate) fn more() -> [Account; 2] {
    [account((4, 7)), account((5, 7))]
}

/// Ada, and what she wrote.
pub(crate) const ADA: i64 = 1;

pub(crate) fn ada_with_posts() -> anyorm::stmt::Select<User, anyorm::query::Graph<User>> {
    User::select().with(User::POSTS.then(Post::TAGS))
}
