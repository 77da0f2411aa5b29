//! Seeing what is sent: for logs, metrics and traces, and for tests that count.
//!
//! | to | see |
//! |---|---|
//! | be told of every hop, statement, wait and flush | [`Observer`] |
//! | read numbers now and then | [`Statistics`](crate::Statistics) |
//! | log statements that take long | [`EngineBuilder::slow_statements`](crate::EngineBuilder::slow_statements) |
//! | find queries in loops | [`NPlusOne`] |
//! | say in a test how many statements there are | [`assert_statements!`](crate::assert_statements), [`count_statements`] |

mod context;
mod count;
mod counters;
mod event;
mod n_plus_one;
mod parameters;
mod slow;
mod spans;
mod telemetry;
mod transaction_control;

pub(crate) use context::JobContext;
pub use count::{CountStatements, SentStatement, Statements, count_statements};
pub use event::{AcquireEnd, FlushEnd, JobEnd, StatementEnd, StatementEvent, Written};
pub use n_plus_one::{NPlusOne, Repeated, RepeatedKind};
pub use parameters::Parameters;
pub use slow::SlowStatement;
pub(crate) use slow::SlowStatements;
#[doc(hidden)]
pub use spans::Span;
#[cfg(feature = "postgres")]
pub(crate) use telemetry::Statement;
#[doc(hidden)]
pub use telemetry::Telemetry;
pub(crate) use telemetry::{Rows, TelemetryOptions};
pub(crate) use transaction_control::{is_commit, is_control};

use crate::pool::HeldConnection;
pub use crate::pool::{Metric, MetricKind};

/// Is told what an engine does. Set with [`EngineBuilder::observer`](crate::EngineBuilder::observer). Each method does
/// nothing unless it is written; an engine without an observer measures no times.
///
/// | method | called |
/// |---|---|
/// | `hop`, `acquire_end`, `flush_end`, `repeated` | in the task that makes the call |
/// | `statement`, `statement_end`, `job_end` | where the statements run: on a worker thread, or inline, on the thread of the task: see [`Dispatch`](crate::Dispatch). Of a server: on the thread of the task or on that of the sockets |
/// | `inline`, `inline_aborted` | in the task that makes the call |
///
/// All should return soon, and wait for no other call: whatever blocks the thread of the sockets, of which the process has one, keeps
/// all answers of servers from all tasks. A panic in `statement` ends the job like a panic of a decoder: it resumes in the task that
/// awaits. In the methods about what has happened already, a panic is dropped: it must not hide a commit.
///
/// ```
/// use std::sync::{Arc, Mutex};
/// use anyorm::observe::{Observer, StatementEvent};
/// use anyorm::prelude::*;
///
/// #[derive(Default)]
/// struct Log(Mutex<Vec<String>>);
///
/// impl Observer for Log {
///     fn statement(&self, event: &StatementEvent<'_>) {
///         self.0.lock().unwrap().push(format!("{} {:?}", event.sql, event.parameters));
///     }
/// }
///
/// # futures_lite::future::block_on(async {
/// let log = Arc::new(Log::default());
/// let engine = Engine::builder("sqlite::memory:").observer(log.clone()).open().await?;
/// engine.scalar(sql("SELECT ?").bind(7).returning::<i64>()).await?;
/// assert_eq!(log.0.lock().unwrap().as_slice(), ["SELECT ? [[Int(7)]]"]);
/// # Ok::<_, anyorm::Error>(()) }).unwrap();
/// ```
pub trait Observer: Send + Sync {
    /// A job was sent to a worker thread, or left to the thread of the sockets.
    fn hop(&self) {}

    /// A job ran inline, without a hop.
    fn inline(&self) {}

    /// A job was begun inline and given up. A `hop` follows, and the same statements again.
    fn inline_aborted(&self) {}

    /// A statement is about to run, once for each of its parameter rows. BEGIN, COMMIT and ROLLBACK are statements too.
    fn statement(&self, event: &StatementEvent<'_>) {
        let _ = event;
    }

    /// Somebody has held a connection for longer than the
    /// [leak threshold](crate::EngineBuilder::leak_threshold) without using it. Told once for each holder, on a worker
    /// thread, or on the thread that asks for statistics. A panic is dropped.
    fn leaked(&self, held: &HeldConnection) {
        let _ = held;
    }

    /// A statement has ended, well or not.
    fn statement_end(&self, end: &StatementEnd<'_>) {
        let _ = end;
    }

    /// A job has ended, on its worker thread or inline.
    fn job_end(&self, end: &JobEnd<'_>) {
        let _ = end;
    }

    /// A wait for a connection has ended, well or not.
    fn acquire_end(&self, end: &AcquireEnd<'_>) {
        let _ = end;
    }

    /// A session has flushed, or committed with something to send, well or not.
    fn flush_end(&self, end: &FlushEnd<'_>) {
        let _ = end;
    }

    /// A session repeats a statement in a loop. Only where the engine, or the factory of the session, looks for that: see
    /// [`NPlusOne`].
    fn repeated(&self, repeated: &Repeated<'_>) {
        let _ = repeated;
    }
}
