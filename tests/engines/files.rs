//! Files that are taken away, replaced or damaged while an engine has them open, or before. In memory there are none.

use std::fs;
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use anyorm::error::DatabaseErrorKind as Kind;
use anyorm::prelude::*;
use anyorm::{Error, Result, Trusted};
use anyorm_tests::check::{full_again, nothing_lost, says};
use anyorm_tests::{Account, Tag, blog};
use orm_testkit::{Behaviour, Database, behaviours};

pub(crate) const BEHAVIOURS: &[Behaviour] = &behaviours![
    a_file_that_was_moved_away_takes_no_commit,
    a_file_that_comes_back_is_used_again,
    a_file_that_was_deleted_is_not_made_again,
    a_file_that_was_replaced_is_opened_by_a_later_call,
    an_open_transaction_on_a_deleted_file_is_not_committed,
    a_log_that_was_deleted_ends_the_engine_and_loses_nothing,
    a_log_that_another_journal_mode_removed_is_not_missed,
    a_directory_that_was_removed_is_told,
    a_file_that_was_cut_short_is_told,
    a_damaged_page_is_told_and_the_rest_can_be_read,
    a_header_that_was_overwritten_is_told,
    a_schema_that_another_engine_changed_is_noticed,
    a_link_to_a_file_is_followed,
    engines_that_come_and_go_leave_the_files_of_those_that_stay,
    reads_that_run_inline_notice_it_too,
];

fn kind(error: &Error) -> Option<Kind> {
    error.database().map(|error| error.kind)
}

