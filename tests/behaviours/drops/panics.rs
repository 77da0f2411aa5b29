//! Panics in the caller's own code: in a type that is read or written, in the closure of a transaction, in an observer.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyorm::observe::{Observer, StatementEvent};
use anyorm::prelude::*;
use anyorm::{Error, Result};
use anyorm_tests::{Account, blog};
use futures_lite::FutureExt;
use orm_testkit::stop::stops;
use orm_testkit::{Behaviour, Database, behaviours};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use anyorm_tests::check::{full_again, nothing_lost, says, text_of};

pub(crate) const BEHAVIOURS: &[Behaviour] = &behaviours![
    a_panic_while_a_row_is_read_arrives_in_the_task_that_awaits,
    a_panic_while_a_row_is_read_ends_the_sessions_transaction,
    a_panic_in_a_dropped_read_leaves_the_session_usable,
    a_panic_while_a_value_is_written_loses_nothing,
    a_panic_in_the_closure_of_a_transaction_rolls_it_back,
    a_panic_inside_a_savepoint_ends_the_transaction_around_it,
    a_panic_of_an_observer_loses_nothing,
    a_panic_of_an_observer_that_hears_of_hops_changes_nothing,
    a_panic_of_an_observer_inside_a_savepoint_ends_the_transaction_around_it,
    a_panic_in_a_dropped_flush_shows_in_the_next_call,
];

/// A value that panics as it is read, or written.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
enum Fuse {
    #[default]
    Safe,
    WhenRead,
    WhenWritten,
}

impl Serialize for Fuse {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Safe => 0.serialize(serializer),
            Self::WhenRead => 1.serialize(serializer),
            Self::WhenWritten => panic!("a fuse blew while it was written"),
        }
    }
}

impl<'de> Deserialize<'de> for Fuse {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match u8::deserialize(deserializer)? {
            0 => Ok(Self::Safe),
            _ => panic!("a fuse blew while it was read"),
        }
    }
}

#[derive(Clone, Debug, Default, Entity)]
#[entity(table = "devices")]
struct Device {
    #[key]
    id: i64,
    fuse: Json<Fuse>,
}

/// A safe device and one that panics as it is read.
async fn devices(db: &Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    db.engine.create_all(&schema![Device]).await?;
    let device = |id, fuse| Device { id, fuse: Json(fuse) };
    let both = [device(1, Fuse::Safe), device(2, Fuse::WhenRead)];
    db.engine.execute(Device::insert().values(both)).await.map(drop)
}

/// What a future panics with.
async fn panic_of<T>(future: impl Future<Output = T>) -> String {
    match AssertUnwindSafe(future).catch_unwind().await {
        Ok(_) => panic!("it did not panic"),
        Err(panic) => text_of(&*panic),
    }
}

const READ: &str = "a fuse blew while it was read";

async fn a_panic_while_a_row_is_read_arrives_in_the_task_that_awaits(db: Database) -> Result<()> {
    devices(&db).await?;
    assert_eq!(panic_of(db.engine.all(Device::select())).await, READ);
    let mut session = db.engine.session();
    assert_eq!(panic_of(session.all(Device::select())).await, READ);
    assert_eq!(panic_of(session.get::<Device>(2)).await, READ);
    full_again(&db.engine);
    let safe = session.get_one::<Device>(1).await?;
    session[safe].fuse = Json(Fuse::Safe);
    session.add(Account { id: 1, balance: 1 });
    session.commit().await?;

    let mut transaction = db.engine.begin().await?;
    transaction.execute(Account::delete().everything()).await?;
    assert_eq!(panic_of(transaction.all(Device::select())).await, READ);
    let error = transaction.commit().await.expect_err("it was rolled back");
    assert!(matches!(error, Error::Ended(_)), "{error:?}");
    let mut connection = db.engine.connection().await?;
    assert_eq!(panic_of(connection.all(Device::select())).await, READ);
    assert_eq!(connection.count(Account::select()).await?, 1);
    drop(connection);
    nothing_lost(&db.engine).await
}

async fn a_panic_while_a_row_is_read_ends_the_sessions_transaction(db: Database) -> Result<()> {
    devices(&db).await?;
    let mut session = db.engine.session();
    let account = session.add(Account { id: 1, balance: 1 });
    session.flush().await?;
    assert_eq!(panic_of(session.all(Device::select())).await, READ);
    let error = session.commit().await.expect_err("the transaction is gone");
    assert!(matches!(error, Error::Inactive { .. }), "{error:?}");
    assert!(error.to_string().contains("a panic in a query of this transaction rolled it back"), "{error}");
    full_again(&db.engine);
    assert_eq!(db.engine.count(Account::select()).await?, 0);
    session.recover().await?;
    session.commit().await?;
    assert_eq!(session[account].balance, 1);
    assert_eq!(db.engine.count(Account::select()).await?, 1);
    nothing_lost(&db.engine).await
}

