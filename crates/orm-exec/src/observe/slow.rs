//! Statements that took long.

use std::fmt;
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

use orm_core::Error;

use super::{Parameters, StatementEnd};

/// A statement that took longer than [`EngineBuilder::slow_statements`](crate::EngineBuilder::slow_statements) allows. Its
/// `Display` is one line for a log.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct SlowStatement<'a> {
    /// Its text, as it was sent.
    pub sql: &'a str,
    /// How many parameter rows it ran with.
    pub rows: u32,
    /// The values of those rows, if [`EngineBuilder::show_parameters`](crate::EngineBuilder::show_parameters) asked for
    /// them.
    pub parameters: Option<Parameters<'a>>,
    /// The call that sent it.
    pub location: Option<&'static Location<'static>>,
    /// From its start on the worker thread to its end, with the time that it waited for a lock of somebody else, or for the
    /// reader of a stream.
    pub elapsed: Duration,
    /// Rows that it answered.
    pub rows_read: u64,
    /// Rows that it inserted, changed or deleted.
    pub rows_affected: u64,
    /// Why it failed.
    pub error: Option<&'a Error>,
}

impl fmt::Display for SlowStatement<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "slow statement: {:?}", self.elapsed)?;
        if let Some(location) = self.location {
            write!(f, " at {}:{}", location.file(), location.line())?;
        }
        write!(f, ", {} rows read, {} affected", self.rows_read, self.rows_affected)?;
        if self.error.is_some() {
            f.write_str(", failed")?;
        }
        write!(f, ": {}", self.sql)?;
        match self.parameters {
            Some(parameters) => write!(f, " {parameters:?}"),
            None => Ok(()),
        }
    }
}

/// From which time on a statement is slow, and who is told.
#[derive(Clone)]
pub(crate) struct SlowStatements {
    pub(crate) threshold: Duration,
    pub(crate) told: Option<Told>,
}

type Told = Arc<dyn Fn(&SlowStatement<'_>) + Send + Sync>;

impl SlowStatements {
    /// The statement, if it was slow. One that was interrupted says nothing about itself.
    pub(super) fn judge<'a>(&self, end: &StatementEnd<'a>, show: bool) -> Option<SlowStatement<'a>> {
        let slow = end.elapsed >= self.threshold && !matches!(end.error, Some(Error::Interrupted));
        slow.then_some(SlowStatement {
            sql: end.sql,
            rows: end.rows,
            parameters: show.then_some(end.parameters),
            location: end.location,
            elapsed: end.elapsed,
            rows_read: end.rows_read,
            rows_affected: end.rows_affected,
            error: end.error,
        })
    }
}

impl fmt::Debug for SlowStatements {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SlowStatements").field("threshold", &self.threshold).finish_non_exhaustive()
    }
}
