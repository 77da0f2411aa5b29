//! Sessions that join an outer transaction: whatever they do, nothing is stored in the end.

use std::time::Duration;

use anyorm::prelude::*;
use anyorm::{Begin, Engine, Error, Result, Sandbox};
use anyorm_tests::{Account, User, blog, user};
use orm_testkit::{Behaviour, Capability, Database, behaviours, step};

use crate::support::{accounts, elsewhere, users};

pub(crate) const BEHAVIOURS: &[Behaviour] = &behaviours![
    t13_each_outside_by_each_end,
    every_verb_of_an_engine_works_inside,
    a_failed_commit_takes_back_its_transaction_only,
    savepoints_inside_a_transaction_inside,
    a_factory_works_inside,
    a_body_that_is_refused_leaves_the_sandbox_alone,
    raw_begin_and_commit_are_inside_too,
    a_session_that_is_dropped_is_rolled_back_inside,
    one_at_a_time,
    a_read_only_transaction_inside,
    others_wait_for_the_sandbox,
    a_dropped_sandbox_stores_nothing,
    an_unused_sandbox_gives_its_connection_back,
    calls_after_the_end_are_refused,
    #[needs(SeveralConnections)]
    an_open_session_keeps_the_sandbox_and_is_named,
    a_sandbox_in_a_sandbox,
    dropped_at_any_point_the_sandbox_goes_on,
];

async fn inside(engine: &Engine) -> Result<Vec<(i64, i64)>> {
    engine.all(Account::select().order_by(Account::ID).columns((Account::ID, Account::BALANCE))).await
}

/// Account 1 with a balance of 50.
async fn with_account(db: &Database) -> Result<Sandbox> {
    db.engine.create_all(&blog()).await?;
    elsewhere(db, "INSERT INTO accounts VALUES (1, 50)").await?;
    db.engine.sandbox().await
}

/// How a session ends.
#[derive(Clone, Copy, Debug, PartialEq)]
enum End {
    Close,
    Commit,
    Rollback,
}

/// Behaviour T13: what is outside of a session, by how the session ends.
async fn t13_each_outside_by_each_end(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    for end in [End::Close, End::Commit, End::Rollback] {
        let seen = joined(&db.engine, end).await?;
        let kept = if end == End::Commit { vec![(7, 7)] } else { vec![] };
        assert_eq!(seen, kept, "nothing outside, {end:?}");
        elsewhere(&db, "DELETE FROM accounts").await?;

        let outer = db.engine.sandbox().await?;
        assert_eq!(joined(&outer, end).await?, kept, "in a transaction, {end:?}");
        outer.execute(sql("INSERT INTO accounts VALUES (1, 1)")).await?;
        let with_kept: Vec<_> = [(1, 1)].into_iter().chain(kept.clone()).collect();
        assert_eq!(inside(&outer).await?, with_kept, "the outer transaction goes on, {end:?}");

        let savepoint = outer.sandbox().await?;
        savepoint.execute(sql("DELETE FROM accounts")).await?;
        assert_eq!(joined(&savepoint, end).await?, kept, "in a savepoint, {end:?}");
        savepoint.rollback().await?;
        assert_eq!(inside(&outer).await?, with_kept, "back to the savepoint, {end:?}");

        outer.rollback().await?;
        assert_eq!(accounts(&db).await?, [], "nothing is stored, {end:?}");
    }
    Ok(())
}

/// A session adds account 7 and ends so. Answers what is there afterwards.
async fn joined(engine: &Engine, end: End) -> Result<Vec<(i64, i64)>> {
    let mut session = engine.session();
    let account = session.add(Account { id: 7, balance: 0 });
    session.flush().await?;
    session[account].balance = 7;
    session.flush().await?;
    match end {
        End::Close => drop(session),
        End::Commit => session.commit().await?,
        End::Rollback => session.rollback().await?,
    }
    inside(engine).await
}

