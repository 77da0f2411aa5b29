//! A database that may not grow: what a full disk answers, without one.

use anyorm::error::DatabaseErrorKind;
use anyorm::prelude::*;
use anyorm::{Error, Result, Trusted};
use anyorm_tests::check::{full_again, nothing_lost, says};
use anyorm_tests::{Account, Tag, blog, tag};
use orm_testkit::{Behaviour, Database, behaviours};

pub(crate) const BEHAVIOURS: &[Behaviour] = &behaviours![
    a_statement_that_finds_no_room_is_told_and_leaves_nothing,
    a_transaction_that_finds_no_room_has_ended,
    a_savepoint_that_finds_no_room_takes_its_transaction_along,
    a_connection_inside_its_own_begin_is_told_that_it_was_rolled_back,
    a_session_keeps_its_work_until_there_is_room,
    a_session_is_inactive_after_a_query_that_found_no_room,
    a_nested_session_that_finds_no_room_loses_nothing_unsaid,
    a_nested_session_that_is_dropped_after_it_is_told_so,
    a_sandbox_that_finds_no_room_stores_nothing,
    a_read_goes_on_while_there_is_no_room,
];

/// More than the pages that are free.
fn large() -> String {
    "x".repeat(200_000)
}

/// The tables, an account, and no room for more.
async fn prepare(db: &Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    db.engine.insert_many([Account { id: 1, balance: 1 }]).await?;
    limit(db, 1).await
}

/// The limit is one of the connection that writes, and there is one. It is never below what there is.
async fn limit(db: &Database, pages: i64) -> Result<()> {
    let mut connection = db.engine.connection().await?;
    let limit = sql(Trusted(format!("PRAGMA max_page_count = {pages}"))).returning::<i64>();
    connection.scalar(limit).await.map(drop)
}

async fn make_room(db: &Database) -> Result<()> {
    limit(db, 1_000_000).await
}

fn is_full(error: &Error) -> bool {
    error.database().is_some_and(|error| error.kind == DatabaseErrorKind::DiskFull)
}

/// What the text of such an error has: the words of the database, the next step and the statement; and the file.
fn says_all(error: &Error, db: &Database, statement: &str) {
    assert!(is_full(error), "{error:?}");
    says(
        error,
        &["database or disk is full (code 13)", "free some space", "send the same work again", statement],
    );
    let file = error.database().and_then(|error| error.file.as_deref());
    assert_eq!(file.and_then(|file| file.file_name()), db.file().and_then(|file| file.file_name()));
}

async fn a_statement_that_finds_no_room_is_told_and_leaves_nothing(db: Database) -> Result<()> {
    prepare(&db).await?;
    let insert = || Tag::insert().values((0..10).map(|n| tag(&format!("{n}{}", large()))));
    let error = db.engine.execute(insert()).await.expect_err("there is no room");
    says_all(&error, &db, "INSERT INTO");
    assert!(!error.is_retryable(), "the disk is as full in the next moment");
    assert_eq!(db.engine.count(Tag::select()).await?, 0);
    full_again(&db.engine);
    make_room(&db).await?;
    assert_eq!(db.engine.execute(insert()).await?, 10);
    nothing_lost(&db.engine).await
}

async fn a_transaction_that_finds_no_room_has_ended(db: Database) -> Result<()> {
    prepare(&db).await?;
    let mut transaction = db.engine.begin().await?;
    transaction.execute(Account::update().set(Account::BALANCE, 2).everything()).await?;
    let error = transaction.execute(Tag::insert().value(tag(&large()))).await.expect_err("no room");
    says_all(&error, &db, "INSERT INTO");
    says(&error, &["the transaction was rolled back"]);
    let later = transaction.execute(Account::delete().everything()).await.expect_err("it has ended");
    assert!(matches!(later, Error::Ended(_)), "{later:?}");
    says(&later, &["database or disk is full", "begin a new one"]);
    let commit = transaction.commit().await.expect_err("it has ended");
    assert!(matches!(commit, Error::Ended(_)), "{commit:?}");
    assert_eq!(balances(&db).await?, [1], "all of it is rolled back");
    make_room(&db).await?;
    nothing_lost(&db.engine).await
}

