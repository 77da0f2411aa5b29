//! Connections that die, hang or panic: a driver made for that.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use futures_lite::future;
use orm_core::program::{Failure, ProgramResult};
use orm_core::{Dialect, Error, Outcome, Program, Result, SQLITE, Sink, sql};
use orm_exec::driver::{Answer, Connect, DriverConnection, Interrupt, JobId, answered};
use orm_exec::{Access, Engine, Telemetry};

use crate::support::{eventually, full_again};

/// What goes wrong, and what became of the connections.
#[derive(Debug, Default)]
struct Faults {
    /// The rollback fails, and the transaction stays open.
    no_rollback: AtomicBool,
    /// The rollback panics.
    rollback_panics: AtomicBool,
    /// Closing panics.
    close_panics: AtomicBool,
    /// How many of the next attempts to open fail.
    refusals: AtomicUsize,
    opened: AtomicUsize,
    closed: AtomicUsize,
    /// Opening waits for a message.
    hang: Mutex<Option<mpsc::Receiver<()>>>,
}

#[derive(Clone, Debug)]
struct Faulty(Arc<Faults>);

#[derive(Debug)]
struct FaultyConnection {
    faults: Arc<Faults>,
    open: bool,
}

struct Nothing;

impl Connect for Faulty {
    fn dialect(&self) -> &'static Dialect {
        &SQLITE
    }

    fn connect(&self, _: Access, _: Arc<Telemetry>) -> Answer<'_, Result<Box<dyn DriverConnection>>> {
        answered(self.open())
    }
}

impl Faulty {
    fn open(&self) -> Result<Box<dyn DriverConnection>> {
        let hang = self.0.hang.lock().unwrap().take();
        if let Some(hang) = hang {
            let _ = hang.recv_timeout(Duration::from_secs(60));
        }
        let refused =
            self.0.refusals.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        if refused.is_ok() {
            return Err(Error::other("the database is away"));
        }
        self.0.opened.fetch_add(1, Ordering::SeqCst);
        Ok(Box::new(FaultyConnection { faults: Arc::clone(&self.0), open: false }))
    }
}

impl FaultyConnection {
    /// A statement `fail` fails; each program leaves a transaction open that it began and did not end.
    fn answer(&mut self, program: &Program) -> ProgramResult {
        self.open |= program.begin.is_some();
        if program.steps.iter().any(|step| &*step.shape.sql == "fail") {
            return Err(Failure::outside(Error::other("the connection is lost")));
        }
        self.open &= !program.commit;
        let steps = program.steps.len();
        Ok(Outcome { affected: vec![0; steps], generated: vec![Vec::new(); steps] })
    }
}

impl DriverConnection for FaultyConnection {
    fn run<'a>(
        &'a mut self,
        _: JobId,
        program: &'a Program,
        _: &'a mut dyn Sink,
    ) -> Answer<'a, ProgramResult> {
        answered(self.answer(program))
    }

    fn in_transaction(&self) -> bool {
        self.open
    }

    fn rollback(&mut self) -> Answer<'_, Result<()>> {
        assert!(!self.faults.rollback_panics.load(Ordering::SeqCst), "in rollback");
        if self.faults.no_rollback.load(Ordering::SeqCst) {
            return answered(Err(Error::other("the connection is lost")));
        }
        self.open = false;
        answered(Ok(()))
    }

    fn close(self: Box<Self>) -> Answer<'static, ()> {
        drop(self);
        answered(())
    }

    fn interrupter(&self) -> Arc<dyn Interrupt> {
        Arc::new(Nothing)
    }
}

impl Drop for FaultyConnection {
    fn drop(&mut self) {
        self.faults.closed.fetch_add(1, Ordering::SeqCst);
        assert!(!self.faults.close_panics.load(Ordering::SeqCst), "in drop");
    }
}

impl Interrupt for Nothing {
    fn interrupt(&self, _: JobId) {}
}

impl fmt::Debug for Nothing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Nothing")
    }
}

async fn engine(options: &str) -> (Engine, Arc<Faults>) {
    let faults = Arc::new(Faults::default());
    let builder = Engine::builder(&format!("sqlite:none.db?{options}"));
    (builder.connector(Box::new(Faulty(Arc::clone(&faults)))).open().await.unwrap(), faults)
}