async fn a_panic_in_a_dropped_read_leaves_the_session_usable(db: Database) -> Result<()> {
    devices(&db).await?;
    for stop in stops() {
        let mut session = db.engine.session();
        let account = session.add(Account { id: 1, balance: 1 });
        session.flush().await?;
        let read = AssertUnwindSafe(session.all(Device::select())).catch_unwind();
        let ended = stop.at(read).is_some();
        // The call after it may tell of the panic; the one after that may not.
        let _ = AssertUnwindSafe(session.count(Account::select())).catch_unwind().await;
        session.rollback().await?;
        full_again(&db.engine);
        assert!(session.peek(account).is_none(), "{stop:?}");
        session.add(Account { id: 1, balance: 2 });
        session.commit().await?;
        assert_eq!(db.engine.execute(Account::delete().everything()).await?, 1);
        if ended {
            break;
        }
    }
    nothing_lost(&db.engine).await
}

async fn a_panic_inside_a_savepoint_ends_the_transaction_around_it(db: Database) -> Result<()> {
    devices(&db).await?;
    let mut session = db.engine.session();
    let first = session.add(Account { id: 1, balance: 1 });
    session.flush().await?;
    let mut part = session.begin_nested().await?;
    part.add(Account { id: 2, balance: 2 });
    part.flush().await?;
    assert_eq!(panic_of(part.all(Device::select())).await, READ);
    part.rollback().await?;
    let error = session.commit().await.expect_err("the transaction is gone");
    assert!(matches!(error, Error::Inactive { .. }), "{error:?}");
    assert_eq!(db.engine.count(Account::select()).await?, 0);
    session.recover().await?;
    session.commit().await?;
    assert_eq!(session[first].balance, 1);
    assert_eq!(db.engine.count(Account::select()).await?, 1);
    nothing_lost(&db.engine).await
}

async fn a_panic_while_a_value_is_written_loses_nothing(db: Database) -> Result<()> {
    devices(&db).await?;
    let written = "a fuse blew while it was written";
    let mut session = db.engine.session();
    let safe = session.get_one::<Device>(1).await?;
    let account = session.add(Account { id: 1, balance: 1 });
    let device = session.add(Device { id: 3, fuse: Json(Fuse::WhenWritten) });
    assert_eq!(panic_of(session.commit()).await, written);
    assert_eq!(panic_of(session.flush()).await, written);
    session[device].fuse = Json(Fuse::Safe);
    session[safe].fuse = Json(Fuse::WhenWritten);
    assert_eq!(panic_of(session.commit()).await, written);
    full_again(&db.engine);
    session[safe].fuse = Json(Fuse::Safe);
    session.commit().await?;
    assert_eq!(db.engine.count(Account::select()).await?, 1);
    assert_eq!(db.engine.count(Device::select()).await?, 3);
    session.delete(account);
    session.commit().await?;
    let insert = Device::insert().value(Device { id: 4, fuse: Json(Fuse::WhenRead) });
    db.engine.execute(insert).await?;
    nothing_lost(&db.engine).await
}

async fn a_panic_in_the_closure_of_a_transaction_rolls_it_back(db: Database) -> Result<()> {
    devices(&db).await?;
    for flushed in [false, true] {
        let body = |mut tx: Tx| async move {
            tx.add(Account { id: 1, balance: 1 });
            if flushed {
                tx.flush().await?;
            }
            if tx.in_transaction() {
                panic!("the closure panics");
            }
            Ok(())
        };
        assert_eq!(panic_of(db.engine.transaction(body)).await, "the closure panics");
        full_again(&db.engine);
        assert_eq!(db.engine.count(Account::select()).await?, 0);
    }
    let body = |mut tx: Tx| async move {
        tx.add(Account { id: 1, balance: 1 });
        tx.flush().await?;
        tx.all(Device::select()).await.map(drop)
    };
    assert_eq!(panic_of(db.engine.transaction(body)).await, READ);
    full_again(&db.engine);
    assert_eq!(db.engine.count(Account::select()).await?, 0);
    nothing_lost(&db.engine).await
}

/// Panics at each statement, or at each hop, while it is switched on.
#[derive(Debug, Default)]
struct Grumpy {
    at_statements: AtomicBool,
    at_hops: AtomicBool,
}

