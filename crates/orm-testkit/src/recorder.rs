//! What was sent: every statement with its rows, and every trip to the database, on a worker thread or inline.

use std::sync::{Mutex, MutexGuard, PoisonError};

use anyorm::observe::{Observer, StatementEvent};

/// A log of statements and trips.
#[derive(Debug, Default)]
pub struct Recorder {
    log: Mutex<Log>,
}

#[derive(Debug, Default)]
struct Log {
    hops: usize,
    inline: usize,
    statements: Vec<(String, u32)>,
}

impl Recorder {
    /// Forgets what was sent so far.
    pub fn clear(&self) {
        *self.log() = Log::default();
    }

    /// How many jobs went to the database since the log was cleared: to a worker thread, or, under `Dispatch::Auto`, inline.
    /// Where there is one of them under one dispatch, there is one under the other.
    pub fn hops(&self) -> usize {
        let log = self.log();
        log.hops + log.inline
    }

    /// How many of them ran inline.
    pub fn inline(&self) -> usize {
        self.log().inline
    }

    /// The SQL of each statement since the log was cleared, BEGIN and COMMIT included, without quotes around names.
    pub fn statements(&self) -> Vec<String> {
        self.log().statements.iter().map(|(sql, _)| sql.replace('"', "")).collect()
    }

    /// As [`statements`](Self::statements), each with the number of its parameter rows: `INSERT .. x3`.
    pub fn batches(&self) -> Vec<String> {
        let log = self.log();
        log.statements.iter().map(|(sql, rows)| format!("{} x{rows}", sql.replace('"', ""))).collect()
    }

    fn log(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Observer for Recorder {
    fn hop(&self) {
        self.log().hops += 1;
    }

    fn inline(&self) {
        self.log().inline += 1;
    }

    fn statement(&self, event: &StatementEvent<'_>) {
        self.log().statements.push((event.sql.to_owned(), event.rows));
    }
}
