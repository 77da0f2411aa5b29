//! A lock that another process holds: how long it is waited for, and what is said then.

use std::time::{Duration, Instant};

use anyorm::prelude::*;
use anyorm::{Error, Result, Trusted};
use anyorm_tests::check::{full_again, says};
use anyorm_tests::{Account, blog};
use futures_lite::future::block_on;

use crate::child::{Child, Folder, wait_for_a_line};
use crate::{Role, Test, say};

pub(crate) const TESTS: &[Test] = &[
    ("locked::a_writer_elsewhere", a_writer_elsewhere),
    ("locked::a_tool_that_keeps_the_file_to_itself", a_tool_that_keeps_the_file_to_itself),
    ("locked::a_lock_that_is_given_back_in_time", a_lock_that_is_given_back_in_time),
];

pub(crate) const ROLES: &[Role] = &[("locker", locker)];

/// Runs the statements that it was given, and keeps the locks that they took until it is told to go on.
fn locker(arguments: &[String]) -> Result<(), String> {
    let lock = async {
        let engine = Engine::builder(&arguments[0]).readers(0).open().await?;
        let mut connection = engine.connection().await?;
        for statement in &arguments[1..] {
            connection.execute(sql(Trusted(statement))).await?;
        }
        say("locked");
        wait_for_a_line();
        drop(connection);
        engine.close().await
    };
    block_on(lock).map_err(|error| error.to_string())
}

async fn prepare(folder: &Folder) -> Result<()> {
    let engine = Engine::open(&folder.url("")).await?;
    engine.create_all(&blog()).await?;
    engine.insert_many([Account { id: 1, balance: 1 }]).await?;
    engine.close().await
}

fn set(balance: i64) -> anyorm::stmt::Update<Account> {
    Account::update().set(Account::BALANCE, balance).everything()
}

fn is_busy(error: &Error, folder: &Folder, parts: &[&str]) {
    assert!(matches!(error, Error::Busy(_)) && error.is_retryable(), "{error:?}");
    let file = folder.file().display().to_string();
    says(error, &["database is locked, after a wait of", &file, "try again", "`busy_timeout`"]);
    says(error, parts);
}

fn a_writer_elsewhere() -> String {
    let folder = Folder::new();
    let test = async {
        prepare(&folder).await?;
        let mut child = Child::start("locker", &[&folder.url(""), "BEGIN IMMEDIATE"]);
        child.says("locked");
        let engine = Engine::open(&folder.url("?busy_timeout=150")).await?;
        let mut session = engine.session();
        let account = session.get_one::<Account>(1).await?;
        session[account].balance = 7;
        let since = Instant::now();
        let error = session.commit().await.expect_err("locked");
        assert!(since.elapsed() >= Duration::from_millis(150));
        is_busy(&error, &folder, &["BEGIN IMMEDIATE"]);
        is_busy(&engine.execute(set(9)).await.expect_err("locked"), &folder, &["UPDATE"]);
        let mut transaction = engine.begin().await?;
        is_busy(&transaction.execute(set(9)).await.expect_err("locked"), &folder, &["BEGIN IMMEDIATE"]);
        // Readers are not in the way of a writer, nor it in theirs.
        assert_eq!(engine.count(Account::select()).await?, 1);
        child.tell();
        child.end();
        // The transaction has not begun, and may begin now; but somebody else is first.
        drop(transaction);
        session.recover().await?;
        session.commit().await?;
        assert_eq!(engine.scalar(Account::select().columns(Account::BALANCE)).await?, 7);
        full_again(&engine);
        Ok::<_, Error>(())
    };
    block_on(test).expect("the lock is waited for");
    String::new()
}

/// `sqlite3` with `PRAGMA locking_mode = EXCLUSIVE`, a backup that holds the file, an old journal mode.
fn a_tool_that_keeps_the_file_to_itself() -> String {
    let folder = Folder::new();
    let test = async {
        prepare(&folder).await?;
        for statements in [
            ["PRAGMA locking_mode = EXCLUSIVE", "UPDATE accounts SET balance = 2"],
            ["PRAGMA journal_mode = DELETE", "BEGIN EXCLUSIVE"],
        ] {
            let mut child = Child::start("locker", &[&[&*folder.url("")], &statements[..]].concat());
            child.says("locked");
            let since = Instant::now();
            let error = Engine::open(&folder.url("?busy_timeout=150")).await.expect_err("locked");
            assert!(since.elapsed() >= Duration::from_millis(150));
            is_busy(&error, &folder, &[]);
            child.tell();
            child.end();
            let engine = Engine::open(&folder.url("?busy_timeout=150")).await?;
            assert_eq!(engine.execute(set(1)).await?, 1);
            engine.close().await?;
        }
        Ok::<_, Error>(())
    };
    block_on(test).expect("the lock is waited for");
    String::new()
}

fn a_lock_that_is_given_back_in_time() -> String {
    let folder = Folder::new();
    let test = async {
        prepare(&folder).await?;
        let mut child = Child::start("locker", &[&folder.url(""), "BEGIN IMMEDIATE"]);
        child.says("locked");
        // Longer than any pause between two tries.
        let engine = Engine::open(&folder.url("?busy_timeout=60000")).await?;
        let other = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(300));
            child.tell();
            child.end();
        });
        assert_eq!(engine.execute(set(3)).await?, 1);
        other.join().expect("the child ends");
        Ok::<_, Error>(())
    };
    block_on(test).expect("the lock is waited for");
    String::new()
}