#[test]
fn a_connection_that_cannot_be_rolled_back_is_replaced_and_nobody_hears_of_it() {
    future::block_on(async {
        let (engine, faults) = engine("").await;
        for fault in [&faults.no_rollback, &faults.rollback_panics] {
            fault.store(true, Ordering::SeqCst);
            let before = engine.statistics();
            let mut transaction = engine.begin().await.unwrap();
            transaction.execute(sql("work")).await.unwrap();
            drop(transaction);
            full_again(&engine);
            fault.store(false, Ordering::SeqCst);
            engine.execute(sql("work")).await.unwrap();
            let after = engine.statistics();
            assert_eq!((after.closed.broken, after.opened), (before.closed.broken + 1, before.opened + 1));
            assert_eq!(after.open(), 1);
        }
        assert_eq!((faults.opened.load(Ordering::SeqCst), faults.closed.load(Ordering::SeqCst)), (3, 2));
    });
}

#[test]
fn so_is_one_that_panics_when_it_is_closed_as_well() {
    future::block_on(async {
        let (engine, faults) = engine("").await;
        faults.no_rollback.store(true, Ordering::SeqCst);
        faults.close_panics.store(true, Ordering::SeqCst);
        let mut transaction = engine.begin().await.unwrap();
        transaction.execute(sql("work")).await.unwrap();
        drop(transaction);
        full_again(&engine);
        faults.no_rollback.store(false, Ordering::SeqCst);
        engine.execute(sql("work")).await.unwrap();
        // Closing ends, too.
        engine.close_within(Duration::from_secs(20)).await.unwrap();
        assert_eq!(engine.statistics().open(), 0);
        faults.close_panics.store(false, Ordering::SeqCst);
    });
}

#[test]
fn a_connection_that_is_lost_in_a_statement_tells_its_transaction() {
    future::block_on(async {
        let (engine, faults) = engine("").await;
        faults.no_rollback.store(true, Ordering::SeqCst);
        let mut transaction = engine.begin().await.unwrap();
        transaction.execute(sql("work")).await.unwrap();
        let error = transaction.execute(sql("fail")).await.unwrap_err();
        assert!(error.to_string().contains("the connection is lost"), "{error}");
        drop(transaction);
        full_again(&engine);
        assert_eq!((engine.statistics().closed.broken, engine.statistics().writer_idle), (1, 0));
        faults.no_rollback.store(false, Ordering::SeqCst);
        engine.execute(sql("work")).await.unwrap();
    });
}

#[test]
fn while_the_database_is_away_each_call_hears_so_and_the_next_tries_again() {
    future::block_on(async {
        let (engine, faults) = engine("readers=0").await;
        faults.no_rollback.store(true, Ordering::SeqCst);
        let mut transaction = engine.begin().await.unwrap();
        transaction.execute(sql("work")).await.unwrap();
        drop(transaction);
        full_again(&engine);
        faults.no_rollback.store(false, Ordering::SeqCst);
        faults.refusals.store(3, Ordering::SeqCst);
        for _ in 0..3 {
            let error = engine.execute(sql("work")).await.unwrap_err();
            assert!(error.to_string().contains("the database is away"), "{error}");
            full_again(&engine);
        }
        engine.execute(sql("work")).await.unwrap();
        let statistics = engine.statistics();
        assert_eq!((statistics.connect_failures, statistics.opened, statistics.open()), (3, 2, 1));
    });
}

#[test]
fn a_call_that_is_dropped_while_its_connection_is_opened_leaves_a_good_one() {
    future::block_on(async {
        let (engine, faults) = engine("").await;
        let (release, hang) = mpsc::channel();
        *faults.hang.lock().unwrap() = Some(hang);
        let mut call = Box::pin(
            engine
                .lease(Access::Read, std::panic::Location::caller())
                .await
                .unwrap()
                .run(Program::default(), orm_core::program::Discard),
        );
        assert!(future::poll_once(&mut call).await.is_none());
        eventually("it is being opened", || faults.hang.lock().unwrap().is_none());
        drop(call);
        assert_eq!(engine.statistics().readers_in_use, 1, "its place is taken until the driver answers");
        release.send(()).unwrap();
        full_again(&engine);
        assert_eq!((engine.statistics().readers_idle, engine.statistics().opened), (1, 2));
    });
}