async fn a_savepoint_that_finds_no_room_takes_its_transaction_along(db: Database) -> Result<()> {
    prepare(&db).await?;
    let mut transaction = db.engine.begin().await?;
    transaction.execute(Account::update().set(Account::BALANCE, 2).everything()).await?;
    let mut savepoint = transaction.begin_nested().await?;
    let error = savepoint.execute(Tag::insert().value(tag(&large()))).await.expect_err("no room");
    assert!(is_full(&error), "{error:?}");
    assert!(matches!(savepoint.rollback().await, Err(Error::Ended(_))), "there is nothing to go back to");
    assert!(matches!(transaction.count(Tag::select()).await, Err(Error::Ended(_))));
    assert!(matches!(transaction.commit().await, Err(Error::Ended(_))));
    assert_eq!(balances(&db).await?, [1]);
    make_room(&db).await?;
    nothing_lost(&db.engine).await
}

async fn a_connection_inside_its_own_begin_is_told_that_it_was_rolled_back(db: Database) -> Result<()> {
    prepare(&db).await?;
    let mut connection = db.engine.connection().await?;
    connection.execute(sql("BEGIN IMMEDIATE")).await?;
    connection.execute(Account::update().set(Account::BALANCE, 2).everything()).await?;
    let error = connection.execute(Tag::insert().value(tag(&large()))).await.expect_err("no room");
    says(&error, &["the transaction was rolled back: begin it again"]);
    drop(connection);
    assert_eq!(balances(&db).await?, [1]);
    make_room(&db).await?;
    nothing_lost(&db.engine).await
}

async fn a_session_keeps_its_work_until_there_is_room(db: Database) -> Result<()> {
    prepare(&db).await?;
    let mut session = db.engine.session();
    let account = session.get_one::<Account>(1).await?;
    session[account].balance = 7;
    let flushed = session.add(Account { id: 2, balance: 2 });
    session.flush().await?;
    let new = session.add(tag(&large()));
    let error = session.commit().await.expect_err("no room");
    says_all(&error, &db, "INSERT INTO");
    for _ in 0..3 {
        let later = session.commit().await.expect_err("inactive");
        assert!(matches!(later, Error::Inactive { .. }), "{later:?}");
        says(&later, &["database or disk is full"]);
    }
    full_again(&db.engine);
    // Still no room: the same answer, and still nothing is lost.
    session.recover().await?;
    assert!(is_full(&session.commit().await.expect_err("still no room")));
    session.recover().await?;
    make_room(&db).await?;
    session.commit().await?;
    assert_eq!((session[account].balance, session[flushed].balance), (7, 2));
    assert_eq!(balances(&db).await?, [7, 2]);
    assert_eq!(db.engine.count(Tag::select().filter(Tag::ID.eq(session[new].id))).await?, 1);
    nothing_lost(&db.engine).await
}

async fn a_session_is_inactive_after_a_query_that_found_no_room(db: Database) -> Result<()> {
    prepare(&db).await?;
    let mut session = db.engine.session();
    let account = session.get_one::<Account>(1).await?;
    session[account].balance = 7;
    session.flush().await?;
    let insert = sql("INSERT INTO tags (name) VALUES (?)").bind(large());
    assert!(is_full(&session.execute(insert).await.expect_err("no room")));
    let later = session.commit().await.expect_err("the flush is gone with the transaction");
    assert!(matches!(later, Error::Inactive { .. }), "{later:?}");
    session.recover().await?;
    session.commit().await?;
    assert_eq!(balances(&db).await?, [7]);
    make_room(&db).await?;
    nothing_lost(&db.engine).await
}

