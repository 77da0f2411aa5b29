//! Locks of another engine on the same file: where the database is busy, and what is said then.

use std::time::Duration;

use anyorm::prelude::*;
use anyorm::{Begin, Error, Result};
use anyorm_tests::check::{full_again, nothing_lost, says};
use anyorm_tests::{Account, blog};
use orm_testkit::{Behaviour, Database, behaviours};

pub(crate) const BEHAVIOURS: &[Behaviour] = &behaviours![
    a_commit_that_readers_are_in_the_way_of_is_rolled_back,
    a_transaction_that_read_before_another_wrote_is_told_at_once,
    an_engine_that_closes_does_not_wait_for_others,
    a_reader_that_is_opened_while_the_file_is_locked_can_be_opened_later,
];

fn url(db: &Database, options: &str) -> Option<String> {
    Some(format!("sqlite://{}{options}", db.file()?.display()))
}

fn set(balance: i64) -> anyorm::stmt::Update<Account> {
    Account::update().set(Account::BALANCE, balance).everything()
}

async fn balance(engine: &Engine) -> Result<i64> {
    engine.scalar(Account::select().columns(Account::BALANCE)).await
}

async fn prepare(db: &Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    db.engine.insert_many([Account { id: 1, balance: 1 }]).await.map(drop)
}

/// Without a log, a COMMIT waits until nobody reads.
async fn a_commit_that_readers_are_in_the_way_of_is_rolled_back(db: Database) -> Result<()> {
    prepare(&db).await?;
    let Some(url) = url(&db, "?journal_mode=delete&busy_timeout=100") else { return Ok(()) };
    db.engine.close().await?;
    let engine = Engine::open(&url).await?;
    let mut reader = engine.begin_with(Begin::new().read_only()).await?;
    reader.count(Account::select()).await?;
    let mut session = engine.session();
    let account = session.get_one::<Account>(1).await?;
    session[account].balance = 7;
    let error = session.commit().await.expect_err("somebody reads");
    assert!(matches!(error, Error::Busy(_)) && error.is_retryable(), "{error:?}");
    says(&error, &["database is locked, after a wait of", "COMMIT", "raise `busy_timeout`"]);
    let mut transaction = engine.begin().await?;
    transaction.execute(set(9)).await?;
    let error = transaction.commit().await.expect_err("somebody reads");
    assert!(matches!(error, Error::Busy(_)), "{error:?}");
    reader.commit().await?;
    full_again(&engine);
    assert_eq!(balance(&engine).await?, 1, "what was not committed is rolled back");
    session.recover().await?;
    session.commit().await?;
    assert_eq!(balance(&engine).await?, 7);
    nothing_lost(&engine).await
}

/// Waiting would not help, so nobody waits.
async fn a_transaction_that_read_before_another_wrote_is_told_at_once(db: Database) -> Result<()> {
    prepare(&db).await?;
    let Some(url) = url(&db, "?busy_timeout=600000") else { return Ok(()) };
    let other = Engine::open(&url).await?;
    let mut connection = other.connection().await?;
    connection.execute(sql("BEGIN")).await?;
    connection.count(Account::select()).await?;
    db.engine.execute(set(2)).await?;
    let error = connection.execute(set(3)).await.expect_err("it read what is no longer there");
    assert!(matches!(error, Error::Busy(_)) && error.is_retryable(), "{error:?}");
    says(&error, &["(code 517)", "roll it back and try again", "BEGIN IMMEDIATE"]);
    connection.execute(sql("ROLLBACK")).await?;
    connection.execute(set(3)).await?;
    drop(connection);
    assert_eq!(balance(&db.engine).await?, 3);
    nothing_lost(&other).await
}

/// The checkpoint of the last connection is left to whoever closes last.
async fn an_engine_that_closes_does_not_wait_for_others(db: Database) -> Result<()> {
    prepare(&db).await?;
    let Some(url) = url(&db, "?busy_timeout=600000") else { return Ok(()) };
    let other = Engine::open(&url).await?;
    other.execute(set(5)).await?;
    let mut writer = db.engine.begin().await?;
    writer.execute(set(6)).await?;
    let mut reader = db.engine.begin_with(Begin::new().read_only()).await?;
    assert_eq!(reader.scalar(Account::select().columns(Account::BALANCE)).await?, 5);
    other.close().await?;
    writer.commit().await?;
    reader.commit().await?;
    assert_eq!(balance(&db.engine).await?, 6);
    nothing_lost(&db.engine).await
}

async fn a_reader_that_is_opened_while_the_file_is_locked_can_be_opened_later(db: Database) -> Result<()> {
    prepare(&db).await?;
    let Some(url) = url(&db, "?journal_mode=delete&busy_timeout=50") else { return Ok(()) };
    db.engine.close().await?;
    let (engine, other) = (Engine::open(&url).await?, Engine::open(&url).await?);
    let mut locker = other.connection().await?;
    locker.execute(sql("BEGIN EXCLUSIVE")).await?;
    let error = balance(&engine).await.expect_err("no reader can be opened");
    assert!(matches!(error, Error::Busy(_)) && error.is_retryable(), "{error:?}");
    says(&error, &["database is locked, after a wait of", "try again"]);
    let unlock = async {
        anyorm::bridge::run_sync(|| std::thread::sleep(Duration::from_millis(20))).await;
        drop(locker);
    };
    unlock.await;
    full_again(&other);
    assert_eq!(balance(&engine).await?, 1);
    nothing_lost(&engine).await
}
