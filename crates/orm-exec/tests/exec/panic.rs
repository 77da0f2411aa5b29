//! A panic in the caller's code on the worker: it arrives in the awaiting task, and the connection is kept.

use std::panic::{AssertUnwindSafe, Location};

use futures_lite::{FutureExt, future};
use orm_core::program::Returns;
use orm_core::{ColumnError, FromRow, Row, Sink, sql};
use orm_exec::{Access, Engine, Observer, StatementEvent};

use crate::support::{Hand, full_again, insert, int, memory, numbers};

#[derive(Debug)]
struct Bomb;

impl Sink for Bomb {
    fn row(&mut self, _step: u16, _row: &Row<'_>) -> Result<(), ColumnError> {
        panic!("in the sink")
    }
}

fn message(payload: &(dyn std::any::Any + Send)) -> &str {
    payload.downcast_ref::<&str>().copied().unwrap_or("another payload")
}

#[test]
fn a_panic_of_the_sink_rolls_back_and_keeps_the_connection() {
    future::block_on(async {
        let engine = memory().await;
        let program = Hand::default()
            .step("INSERT INTO t (n) VALUES (?)", Returns::Count, &[&[int(1)]])
            .step("SELECT n FROM t", Returns::Rows, &[])
            .transaction();
        let lease = engine.lease(Access::Write, Location::caller()).await.unwrap();
        let caught = AssertUnwindSafe(lease.run(program, Bomb)).catch_unwind().await;
        assert_eq!(message(&*caught.unwrap_err()), "in the sink");
        full_again(&engine);
        // The database in memory is still the same one: its only connection was not replaced.
        assert_eq!(engine.statistics().writer_idle, 1);
        assert_eq!(numbers(&engine).await, [0_i64; 0]);
        insert(&engine, 2).await.unwrap();
        assert_eq!(numbers(&engine).await, [2]);
    });
}

/// A type whose decoding panics.
#[derive(Debug)]
struct Fragile;

impl FromRow for Fragile {
    fn from_row(_row: &Row<'_>) -> Result<Self, ColumnError> {
        panic!("in the decoder")
    }
}

#[test]
fn a_panic_of_a_decoder_resumes_in_the_verb() {
    future::block_on(async {
        let engine = memory().await;
        insert(&engine, 1).await.unwrap();
        let query = sql("SELECT n FROM t").returning::<Fragile>();
        let caught = AssertUnwindSafe(engine.all(query)).catch_unwind().await;
        assert_eq!(message(&*caught.unwrap_err()), "in the decoder");
        full_again(&engine);
        assert_eq!(numbers(&engine).await, [1]);
    });
}

#[test]
fn a_panic_inside_a_transaction_rolls_it_back() {
    future::block_on(async {
        let engine = memory().await;
        let mut transaction = engine.begin().await.unwrap();
        transaction.execute(sql("INSERT INTO t (n) VALUES (1)")).await.unwrap();
        let query = sql("SELECT n FROM t").returning::<Fragile>();
        assert!(AssertUnwindSafe(transaction.all(query)).catch_unwind().await.is_err());
        let after = transaction.execute(sql("INSERT INTO t (n) VALUES (2)")).await;
        assert!(matches!(after, Err(orm_core::Error::Ended(_))), "{after:?}");
        assert!(matches!(transaction.commit().await, Err(orm_core::Error::Ended(_))));
        assert_eq!(numbers(&engine).await, [0_i64; 0]);
    });
}

/// A sink that panics when it is dropped, after the program failed.
struct LateBomb;

impl Sink for LateBomb {
    fn row(&mut self, _step: u16, _row: &Row<'_>) -> Result<(), ColumnError> {
        Ok(())
    }
}

impl Drop for LateBomb {
    fn drop(&mut self) {
        panic!("in the drop")
    }
}

#[test]
fn a_panic_in_the_drop_of_a_sink_does_not_keep_the_job_from_ending() {
    future::block_on(async {
        let engine = memory().await;
        let program = Hand::default().step("SELECT nothing FROM nowhere", Returns::Rows, &[]).0;
        let lease = engine.lease(Access::Write, Location::caller()).await.unwrap();
        let output = lease.run(program, LateBomb).await;
        assert!(output.result.map(|(outcome, sink)| (outcome, std::mem::forget(sink))).is_err());
        drop(output.lease);
        full_again(&engine);
    });
}

/// An observer that panics when it sees a certain statement.
struct Alarm(&'static str);

impl Observer for Alarm {
    fn statement(&self, event: &StatementEvent<'_>) {
        assert!(event.sql != self.0, "the observer saw it");
    }
}

#[test]
fn a_panic_of_the_observer_loses_no_connection() {
    future::block_on(async {
        for alarm in ["INSERT INTO t (n) VALUES (1)", "COMMIT", "ROLLBACK"] {
            let folder = crate::support::Folder::new();
            let url = folder.url("");
            let engine =
                Engine::builder(&url).observer(std::sync::Arc::new(Alarm(alarm))).open().await.unwrap();
            engine.execute(sql("CREATE TABLE t (n INTEGER)")).await.unwrap();
            let mut transaction = engine.begin().await.unwrap();
            transaction.execute(sql("SELECT 1")).await.unwrap();
            let call = transaction.execute(sql("INSERT INTO t (n) VALUES (1)"));
            let first = AssertUnwindSafe(call).catch_unwind().await;
            assert_eq!(first.is_err(), alarm.starts_with("INSERT"));
            if alarm == "COMMIT" {
                assert!(AssertUnwindSafe(transaction.commit()).catch_unwind().await.is_err());
            } else {
                drop(transaction);
            }
            full_again(&engine);
            assert_eq!(engine.statistics().writer_idle, 1, "kept, not discarded: {alarm}");
            assert!(!engine.exists(sql("SELECT n FROM t").returning::<i64>()).await.unwrap());
            insert(&engine, 2).await.unwrap();
        }
    });
}
