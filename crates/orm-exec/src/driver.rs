//! What a database driver does: it runs programs on connections.
//!
//! ```text
//! Connect::connect ──► DriverConnection ──► run(job, program, sink) ──► Outcome | Failure
//!                                       ├─► try_inline(program, sink) ──► the same, or given up
//!                                       ├─► in_transaction, rollback   between two tenants
//!                                       └─► interrupter                from the thread that drops a future
//! ```
//!
//! Its calls answer futures. A driver whose database is in the process (SQLite) works while it is called, and answers futures
//! that are ready: they are made and polled on a worker thread, once. One that talks over sockets waits in its futures: they
//! are polled by the thread that all sockets share. [`Connect::runs`] says which. So the jobs, the leases and the pool are
//! written once, for both. The one call that is made while a caller's future is polled is
//! [`DriverConnection::try_inline`], which bounds its own time.
//!
//! # Classes of errors
//! The pool, the session and the program act on the class of an error, so a driver
//! - MUST answer [`Error::Busy`](orm_core::Error::Busy) for a lock that somebody else holds and for a transaction that
//!   the database asks to be tried again, at an opening, at BEGIN, in a statement or at COMMIT, and for nothing else: a
//!   retry follows. It says how long was waited;
//! - MUST answer [`Error::Constraint`](orm_core::Error::Constraint) for a violated constraint, with the table and the
//!   columns as far as the database names them;
//! - MUST answer [`Error::Database`](orm_core::Error::Database) for what else the database, the file or the disk refuses,
//!   with the [kind](orm_core::error::DatabaseErrorKind) that fits, and the file where the fault is not one of the
//!   statement. Also at an opening, where trying again, or mending the disk, may help;
//! - MUST answer [`Error::Configuration`](orm_core::Error::Configuration) where a connection cannot be opened for its
//!   name, its options or its permissions, naming the place and what to do;
//! - MUST answer [`Error::Interrupted`](orm_core::Error::Interrupted) after its [`Interrupt`] stopped a statement;
//! - MUST put the SQL into every error that a statement caused, COMMIT included;
//! - SHOULD add advice where the next step is known: a table that is missing is created by `create_all`.
//!
//! # What breaks below the statement
//! - A failed COMMIT is rolled back, and is not stored: the driver asks the connection, not the error, whether a
//!   transaction is left. Where that cannot be known, because the connection died, the error MUST be
//!   [`Error::OutcomeUnknown`](orm_core::Error::OutcomeUnknown). SQLite runs in the process, and never answers it.
//! - A database may end a transaction by itself: SQLite does so when the disk is full or fails. The error then says so, and
//!   the guards see it in [`DriverConnection::in_transaction`].
//! - A commit that nobody could see MUST be refused: into a file that was deleted, moved or replaced while it was open, or
//!   whose log was. SQLite itself would answer that it is done.
//! - A connection whose file or handle is bad says so in [`DriverConnection::is_lost`], and the next job has a fresh one:
//!   when the fault has passed, the engine works again.
//! - An engine that has had a file open does not make that file again: an empty database would answer as if it had always
//!   been empty.
//!
//! # Transactions
//! A driver MUST answer [`DriverConnection::in_transaction`] from what the database says, not from what was sent: a
//! failed statement can end a transaction. It MUST NOT leave a transaction open that the failed program began.

use std::fmt::Debug;
use std::future::{Future, ready};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use orm_core::program::ProgramResult;
use orm_core::{Begin, Dialect, Program, Result, Sink};

use crate::notifications::Mailbox;
use crate::observe::Telemetry;

/// What a connection is taken for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Access {
    /// Programs whose every step [reads only](Program::reads_only).
    Read,
    /// Any program.
    Write,
}

impl Access {
    /// What a transaction needs.
    pub fn of(begin: Begin) -> Self {
        if begin.is_read_only() { Self::Read } else { Self::Write }
    }
}

/// Names one job of the process: never used twice, never 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct JobId(pub u64);

/// What a call of a driver answers: ready at once where the driver blocks.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// An answer that is there already.
pub fn answered<'a, T: Send + 'a>(answer: T) -> Answer<'a, T> {
    Box::pin(ready(answer))
}