async fn every_verb_of_an_engine_works_inside(db: Database) -> Result<()> {
    let sandbox = with_account(&db).await?;
    let set = |balance: i64| Account::update().set(Account::BALANCE, balance).filter(Account::ID.eq(1));
    assert_eq!(sandbox.execute(set(1)).await?, 1);
    assert_eq!(sandbox.count(Account::select()).await?, 1);
    let mut transaction = sandbox.begin().await?;
    transaction.execute(set(2)).await?;
    transaction.rollback().await?;
    assert_eq!(inside(&sandbox).await?, [(1, 1)]);
    let mut transaction = sandbox.begin().await?;
    let mut part = transaction.begin_nested().await?;
    part.execute(set(3)).await?;
    part.rollback().await?;
    transaction.execute(Account::insert().value(Account { id: 2, balance: 0 })).await?;
    transaction.commit().await?;
    sandbox
        .transaction(|mut tx| async move {
            let account = tx.get_one::<Account>(1).await?;
            tx[account].balance += 10;
            Ok(())
        })
        .await?;
    assert_eq!(inside(&sandbox).await?, [(1, 11), (2, 0)]);
    sandbox.drop_all(&anyorm::schema![Account]).await?;
    sandbox.create_all(&anyorm::schema![Account]).await?;
    assert_eq!(inside(&sandbox).await?, []);
    sandbox.rollback().await?;
    assert_eq!(accounts(&db).await?, [(1, 50)], "tables too");
    Ok(())
}

async fn a_failed_commit_takes_back_its_transaction_only(db: Database) -> Result<()> {
    let sandbox = with_account(&db).await?;
    let mut session = sandbox.session();
    session.add(Account { id: 2, balance: 0 });
    session.commit().await?;
    session.add(Account { id: 3, balance: 0 });
    session.flush().await?;
    let copy = session.add(Account { id: 1, balance: 0 });
    let error = session.commit().await.expect_err("the key is taken");
    assert!(error.constraint().is_some(), "{error}");
    assert_eq!(inside(&sandbox).await?, [(1, 50), (2, 0)], "rolled back to where it began");
    session.recover().await?;
    session[copy].id = 4;
    session.commit().await?;
    assert_eq!(inside(&sandbox).await?, [(1, 50), (2, 0), (3, 0), (4, 0)]);
    // A statement on its own, and a value that is refused before it is sent.
    sandbox.execute(sql("INSERT INTO accounts VALUES (5, 0), (1, 0)")).await.expect_err("the key is taken");
    sandbox.execute(User::insert().value(user("a\0b"))).await.expect_err("no database takes it");
    sandbox.execute(sql("no sql")).await.expect_err("a mistake");
    assert_eq!(inside(&sandbox).await?.len(), 4);
    sandbox.rollback().await?;
    assert_eq!(accounts(&db).await?, [(1, 50)]);
    Ok(())
}

async fn savepoints_inside_a_transaction_inside(db: Database) -> Result<()> {
    let sandbox = with_account(&db).await?;
    let mut session = sandbox.session();
    session.add(Account { id: 2, balance: 0 });
    let refused = session.nested(async |session| {
        session.add(Account { id: 1, balance: 0 });
        session.flush().await
    });
    refused.await.expect_err("the key is taken");
    let refused = session.nested(async |session| {
        session.add(user("a\0b"));
        session.flush().await
    });
    refused.await.expect_err("no database takes it");
    session.nested(async |session| session.execute(sql("UPDATE accounts SET balance = 9")).await).await?;
    session.commit().await?;
    assert_eq!(inside(&sandbox).await?, [(1, 9), (2, 9)]);
    sandbox.rollback().await?;
    assert_eq!(accounts(&db).await?, [(1, 50)]);
    Ok(())
}

async fn a_factory_works_inside(db: Database) -> Result<()> {
    let sessions = SessionFactory::new(db.engine.clone()).autoflush(false);
    let sandbox = with_account(&db).await?;
    let sessions = sessions.on(&sandbox);
    let seen = sessions.begin(|mut tx| async move {
        tx.add(Account { id: 2, balance: 0 });
        tx.count(Account::select()).await
    });
    assert_eq!(seen.await?, 1);
    assert_eq!(inside(&sandbox).await?, [(1, 50), (2, 0)]);
    sandbox.rollback().await?;
    assert_eq!(accounts(&db).await?, [(1, 50)]);
    Ok(())
}

