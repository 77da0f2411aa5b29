//! A connection with much to do gives way, and comes to its end.

use std::future::{Future as _, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll, Waker};

use futures_lite::future::block_on;
use orm_core::program::{Returns, StatementShape};
use orm_core::{Cells, ColumnError, Program, Row, Sink};

use super::{STEPS, Turn};
use crate::driver::{DriverConnection as _, JobId};
use crate::observe::{Telemetry, TelemetryOptions};
use crate::postgres::connect::connect;
use crate::postgres::connect::tests::{options, real};
use crate::postgres::connection::PostgresConnection;

#[test]
fn a_turn_that_is_used_up_stays_so_until_the_next_one() {
    let turn = Turn::default();
    let mut context = Context::from_waker(Waker::noop());
    for _ in 0..2 {
        turn.begin();
        let steps = (0..STEPS).filter(|_| turn.poll_step(&mut context).is_ready()).count();
        assert_eq!(steps, STEPS as usize);
        assert!((0..3).all(|_| turn.poll_step(&mut context).is_pending()));
    }
}

/// Counts the rows of one poll.
struct Counted(Arc<AtomicU32>);

impl Sink for Counted {
    fn row(&mut self, _step: u16, _row: &Row<'_>) -> Result<(), ColumnError> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
}

/// Runs a program by hand. Answers how many rows it took in, and in how many polls it took some.
fn run(url: &str, program: &Program) -> (u32, u32) {
    let rows = Arc::<AtomicU32>::default();
    let mut sink = Counted(Arc::clone(&rows));
    let (mut all, mut polls) = (0, 0);
    block_on(async {
        let telemetry = Arc::new(Telemetry::new(TelemetryOptions::default(), "postgresql"));
        let mut connection = PostgresConnection::new(connect(&options(url)).await.unwrap(), telemetry, 100);
        let mut running = pin!(connection.run(JobId(1), program, &mut sink));
        poll_fn(|cx| {
            let polled = running.as_mut().poll(cx);
            let in_this_poll = rows.swap(0, Ordering::Relaxed);
            // One may have been counted to the turn before.
            assert!(in_this_poll <= STEPS + 1, "{in_this_poll} rows in one poll");
            all += in_this_poll;
            polls += u32::from(in_this_poll > 0);
            match polled {
                Poll::Ready(result) => Poll::Ready(result.map(drop)),
                Poll::Pending => Poll::Pending,
            }
        })
        .await
        .unwrap();
    });
    (all, polls)
}

fn shape(sql: &str) -> Arc<StatementShape> {
    Arc::new(StatementShape {
        sql: sql.into(),
        parameters: 0,
        returns: Returns::Rows,
        reads_only: true,
        cheap: false,
        list: None,
        outline: None,
    })
}

#[test]
fn many_rows_take_many_turns() {
    let Some(url) = real() else { return };
    let program = Program::single(shape("SELECT generate_series(1, 20000)"), Cells::default());
    let (rows, polls) = run(&url, &program);
    assert_eq!(rows, 20_000);
    assert!(polls >= 20_000 / STEPS, "{polls}");
}

#[test]
fn many_statements_take_many_turns() {
    let Some(url) = real() else { return };
    let (mut program, shape) = (Program::default(), shape("SELECT 1"));
    (0..10_000).for_each(|_| program.add(Arc::clone(&shape), |_| ()));
    let (rows, polls) = run(&url, &program);
    assert_eq!(rows, 10_000);
    assert!(polls >= 10_000 / STEPS, "{polls}");
}
