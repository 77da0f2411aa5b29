//! The same for how a pool ends: closing, dropping, and what outlives it.

use std::time::Duration;

use anyorm::prelude::*;
use anyorm::{Error, Result};
use anyorm_tests::Account;
use anyorm_tests::check::{full_again, says};
use futures_lite::future::{self, poll_once};
use orm_testkit::{Behaviour, Database, behaviours};

use super::held;
use crate::own::{account, another, aside, balance, comes, dispatches, endless, is_file, opened, soon};

pub(crate) const BEHAVIOURS: &[Behaviour] = &behaviours![
    closing_tells_those_who_wait,
    closing_waits_for_those_who_work,
    closing_twice_at_once_closes_once,
    closing_a_clone_closes_all,
    closing_stops_a_statement_after_its_deadline,
    a_closed_file_has_no_log_beside_it,
    a_transaction_outlives_the_engine_it_came_from,
    a_guard_may_be_dropped_on_any_thread,
    engines_on_one_file_have_pools_of_their_own,
];

/// Pools that are closed while tasks wait for them.
async fn closing_tells_those_who_wait(db: Database) -> Result<()> {
    let engine = opened(another(&db, "")).await?;
    let first = held(&engine).await?;
    let mut line: Vec<_> = (0..4).map(|_| engine.begin()).collect();
    for waiting in &mut line {
        assert!(poll_once(waiting).await.is_none());
    }
    let mut close = engine.close();
    assert!(poll_once(&mut close).await.is_none());
    for waiting in line {
        assert!(matches!(soon("an answer", waiting).await, Err(Error::Closed)));
    }
    assert!(matches!(engine.begin().await, Err(Error::Closed)));
    drop(first);
    soon("the close", close).await?;
    assert_eq!((engine.statistics().open(), engine.statistics().in_use()), (0, 0));
    Ok(())
}

/// Work that is under way is not lost by a graceful shutdown.
async fn closing_waits_for_those_who_work(db: Database) -> Result<()> {
    let engine = opened(another(&db, "")).await?;
    let mut transaction = engine.begin().await?;
    transaction.insert_many([account(1)]).await?;
    let closing = engine.clone();
    let close = aside(async move { closing.close().await });
    comes("the close", || engine.statistics().writer_idle == 0 && is_closed(&engine)).await;
    transaction.insert_many([account(2)]).await?;
    transaction.commit().await?;
    soon("the close", close).await?;
    if is_file(&db) {
        assert_eq!(db.engine.count(Account::select()).await?, 2);
    }
    Ok(())
}

fn is_closed(engine: &Engine) -> bool {
    matches!(future::block_on(poll_once(engine.begin())), Some(Err(Error::Closed)))
}

/// Shutdown hooks that are called more than once.
async fn closing_twice_at_once_closes_once(db: Database) -> Result<()> {
    let engine = opened(another(&db, "")).await?;
    let open = engine.statistics().open();
    let (one, two) = soon("both", future::zip(engine.close(), engine.close())).await;
    one?;
    two?;
    engine.close().await?;
    engine.close_within(Duration::from_secs(5)).await?;
    assert_eq!(engine.statistics().closed.shut, open);
    Ok(())
}

/// Clones that live on in other tasks.
async fn closing_a_clone_closes_all(db: Database) -> Result<()> {
    for dispatch in dispatches() {
        let engine = opened(another(&db, dispatch)).await?;
        engine.insert_many([account(1)]).await?;
        let mut session = engine.session();
        let one = session.get_one::<Account>(1).await?;
        engine.clone().close().await?;
        assert!(matches!(engine.one(balance(1)).await, Err(Error::Closed)), "{dispatch}");
        assert!(matches!(engine.stream(balance(1)).next().await, Err(Error::Closed)));
        session[one].balance = 1;
        assert!(matches!(session.commit().await, Err(Error::Closed)));
        let flushed = session.get::<Account>(2).await;
        let Err(Error::Autoflush { error, .. }) = flushed else { panic!("{flushed:?}") };
        assert!(matches!(*error, Error::Closed));
    }
    Ok(())
}

/// A query that runs for hours while the service is to be stopped.
async fn closing_stops_a_statement_after_its_deadline(db: Database) -> Result<()> {
    let engine = opened(another(&db, "")).await?;
    let runs = engine.clone();
    let query = aside(async move { runs.scalar(endless()).await });
    comes("the query", || engine.statistics().in_use() == 1).await;
    let late = soon("the close", engine.close_within(Duration::from_millis(5))).await.unwrap_err();
    says(&late, &["held by", "ends.rs:"]);
    assert!(matches!(soon("the query", query).await, Err(Error::Closed)));
    full_again(&engine);
    comes("the end of all", || engine.statistics().open() == 0).await;
    Ok(())
}

/// `-wal` and `-shm` that stay behind.
async fn a_closed_file_has_no_log_beside_it(db: Database) -> Result<()> {
    let Some(file) = db.file() else { return Ok(()) };
    for dispatch in dispatches() {
        let engine = opened(another(&db, dispatch)).await?;
        engine.insert_many([account(1)]).await?;
        engine.one(balance(1)).await?;
        let log = || file.with_extension("db-wal").exists();
        assert!(log());
        db.engine.close().await?;
        engine.close().await?;
        assert!(!log(), "{dispatch}");
    }
    Ok(())
}

/// Pools that end with the last handle, while connections are out.
async fn a_transaction_outlives_the_engine_it_came_from(db: Database) -> Result<()> {
    let engine = opened(another(&db, "")).await?;
    let mut transaction = engine.begin().await?;
    drop(engine);
    transaction.insert_many([account(1)]).await?;
    assert_eq!(transaction.one(balance(1)).await?, 0);
    let mut stream = transaction.stream(Account::select());
    assert_eq!(stream.next().await?.map(|account| account.id), Some(1));
    drop(stream);
    transaction.commit().await?;
    if is_file(&db) {
        assert_eq!(db.engine.count(Account::select()).await?, 1);
    }
    Ok(())
}

/// Destructors that need a runtime, and panic outside of one.
async fn a_guard_may_be_dropped_on_any_thread(db: Database) -> Result<()> {
    let engine = opened(another(&db, "")).await?;
    for _ in 0..5 {
        let mut transaction = engine.begin().await?;
        transaction.insert_many([account(1)]).await?;
        std::thread::spawn(move || drop(transaction)).join().expect("no runtime is needed");
        full_again(&engine);
        let mut call = engine.scalar(endless());
        assert!(poll_once(&mut call).await.is_none());
        std::thread::scope(|scope| scope.spawn(move || drop(call)).join()).expect("no runtime is needed");
        full_again(&engine);
        let mut stream = engine.stream(Account::select());
        assert!(stream.next().await?.is_none());
        let mut session = engine.session();
        session.add(account(1));
        session.flush().await?;
        std::thread::spawn(move || drop((stream, session))).join().expect("no runtime is needed");
        full_again(&engine);
    }
    assert_eq!(engine.count(Account::select()).await?, 0);
    Ok(())
}

/// Pools that are kept by URL.
async fn engines_on_one_file_have_pools_of_their_own(db: Database) -> Result<()> {
    let (one, two) = (opened(another(&db, "")).await?, opened(another(&db, "")).await?);
    one.insert_many([account(1)]).await?;
    assert_eq!(two.count(Account::select()).await?, u64::from(is_file(&db)));
    one.close().await?;
    two.insert_many([account(2)]).await?;
    assert!(two.exists(Account::select().filter(Account::ID.eq(2))).await?);
    Ok(())
}