impl Observer for Grumpy {
    fn hop(&self) {
        assert!(!self.at_hops.load(Ordering::SeqCst), "no hop");
    }

    fn statement(&self, _event: &StatementEvent<'_>) {
        assert!(!self.at_statements.load(Ordering::SeqCst), "no statement");
    }
}

/// Opens a database with an observer, and a table.
async fn observed() -> Result<(Engine, Arc<Grumpy>)> {
    let grumpy = Arc::new(Grumpy::default());
    let engine = Engine::builder("sqlite::memory:").observer(Arc::<Grumpy>::clone(&grumpy)).open().await?;
    engine.create_all(&schema![Account]).await?;
    Ok((engine, grumpy))
}

async fn a_panic_of_an_observer_loses_nothing(_: Database) -> Result<()> {
    let (engine, grumpy) = observed().await?;
    let mut session = engine.session();
    let account = session.add(Account { id: 1, balance: 1 });
    grumpy.at_statements.store(true, Ordering::SeqCst);
    panic_of(engine.count(Account::select())).await;
    panic_of(session.commit()).await;
    grumpy.at_statements.store(false, Ordering::SeqCst);
    full_again(&engine);
    let error = session.commit().await.expect_err("a panic is a failure");
    says(&error, &["a panic in this flush rolled it back", "`recover()`"]);
    session.recover().await?;
    session.commit().await?;
    assert_eq!(session[account].balance, 1);
    nothing_lost(&engine).await
}

/// Of what is on its way already a panic can stop nothing: it stays with the observer.
async fn a_panic_of_an_observer_that_hears_of_hops_changes_nothing(_: Database) -> Result<()> {
    let (engine, grumpy) = observed().await?;
    grumpy.at_hops.store(true, Ordering::SeqCst);
    let mut session = engine.session();
    let account = session.add(Account { id: 1, balance: 1 });
    session.commit().await?;
    assert_eq!((engine.count(Account::select()).await?, session[account].balance), (1, 1));
    nothing_lost(&engine).await
}

/// What was flushed before the savepoint is gone as well, so the session must not go on as if it were there.
async fn a_panic_of_an_observer_inside_a_savepoint_ends_the_transaction_around_it(_: Database) -> Result<()> {
    let (engine, grumpy) = observed().await?;
    for recover in [false, true] {
        let mut session = engine.session();
        let first = session.add(Account { id: 1, balance: 1 });
        session.flush().await?;
        let mut part = session.begin_nested().await?;
        let second = part.add(Account { id: 2, balance: 2 });
        part.flush().await?;
        part[second].balance = 3;
        grumpy.at_statements.store(true, Ordering::SeqCst);
        panic_of(part.flush()).await;
        grumpy.at_statements.store(false, Ordering::SeqCst);
        part.rollback().await?;
        let error = session.commit().await.expect_err("the transaction is gone");
        assert!(matches!(error, Error::Inactive { .. }), "{error:?}");
        full_again(&engine);
        assert_eq!(engine.count(Account::select()).await?, 0);
        if recover {
            session.recover().await?;
            session.commit().await?;
            assert_eq!((session[first].balance, session.peek(second).is_none()), (1, true));
            assert_eq!(engine.count(Account::select()).await?, 1);
        } else {
            session.rollback().await?;
            assert!(session.peek(first).is_none() && session.peek(second).is_none());
        }
    }
    nothing_lost(&engine).await
}

async fn a_panic_in_a_dropped_flush_shows_in_the_next_call(_: Database) -> Result<()> {
    let (engine, grumpy) = observed().await?;
    for stop in stops() {
        let mut session = engine.session();
        session.add(Account { id: 1, balance: 1 });
        grumpy.at_statements.store(true, Ordering::SeqCst);
        let ended = stop.at(AssertUnwindSafe(session.flush()).catch_unwind()).is_some();
        let after = AssertUnwindSafe(session.flush()).catch_unwind().await;
        assert_eq!(after.is_err(), stop.is_before_the_first_poll(), "{stop:?}: {after:?}");
        grumpy.at_statements.store(false, Ordering::SeqCst);
        let error = session.count(Account::select()).await.expect_err("inactive");
        says(&error, &["a panic in this flush rolled it back"]);
        session.recover().await?;
        session.commit().await?;
        assert_eq!(engine.execute(Account::delete().everything()).await?, 1, "{stop:?}");
        if ended {
            break;
        }
    }
    nothing_lost(&engine).await
}