/// Which thread makes the calls of a driver.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Runs {
    /// A worker thread: the calls block.
    OnWorkers,
    /// The thread that polls the sockets: the calls never block.
    #[cfg(feature = "postgres")]
    OnSockets,
}

/// Opens connections to one database.
pub trait Connect: Debug + Send + Sync {
    /// How this database differs from others.
    fn dialect(&self) -> &'static Dialect;

    /// Which thread makes its calls, and those of its connections.
    fn runs(&self) -> Runs {
        Runs::OnWorkers
    }

    /// Opens a connection, which tells `telemetry` of its statements.
    ///
    /// # Errors
    /// Of the [classes](self) that a driver has, naming the place and what to do.
    fn connect(
        &self,
        access: Access,
        telemetry: Arc<Telemetry>,
    ) -> Answer<'_, Result<Box<dyn DriverConnection>>>;

    /// Begins to listen to channels, for as long as somebody reads the mailbox. Answers whether the database has such.
    #[doc(hidden)]
    fn listen(&self, channels: Arc<[String]>, mailbox: Arc<Mailbox>) -> bool {
        let _ = (channels, mailbox);
        false
    }

    /// After what time in the pool a connection is [asked](DriverConnection::ping) whether it is still there, before it is
    /// used. `None` where it cannot get lost.
    fn ping_after(&self) -> Option<Duration> {
        None
    }

    /// Whether a connection may be closed because it is old or idle, and another opened later: not where the database
    /// would go with it.
    fn may_close(&self, access: Access) -> bool {
        let _ = access;
        true
    }
}

/// One open connection. It moves between threads, and is used by one of them at a time.
pub trait DriverConnection: Debug + Send {
    /// Runs a program: its BEGIN, its steps in order, its COMMIT. Rows go to the sink.
    ///
    /// # Errors
    /// At the first step that fails, after what the program says about failures was done.
    fn run<'a>(
        &'a mut self,
        job: JobId,
        program: &'a Program,
        sink: &'a mut dyn Sink,
    ) -> Answer<'a, ProgramResult>;

    /// Runs a program that [is cheap](Program::is_cheap) on the thread that polls, for some microseconds at most, and without
    /// waiting for a lock. What is given up has changed nothing, and is run again by [`run`](Self::run).
    fn try_inline(&mut self, program: &Program, sink: &mut dyn Sink) -> Inline {
        let _ = (program, sink);
        Inline::Never
    }

    /// Whether a transaction is open, as the database says it. Does no I/O.
    fn in_transaction(&self) -> bool;

    /// Whether the connection is of no further use: its file is gone, say. One that is not inside a transaction is then
    /// discarded after the job, and a fresh one is opened for the next. Does no I/O.
    fn is_lost(&self) -> bool {
        false
    }

    /// Ends a transaction without keeping its changes. Does nothing where none is open.
    ///
    /// # Errors
    /// If the transaction is still open afterwards: the connection is of no further use.
    fn rollback(&mut self) -> Answer<'_, Result<()>>;

    /// Whether the other end has closed the connection, as far as that has arrived here. Sends nothing and does not wait.
    fn was_closed(&mut self) -> bool {
        false
    }

    /// Whether the other end is still there.
    fn ping(&mut self) -> Answer<'_, bool> {
        answered(true)
    }

    /// Closes the connection, and waits until that is done. Dropping it does the same without waiting.
    fn close(self: Box<Self>) -> Answer<'static, ()>;

    /// What stops a statement of this connection from another thread.
    fn interrupter(&self) -> Arc<dyn Interrupt>;
}

/// What became of a program that was to run inline.
#[derive(Debug)]
pub enum Inline {
    /// It ran to its end, or failed.
    Ran(ProgramResult),
    /// This step was too long for the thread that polls.
    TooLong(usize),
    /// A lock was held by somebody else.
    Locked,
    /// It was not begun: the driver, or this connection, runs everything on a worker.
    Never,
}

/// Stops a statement from another thread.
pub trait Interrupt: Debug + Send + Sync {
    /// Stops the given job as soon as the database can, and no other job that follows on the connection. The caller
    /// sees to it that the job is running, or about to.
    fn interrupt(&self, job: JobId);
}