fn beside(file: &Path, suffix: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

async fn prepare(db: &Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    db.engine.insert_many([Account { id: 1, balance: 1 }, Account { id: 2, balance: 2 }]).await?;
    Ok(())
}

fn set(balance: i64) -> anyorm::stmt::Update<Account> {
    Account::update().set(Account::BALANCE, balance).everything()
}

async fn balances(engine: &Engine) -> Result<Vec<i64>> {
    engine.all(Account::select().order_by(Account::ID.asc()).columns(Account::BALANCE)).await
}

/// What was seen of the files holds for a moment where a program only reads.
async fn a_moment() {
    anyorm::bridge::run_sync(|| std::thread::sleep(std::time::Duration::from_millis(150))).await;
}

async fn a_file_that_was_moved_away_takes_no_commit(db: Database) -> Result<()> {
    prepare(&db).await?;
    let Some(file) = db.file() else { return Ok(()) };
    fs::rename(file, beside(file, "-away")).expect("it is moved");
    for _ in 0..3 {
        let error = db.engine.execute(set(9)).await.expect_err("nobody would see it");
        assert_eq!(kind(&error), Some(Kind::FileReplaced), "{error:?}");
        let name = file.display().to_string();
        says(&error, &[&name, "was deleted or moved while it was open", "put it back"]);
    }
    let error = db.engine.begin().await?.execute(set(9)).await.expect_err("nor here");
    says(&error, &["was deleted or moved"]);
    let error = db.engine.insert_many([Account { id: 3, balance: 3 }]).await.expect_err("nor in bulk");
    assert_eq!(kind(&error), Some(Kind::FileReplaced), "{error:?}");
    a_moment().await;
    let error = balances(&db.engine).await.expect_err("reads notice it too");
    assert_eq!(kind(&error), Some(Kind::FileReplaced), "{error:?}");
    let error = db.engine.sandbox().await.map(drop).expect_err("a sandbox is a transaction");
    assert_eq!(kind(&error), Some(Kind::FileReplaced), "{error:?}");
    full_again(&db.engine);
    fs::rename(beside(file, "-away"), file).expect("it is moved back");
    assert_eq!(balances(&db.engine).await?, [1, 2]);
    nothing_lost(&db.engine).await
}

async fn a_file_that_comes_back_is_used_again(db: Database) -> Result<()> {
    prepare(&db).await?;
    let Some(file) = db.file() else { return Ok(()) };
    let mut session = db.engine.session();
    let account = session.get_one::<Account>(1).await?;
    session[account].balance = 7;
    fs::rename(file, beside(file, "-away")).expect("it is moved");
    let error = session.commit().await.expect_err("nobody would see it");
    assert_eq!(kind(&error), Some(Kind::FileReplaced), "{error:?}");
    let later = session.commit().await.expect_err("inactive");
    says(&later, &["inactive", "was deleted or moved"]);
    session.recover().await?;
    assert_eq!(kind(&session.commit().await.expect_err("still away")), Some(Kind::FileReplaced));
    session.recover().await?;
    fs::rename(beside(file, "-away"), file).expect("it is moved back");
    session.commit().await?;
    assert_eq!(balances(&db.engine).await?, [7, 2]);
    nothing_lost(&db.engine).await
}

async fn a_file_that_was_deleted_is_not_made_again(db: Database) -> Result<()> {
    prepare(&db).await?;
    let Some(file) = db.file() else { return Ok(()) };
    for suffix in ["", "-wal", "-shm"] {
        fs::remove_file(beside(file, suffix)).expect("it is deleted");
    }
    a_moment().await;
    for _ in 0..8 {
        for error in [balances(&db.engine).await.err(), db.engine.execute(set(9)).await.err()] {
            assert_eq!(error.as_ref().and_then(kind), Some(Kind::FileReplaced), "{error:?}");
        }
    }
    assert!(!file.exists(), "an empty database would answer as if it had always been empty");
    full_again(&db.engine);
    Ok(())
}

async fn a_file_that_was_replaced_is_opened_by_a_later_call(db: Database) -> Result<()> {
    prepare(&db).await?;
    let Some(file) = db.file() else { return Ok(()) };
    let copy = beside(file, "-copy");
    db.engine.execute(sql("VACUUM INTO ?").bind(copy.display().to_string())).await?;
    db.engine.execute(set(9)).await?;
    // A backup is put in place, and the log of the other database is out of its way.
    for suffix in ["", "-wal", "-shm"] {
        fs::remove_file(beside(file, suffix)).expect("it is deleted");
    }
    fs::rename(&copy, file).expect("it is moved");
    let error = db.engine.execute(set(10)).await.expect_err("another file");
    assert_eq!(kind(&error), Some(Kind::FileReplaced));
    says(&error, &["was replaced by another file"]);
    // Each connection that was open finds out once.
    a_moment().await;
    let mut tries = 0;
    while let Err(error) = balances(&db.engine).await {
        assert_eq!(kind(&error), Some(Kind::FileReplaced), "{error:?}");
        tries += 1;
        assert!(tries < 10, "{error:?}");
    }
    assert_eq!(balances(&db.engine).await?, [1, 2], "as the backup has it");
    db.engine.execute(set(10)).await?;
    assert_eq!(balances(&db.engine).await?, [10, 10]);
    nothing_lost(&db.engine).await
}

async fn an_open_transaction_on_a_deleted_file_is_not_committed(db: Database) -> Result<()> {
    prepare(&db).await?;
    let Some(file) = db.file() else { return Ok(()) };
    let mut transaction = db.engine.begin().await?;
    transaction.execute(set(9)).await?;
    let mut session = db.engine.session();
    session.begin().await?;
    fs::rename(file, beside(file, "-away")).expect("it is moved");
    let error = transaction.commit().await.expect_err("nobody would see it");
    assert_eq!(kind(&error), Some(Kind::FileReplaced), "{error:?}");
    session.add(Account { id: 3, balance: 3 });
    assert_eq!(kind(&session.flush().await.expect_err("nor this")), Some(Kind::FileReplaced));
    session.rollback().await?;
    full_again(&db.engine);
    fs::rename(beside(file, "-away"), file).expect("it is moved back");
    assert_eq!(balances(&db.engine).await?, [1, 2]);
    nothing_lost(&db.engine).await
}

async fn a_log_that_was_deleted_ends_the_engine_and_loses_nothing(db: Database) -> Result<()> {
    prepare(&db).await?;
    let Some(file) = db.file() else { return Ok(()) };
    for suffix in ["-wal", "-shm"] {
        let engine = Engine::open(&format!("sqlite://{}", file.display())).await?;
        db.engine.close().await?;
        balances(&engine).await?;
        engine.execute(set(5)).await?;
        fs::remove_file(beside(file, suffix)).expect("it is deleted");
        for _ in 0..3 {
            let error = engine.execute(set(9)).await.expect_err("it would be lost");
            assert_eq!(kind(&error), Some(Kind::FileReplaced), "{error:?}");
            says(&error, &[suffix, "close this engine"]);
        }
        a_moment().await;
        assert_eq!(kind(&balances(&engine).await.expect_err("the same")), Some(Kind::FileReplaced));
        engine.close().await?;
        let engine = Engine::open(&format!("sqlite://{}", file.display())).await?;
        assert_eq!(balances(&engine).await?, [5, 5], "{suffix}: what was committed is there");
        let check = engine.all(sql("PRAGMA integrity_check").returning::<String>()).await?;
        assert_eq!(check, ["ok"]);
        engine.execute(set(1)).await?;
        engine.close().await?;
    }
    Ok(())
}

async fn a_log_that_another_journal_mode_removed_is_not_missed(db: Database) -> Result<()> {
    prepare(&db).await?;
    let Some(file) = db.file() else { return Ok(()) };
    for mode in ["delete", "wal", "truncate", "wal"] {
        let mut connection = db.engine.connection().await?;
        let answer = sql(Trusted(format!("PRAGMA journal_mode = {mode}"))).returning::<String>();
        assert_eq!(connection.scalar(answer).await?, mode);
        connection.execute(set(3)).await?;
        assert_eq!(beside(file, "-wal").exists(), mode == "wal");
        connection.execute(set(4)).await?;
    }
    assert_eq!(balances(&db.engine).await?, [4, 4]);
    nothing_lost(&db.engine).await
}

async fn a_directory_that_was_removed_is_told(db: Database) -> Result<()> {
    let Some(file) = db.file() else { return Ok(()) };
    let directory = beside(file, "-directory");
    fs::create_dir(&directory).expect("it is made");
    let engine = Engine::open(&format!("sqlite://{}/blog.db", directory.display())).await?;
    engine.create_all(&blog()).await?;
    fs::remove_dir_all(&directory).expect("it is removed");
    for _ in 0..3 {
        let error = engine.execute(set(1)).await.expect_err("nobody would see it");
        assert_eq!(kind(&error), Some(Kind::FileReplaced), "{error:?}");
        says(&error, &["blog.db", "was deleted or moved"]);
    }
    full_again(&engine);
    Ok(())
}

/// A file of many pages, closed, and where it is.
async fn large(db: &Database) -> Result<Option<PathBuf>> {
    prepare(db).await?;
    let Some(file) = db.file() else { return Ok(None) };
    let tags = (0..2_000).map(|n| Tag { name: format!("{n} {}", "x".repeat(200)), ..Tag::default() });
    db.engine.insert_many(tags).await?;
    db.engine.close().await?;
    assert!(fs::metadata(file).is_ok_and(|file| file.len() > 300_000), "the log is in the file");
    Ok(Some(file.to_owned()))
}

async fn a_file_that_was_cut_short_is_told(db: Database) -> Result<()> {
    let Some(file) = large(&db).await? else { return Ok(()) };
    let engine = Engine::open(&format!("sqlite://{}", file.display())).await?;
    let opened = fs::OpenOptions::new().write(true).open(&file).expect("it is opened");
    opened.set_len(100_000).expect("it is cut");
    for _ in 0..3 {
        let error = engine.all(Tag::select()).await.expect_err("most of it is gone");
        assert!(matches!(kind(&error), Some(Kind::Corrupt | Kind::Io)), "{error:?}");
        says(&error, &[&file.display().to_string()]);
    }
    let mut session = engine.session();
    let error = session.all(Tag::select()).await.expect_err("nor here");
    assert!(matches!(kind(&error), Some(Kind::Corrupt | Kind::Io)), "{error:?}");
    full_again(&engine);
    Ok(())
}

async fn a_damaged_page_is_told_and_the_rest_can_be_read(db: Database) -> Result<()> {
    let Some(file) = large(&db).await? else { return Ok(()) };
    let sound = fs::read(&file).expect("it is read");
    let mut opened = fs::OpenOptions::new().write(true).open(&file).expect("it is opened");
    // In the middle of the pages of tags: the end of the file is their index.
    for page in 20..30 {
        opened.seek(SeekFrom::Start(page * 4_096)).expect("it is long enough");
        opened.write_all(&[0x55; 4_096]).expect("it is written");
    }
    let engine = Engine::open(&format!("sqlite://{}", file.display())).await?;
    for _ in 0..3 {
        let error = engine.all(Tag::select()).await.expect_err("a page is damaged");
        assert_eq!(kind(&error), Some(Kind::Corrupt), "{error:?}");
        says(&error, &[&file.display().to_string(), "malformed", "restore a backup", "SELECT"]);
        assert_eq!(balances(&engine).await?, [1, 2], "the rest can be read");
    }
    let mut session = engine.session();
    session.begin().await?;
    let account = session.get_one::<Account>(1).await?;
    session[account].balance = 7;
    session.flush().await?;
    let error = session.all(Tag::select()).await.expect_err("a page is damaged");
    assert_eq!(kind(&error), Some(Kind::Corrupt), "{error:?}");
    // SQLite trusts nothing that the transaction has in memory.
    let error = session.commit().await.expect_err("it met a damaged page");
    assert_eq!(kind(&error), Some(Kind::Corrupt), "{error:?}");
    says(&error, &["the transaction was rolled back", "COMMIT"]);
    session.recover().await?;
    session.commit().await?;
    assert_eq!(balances(&engine).await?, [7, 2]);
    full_again(&engine);
    // Mended in place: what connections had of the damaged pages is not seen again.
    engine.close().await?;
    fs::write(&file, &sound).expect("it is written");
    let engine = Engine::open(&format!("sqlite://{}", file.display())).await?;
    assert_eq!(engine.count(Tag::select()).await?, 2_000);
    nothing_lost(&engine).await
}

async fn a_header_that_was_overwritten_is_told(db: Database) -> Result<()> {
    let Some(file) = large(&db).await? else { return Ok(()) };
    let engine = Engine::open(&format!("sqlite://{}", file.display())).await?;
    let mut opened = fs::OpenOptions::new().write(true).open(&file).expect("it is opened");
    opened.write_all(&[0x55; 4_096]).expect("it is written");
    let error = engine.count(Tag::select()).await.expect_err("not a database any more");
    assert!(
        matches!(kind(&error), Some(Kind::Corrupt)) || matches!(error, Error::Configuration(_)),
        "{error:?}"
    );
    says(&error, &[&file.display().to_string()]);
    full_again(&engine);
    Ok(())
}

async fn a_schema_that_another_engine_changed_is_noticed(db: Database) -> Result<()> {
    prepare(&db).await?;
    let Some(file) = db.file() else { return Ok(()) };
    let other = Engine::open(&format!("sqlite://{}", file.display())).await?;
    let everything = || sql("SELECT * FROM accounts ORDER BY id").returning::<(i64, i64)>();
    let mut session = db.engine.session();
    let account = session.get_one::<Account>(1).await?;
    for column in ["a", "b", "c"] {
        // Prepared and cached on both connections.
        assert_eq!(db.engine.all(everything()).await?, [(1, 1), (2, 2)]);
        db.engine.execute(set(2)).await?;
        db.engine.execute(Account::update().set(Account::BALANCE, Account::ID).everything()).await?;
        session[account].balance += 1;
        other.execute(sql(Trusted(format!("ALTER TABLE accounts ADD COLUMN {column} INTEGER")))).await?;
        session.rollback().await?;
    }
    other.execute(sql("ALTER TABLE accounts RENAME COLUMN balance TO money")).await?;
    session[account].balance = 5;
    let error = session.commit().await.expect_err("the column is not there");
    assert_eq!(kind(&error), Some(Kind::Statement), "{error:?}");
    says(&error, &["no such column", "the table differs from the entity"]);
    session.recover().await?;
    other.execute(sql("ALTER TABLE accounts RENAME COLUMN money TO balance")).await?;
    session.commit().await?;
    assert_eq!(balances(&db.engine).await?, [5, 2]);
    nothing_lost(&db.engine).await
}

#[cfg(unix)]
async fn a_link_to_a_file_is_followed(db: Database) -> Result<()> {
    prepare(&db).await?;
    let Some(file) = db.file() else { return Ok(()) };
    let link = beside(file, "-link");
    std::os::unix::fs::symlink(file, &link).expect("it is made");
    let engine = Engine::open(&format!("sqlite://{}", link.display())).await?;
    engine.execute(set(6)).await?;
    engine.execute(set(7)).await?;
    assert_eq!(balances(&db.engine).await?, [7, 7]);
    assert_eq!(balances(&engine).await?, [7, 7]);
    fs::remove_file(&link).expect("it is removed");
    engine.execute(set(8)).await?;
    assert_eq!(balances(&db.engine).await?, [8, 8], "the file is where it was");
    nothing_lost(&engine).await
}

#[cfg(not(unix))]
async fn a_link_to_a_file_is_followed(_: Database) -> Result<()> {
    Ok(())
}

/// The last connection to close removes the log: not while a connection is open that has only read.
async fn engines_that_come_and_go_leave_the_files_of_those_that_stay(db: Database) -> Result<()> {
    prepare(&db).await?;
    let Some(file) = db.file() else { return Ok(()) };
    db.engine.close().await?;
    let reader = Engine::open(&format!("sqlite://{}?mode=ro", file.display())).await?;
    assert_eq!(balances(&reader).await?, [1, 2]);
    let idle = Engine::open(&format!("sqlite://{}", file.display())).await?;
    for balance in 3..6 {
        let other = Engine::open(&format!("sqlite://{}", file.display())).await?;
        other.execute(set(balance)).await?;
        other.close().await?;
        a_moment().await;
        assert_eq!(balances(&reader).await?, [balance; 2]);
    }
    idle.execute(set(9)).await?;
    idle.close().await?;
    a_moment().await;
    assert_eq!(balances(&reader).await?, [9, 9]);
    let other = Engine::open(&format!("sqlite://{}", file.display())).await?;
    other.execute(set(10)).await?;
    assert_eq!(balances(&reader).await?, [10, 10]);
    nothing_lost(&other).await
}

async fn reads_that_run_inline_notice_it_too(db: Database) -> Result<()> {
    prepare(&db).await?;
    let Some(file) = db.file() else { return Ok(()) };
    db.engine.close().await?;
    let engine = Engine::open(&format!("sqlite://{}?dispatch=auto", file.display())).await?;
    let by_key = || Account::select().filter(Account::ID.eq(1)).columns(Account::BALANCE);
    assert_eq!(engine.scalar(by_key()).await?, 1);
    let hops = engine.statistics().hops;
    assert_eq!(engine.scalar(by_key()).await?, 1);
    assert_eq!(engine.statistics().hops, hops, "it runs inline");
    fs::rename(file, beside(file, "-away")).expect("it is moved");
    a_moment().await;
    for _ in 0..3 {
        let error = engine.scalar(by_key()).await.expect_err("it is away");
        assert_eq!(kind(&error), Some(Kind::FileReplaced), "{error:?}");
        let error = engine.session().get::<Account>(1).await.expect_err("it is away");
        assert_eq!(kind(&error), Some(Kind::FileReplaced), "{error:?}");
    }
    full_again(&engine);
    fs::rename(beside(file, "-away"), file).expect("it is moved back");
    assert_eq!(engine.scalar(by_key()).await?, 1);
    nothing_lost(&engine).await
}