/// SQLite rolls back the whole transaction, not only to the savepoint: what was flushed outside of it is gone as well.
async fn a_nested_session_that_finds_no_room_loses_nothing_unsaid(db: Database) -> Result<()> {
    prepare(&db).await?;
    let mut session = db.engine.session();
    let account = session.get_one::<Account>(1).await?;
    session[account].balance = 7;
    session.flush().await?;
    let mut nested = session.begin_nested().await?;
    nested.add(tag(&large()));
    assert!(is_full(&nested.flush().await.expect_err("no room")));
    nested.rollback().await?;
    let later = session.commit().await.expect_err("the flush around the savepoint is gone");
    assert!(matches!(later, Error::Inactive { .. }), "{later:?}");
    says(&later, &["database or disk is full"]);
    assert_eq!(balances(&db).await?, [1]);
    session.recover().await?;
    session.commit().await?;
    assert_eq!(balances(&db).await?, [7]);
    make_room(&db).await?;
    nothing_lost(&db.engine).await
}

async fn a_nested_session_that_is_dropped_after_it_is_told_so(db: Database) -> Result<()> {
    prepare(&db).await?;
    let mut session = db.engine.session();
    let account = session.get_one::<Account>(1).await?;
    session[account].balance = 7;
    session.flush().await?;
    let mut nested = session.begin_nested().await?;
    let insert = sql("INSERT INTO tags (name) VALUES (?)").bind(large());
    assert!(is_full(&nested.execute(insert).await.expect_err("no room")));
    drop(nested);
    let later = session.commit().await.expect_err("the flush around the savepoint is gone");
    assert!(matches!(later, Error::Inactive { .. }), "{later:?}");
    session.rollback().await?;
    assert_eq!(session[account].balance, 1);
    assert_eq!(balances(&db).await?, [1]);
    make_room(&db).await?;
    nothing_lost(&db.engine).await
}

/// The transaction around it is gone: what came later would be stored for good.
async fn a_sandbox_that_finds_no_room_stores_nothing(db: Database) -> Result<()> {
    prepare(&db).await?;
    let sandbox = db.engine.sandbox().await?;
    let mut session = sandbox.session();
    let account = session.get_one::<Account>(1).await?;
    session[account].balance = 7;
    session.flush().await?;
    assert!(is_full(&sandbox_error(session.execute(Tag::insert().value(tag(&large()))).await)));
    for _ in 0..2 {
        assert!(session.commit().await.is_err());
        assert!(session.recover().await.is_ok() || session.rollback().await.is_ok());
    }
    drop(session);
    let error = sandbox_error(sandbox.execute(Account::update().set(Account::BALANCE, 8).everything()).await);
    says(&error, &["begin a new sandbox"]);
    let error = sandbox_error(sandbox.insert_many([Account { id: 3, balance: 3 }]).await);
    assert!(matches!(error, Error::Ended(_)), "{error:?}");
    sandbox.rollback().await?;
    assert_eq!(balances(&db).await?, [1]);
    make_room(&db).await?;
    nothing_lost(&db.engine).await
}

fn sandbox_error<T>(result: Result<T>) -> Error {
    result.map(drop).expect_err("the sandbox has ended")
}

async fn a_read_goes_on_while_there_is_no_room(db: Database) -> Result<()> {
    prepare(&db).await?;
    db.engine.execute(Tag::insert().value(tag(&large()))).await.expect_err("no room");
    assert_eq!(balances(&db).await?, [1]);
    let mut session = db.engine.session();
    assert!(session.get::<Account>(1).await?.is_some());
    // What needs no new page is written, too.
    db.engine.execute(Account::update().set(Account::BALANCE, 2).everything()).await?;
    assert_eq!(balances(&db).await?, [2]);
    Ok(())
}

async fn balances(db: &Database) -> Result<Vec<i64>> {
    db.engine.all(Account::select().order_by(Account::ID.asc()).columns(Account::BALANCE)).await
}
