//! Workers of the program's own that give up what they were sent, or let it wait.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use futures_lite::future;
use orm_core::sql;
use orm_exec::Engine;
use orm_exec::bridge::{Urgency, WorkerJob, Workers};

use crate::support::{Folder, full_again};

/// Drops jobs, as a thread pool does that is shut down.
#[derive(Debug, Default)]
struct Dropping(AtomicBool);

impl Workers for Dropping {
    fn spawn(&self, _urgency: Urgency, job: WorkerJob) {
        if !self.0.load(Ordering::SeqCst) {
            thread::spawn(job);
        }
    }
}

#[test]
fn what_was_to_clean_up_and_is_dropped_keeps_no_connection() {
    future::block_on(async {
        let (folder, workers) = (Folder::new(), Arc::new(Dropping::default()));
        let builder = Engine::builder(&folder.url("?readers=1")).workers(workers.clone());
        let engine = builder.open().await.unwrap();
        engine.execute(sql("CREATE TABLE t (n INTEGER)")).await.unwrap();

        // A rollback, and a connection that is to be closed.
        let mut transaction = engine.begin().await.unwrap();
        transaction.execute(sql("INSERT INTO t VALUES (1)")).await.unwrap();
        workers.0.store(true, Ordering::SeqCst);
        drop(transaction);
        full_again(&engine);
        workers.0.store(false, Ordering::SeqCst);
        let connection = engine.connection().await.unwrap();
        let mut connection = connection;
        connection.execute(sql("INSERT INTO t VALUES (2)")).await.unwrap();
        workers.0.store(true, Ordering::SeqCst);
        connection.discard().unwrap();
        full_again(&engine);
        workers.0.store(false, Ordering::SeqCst);
        assert_eq!(engine.all(sql("SELECT n FROM t").returning::<i64>()).await.unwrap(), [2]);

        // Idle ones, when the engine is closed.
        workers.0.store(true, Ordering::SeqCst);
        engine.close_within(Duration::from_secs(20)).await.unwrap();
        assert_eq!(engine.statistics().open(), 0);
    });
}

/// Keeps jobs from being run, for as long as it is told to.
#[derive(Debug, Default)]
struct Slow {
    holds: AtomicBool,
    held: Mutex<Held>,
}

#[derive(Default)]
struct Held(Vec<WorkerJob>);

impl fmt::Debug for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Held").field(&self.0.len()).finish()
    }
}

impl Workers for Slow {
    fn spawn(&self, _urgency: Urgency, job: WorkerJob) {
        if self.holds.load(Ordering::SeqCst) {
            self.held.lock().unwrap().0.push(job);
        } else {
            thread::spawn(job);
        }
    }
}

#[test]
fn a_close_that_is_late_by_itself_does_not_ask_for_connections() {
    future::block_on(async {
        let (folder, workers) = (Folder::new(), Arc::new(Slow::default()));
        let engine = Engine::builder(&folder.url("")).workers(workers.clone()).open().await.unwrap();
        workers.holds.store(true, Ordering::SeqCst);
        let late = engine.close_within(Duration::from_millis(10)).await.unwrap_err().to_string();
        assert!(late.contains("to be closed: all were given back"), "{late}");
        let held = std::mem::take(&mut *workers.held.lock().unwrap());
        held.0.into_iter().for_each(|job| job());
        engine.close().await.unwrap();
    });
}
