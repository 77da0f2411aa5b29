//! What an engine counts, whether or not anybody listens.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use orm_core::Error;

use super::Rows;
use crate::pool::Statistics;

/// Each only grows.
#[derive(Debug, Default)]
pub(super) struct Counters {
    statements: AtomicU64,
    rows_read: AtomicU64,
    rows_affected: AtomicU64,
    begun: AtomicU64,
    committed: AtomicU64,
    rolled_back: AtomicU64,
    errors: AtomicU64,
    busy: AtomicU64,
    interrupted: AtomicU64,
}

impl Counters {
    pub(super) fn statement(&self, result: Result<Rows, &Error>) {
        add(&self.statements, 1);
        match result {
            Ok(Rows { read, affected }) => {
                add(&self.rows_read, read);
                add(&self.rows_affected, affected);
            }
            Err(Error::Interrupted) => add(&self.interrupted, 1),
            Err(error) => {
                add(&self.errors, 1);
                add(&self.busy, u64::from(matches!(error, Error::Busy(_))));
            }
        }
    }

    pub(super) fn transaction_begun(&self) {
        add(&self.begun, 1);
    }

    pub(super) fn transaction_ended(&self, committed: bool) {
        add(if committed { &self.committed } else { &self.rolled_back }, 1);
    }

    pub(super) fn write(&self, statistics: &mut Statistics) {
        let Self {
            statements,
            rows_read,
            rows_affected,
            begun,
            committed,
            rolled_back,
            errors,
            busy,
            interrupted,
        } = self;
        statistics.transactions_committed = committed.load(Relaxed);
        statistics.transactions_rolled_back = rolled_back.load(Relaxed);
        statistics.transactions_begun = begun.load(Relaxed);
        statistics.statements = statements.load(Relaxed);
        statistics.rows_read = rows_read.load(Relaxed);
        statistics.rows_affected = rows_affected.load(Relaxed);
        statistics.errors = errors.load(Relaxed);
        statistics.busy_errors = busy.load(Relaxed);
        statistics.interrupted = interrupted.load(Relaxed);
    }
}

/// Nothing is written where nothing is to be added: the numbers are shared by all threads.
fn add(counter: &AtomicU64, more: u64) {
    if more > 0 {
        counter.fetch_add(more, Relaxed);
    }
}
