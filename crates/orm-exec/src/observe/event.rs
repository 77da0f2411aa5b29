//! What an observer is told.

use std::panic::Location;
use std::time::Duration;

use orm_core::Error;

use super::Parameters;
use crate::driver::Access;

/// A statement that is about to run.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct StatementEvent<'a> {
    /// Its text, as it is sent.
    pub sql: &'a str,
    /// How many parameter rows it runs with. A statement without parameters runs with one row of no values.
    pub rows: u32,
    /// The values of those rows. Values that came from earlier steps are filled in.
    pub parameters: Parameters<'a>,
    /// The call that sends it. `None` for the ROLLBACK of a connection on its way home.
    pub location: Option<&'static Location<'static>>,
}

/// A statement that has ended, well or not.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct StatementEnd<'a> {
    /// Its text, as it was sent.
    pub sql: &'a str,
    /// How many parameter rows it was to run with.
    pub rows: u32,
    /// The values of those rows.
    pub parameters: Parameters<'a>,
    /// The call that sent it. `None` for the ROLLBACK of a connection on its way home.
    pub location: Option<&'static Location<'static>>,
    /// From its start on the worker thread to its end, with the decoding of its rows, and with the time that it waited for
    /// a lock of somebody else, or for the reader of a stream.
    pub elapsed: Duration,
    /// Rows that it answered. 0 if it failed.
    pub rows_read: u64,
    /// Rows that it inserted, changed or deleted. 0 if it failed.
    pub rows_affected: u64,
    /// Why it failed. [`Error::Interrupted`] where nobody awaited it any more.
    pub error: Option<&'a Error>,
}

/// A job that has ended on its worker thread: a hop, and all the statements of it.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct JobEnd<'a> {
    /// The call that sent it.
    pub location: &'static Location<'static>,
    /// From the call that sent it to its start on a worker thread: what the hop cost on its way there.
    pub waited: Duration,
    /// From its start to its end: opening the connection, if it was the first job on it, and all statements.
    pub ran: Duration,
    /// Why it failed.
    pub error: Option<&'a Error>,
}

/// A wait for a connection that has ended, well or not. One whose future was dropped is not told.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct AcquireEnd<'a> {
    /// What the connection is for.
    pub access: Access,
    /// The call that asked for it.
    pub location: &'static Location<'static>,
    /// How long it took.
    pub waited: Duration,
    /// Why there was none: a timeout, say.
    pub error: Option<&'a Error>,
}

/// A flush or commit of a session that has ended, well or not.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct FlushEnd<'a> {
    /// The call that flushed: `flush`, `commit`, or a read that flushed before.
    pub location: &'static Location<'static>,
    /// Whether COMMIT followed in the same job.
    pub commit: bool,
    /// What it wrote, or was to write where it failed.
    pub written: Written,
    /// From the moment that it was sent to the one when memory had taken its outcome over.
    pub elapsed: Duration,
    /// Why it failed, and was rolled back.
    pub error: Option<&'a Error>,
}

impl<'a> FlushEnd<'a> {
    #[doc(hidden)]
    pub fn new(
        location: &'static Location<'static>,
        commit: bool,
        written: Written,
        elapsed: Duration,
        error: Option<&'a Error>,
    ) -> Self {
        Self { location, commit, written, elapsed, error }
    }
}

/// How many rows a flush wrote.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Written {
    /// Entities that were inserted.
    pub inserted: u64,
    /// Entities that were updated.
    pub updated: u64,
    /// Entities that were deleted.
    pub deleted: u64,
    /// Pairs of many-to-many relations that were linked or unlinked.
    pub links: u64,
}