async fn a_body_that_is_refused_leaves_the_sandbox_alone(db: Database) -> Result<()> {
    let sandbox = with_account(&db).await?;
    sandbox.execute(sql("UPDATE accounts SET balance = 1")).await?;
    let refused = sandbox.transaction(|mut tx| async move {
        let account = tx.get_one::<Account>(1).await?;
        tx[account].balance = 2;
        tx.flush().await?;
        Err::<(), _>(Error::other("no"))
    });
    refused.await.expect_err("it says so");
    assert_eq!(inside(&sandbox).await?, [(1, 1)]);
    sandbox.rollback().await
}

async fn raw_begin_and_commit_are_inside_too(db: Database) -> Result<()> {
    let sandbox = with_account(&db).await?;
    let mut connection = sandbox.connection().await?;
    for (end, balance) in [("ROLLBACK", 50), ("commit;", 9)] {
        connection.execute(sql("BEGIN")).await?;
        connection.execute(sql("BEGIN")).await.expect_err("one is open");
        connection.execute(sql("UPDATE accounts SET balance = 9")).await?;
        connection.execute(sql(end)).await?;
        connection.execute(sql(end)).await.expect_err("none is open");
        let seen = connection.scalar(sql("SELECT balance FROM accounts").returning::<i64>()).await?;
        assert_eq!(seen, balance, "{end}");
    }
    drop(connection);
    sandbox.rollback().await?;
    assert_eq!(accounts(&db).await?, [(1, 50)]);
    Ok(())
}

async fn a_session_that_is_dropped_is_rolled_back_inside(db: Database) -> Result<()> {
    let sandbox = with_account(&db).await?;
    let mut session = sandbox.session();
    let account = session.get_one::<Account>(1).await?;
    session[account].balance = 0;
    session.flush().await?;
    drop(session);
    assert_eq!(inside(&sandbox).await?, [(1, 50)]);
    sandbox.rollback().await
}

async fn one_at_a_time(db: Database) -> Result<()> {
    let sandbox = with_account(&db).await?;
    let mut session = sandbox.session();
    session.add(Account { id: 2, balance: 0 });
    session.flush().await?;
    let error = sandbox.count(Account::select()).await.expect_err("this task has the connection");
    assert!(matches!(error, Error::HeldBySelf { .. }), "{error}");
    session.commit().await?;
    assert_eq!(sandbox.count(Account::select()).await?, 2);
    sandbox.rollback().await
}

async fn a_read_only_transaction_inside(db: Database) -> Result<()> {
    let sandbox = with_account(&db).await?;
    sandbox.execute(sql("UPDATE accounts SET balance = 1")).await?;
    let mut reads = sandbox.read_session();
    reads.begin().await?;
    let account = reads.get_one::<Account>(1).await?;
    assert_eq!(reads[account].balance, 1, "it sees what is done inside");
    reads.end().await?;
    let mut transaction = sandbox.begin_with(Begin::new().read_only()).await?;
    transaction.execute(Account::delete().everything()).await.expect_err("it only reads");
    drop(transaction);
    sandbox.rollback().await
}

/// Readers see what is stored, if there are any; who writes waits, as for any transaction.
async fn others_wait_for_the_sandbox(db: Database) -> Result<()> {
    let sandbox = with_account(&db).await?;
    sandbox.execute(sql("UPDATE accounts SET balance = 1")).await?;
    if db.has(Capability::SeveralConnections) {
        assert_eq!(accounts(&db).await?, [(1, 50)]);
    } else {
        let error = accounts(&db).await.expect_err("there is one connection");
        assert!(matches!(&error, Error::HeldBySelf { holder } if holder.contains("sandbox.rs")), "{error}");
    }
    assert_eq!(db.engine.statistics().writer_in_use, 1);
    sandbox.rollback().await?;
    elsewhere(&db, "UPDATE accounts SET balance = 2").await?;
    assert_eq!(accounts(&db).await?, [(1, 2)]);
    Ok(())
}

