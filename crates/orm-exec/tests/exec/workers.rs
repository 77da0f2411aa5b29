//! Workers of the program's own that give up what they were sent.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
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