async fn a_dropped_sandbox_stores_nothing(db: Database) -> Result<()> {
    let sandbox = with_account(&db).await?;
    let clone = sandbox.engine().clone();
    clone.execute(sql("UPDATE accounts SET balance = 1")).await?;
    drop(sandbox);
    assert!(matches!(clone.count(Account::select()).await, Err(Error::Closed)));
    elsewhere(&db, "UPDATE accounts SET balance = balance + 1").await?;
    assert_eq!(accounts(&db).await?, [(1, 51)]);
    Ok(())
}

async fn an_unused_sandbox_gives_its_connection_back(db: Database) -> Result<()> {
    let sandbox = with_account(&db).await?;
    let clone = sandbox.engine().clone();
    sandbox.rollback().await?;
    elsewhere(&db, "UPDATE accounts SET balance = 2").await?;
    drop(clone);
    assert_eq!(db.engine.statistics().writer_in_use, 0);
    Ok(())
}

async fn calls_after_the_end_are_refused(db: Database) -> Result<()> {
    let sandbox = with_account(&db).await?;
    let mut session = sandbox.session();
    let account = session.get_one::<Account>(1).await?;
    sandbox.rollback().await?;
    session[account].balance = 1;
    assert!(matches!(session.commit().await, Err(Error::Closed)));
    assert_eq!(accounts(&db).await?, [(1, 50)]);
    Ok(())
}

async fn an_open_session_keeps_the_sandbox_and_is_named(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let url = db.url().expect("several connections have one database");
    let engine = Engine::builder(&url).acquire_timeout(Duration::from_millis(50)).open().await?;
    let sandbox = engine.sandbox().await?;
    let mut session = sandbox.session();
    session.add(Account { id: 1, balance: 0 });
    session.flush().await?;
    let error = sandbox.rollback().await.expect_err("a session is open");
    assert!(matches!(&error, Error::Timeout(late) if late.holders[0].contains("sandbox.rs")), "{error}");
    session.commit().await?;
    drop(session);
    for _ in 0..200 {
        // It is rolled back as its connection comes home, on another thread.
        let free = elsewhere(&db, "UPDATE accounts SET balance = 2").await;
        if free.is_ok() {
            assert_eq!(accounts(&db).await?, []);
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    panic!("the sandbox was never rolled back");
}

async fn a_sandbox_in_a_sandbox(db: Database) -> Result<()> {
    let outer = with_account(&db).await?;
    outer.execute(sql("UPDATE accounts SET balance = 1")).await?;
    let inner = outer.sandbox().await?;
    let mut session = inner.session();
    let account = session.get_one::<Account>(1).await?;
    session[account].balance = 2;
    session.commit().await?;
    assert_eq!(inside(&inner).await?, [(1, 2)]);
    inner.rollback().await?;
    assert_eq!(inside(&outer).await?, [(1, 1)]);
    outer.rollback().await?;
    assert_eq!(accounts(&db).await?, [(1, 50)]);
    Ok(())
}

/// Promise 5, inside.
async fn dropped_at_any_point_the_sandbox_goes_on(db: Database) -> Result<()> {
    let sandbox = with_account(&db).await?;
    for polls in 0..12 {
        let mut session = sandbox.session();
        session.add(Account { id: 9, balance: 0 });
        let _ = step::polls(polls, session.flush());
        drop(session);
        let _ = step::polls(polls, sandbox.execute(sql("UPDATE accounts SET balance = 50 WHERE id = 1")));
        let _ = step::polls(polls, sandbox.all(Account::select()));
        let mut transaction = sandbox.begin().await?;
        let _ = step::polls(polls, transaction.execute(sql("DELETE FROM accounts")));
        drop(transaction);
        assert_eq!(inside(&sandbox).await?, [(1, 50)], "after {polls} polls");
    }
    sandbox.rollback().await?;
    assert_eq!(users(&db).await?, []);
    assert_eq!(accounts(&db).await?, [(1, 50)]);
    Ok(())
}
