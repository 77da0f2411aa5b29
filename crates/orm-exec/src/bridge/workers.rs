//! Who runs the jobs of an engine.

use std::fmt;
use std::sync::{Arc, OnceLock};

use super::deterministic::Deterministic;
use super::gate::{self, Gate};
use super::told::Told;

/// How many jobs of all engines run at once in the process, unless told otherwise (see [`set_worker_limit`]).
///
/// An engine sends at most one job for each of its connections. So this bounds the threads of a process with many
/// engines; one with a few of them never waits here.
pub const DEFAULT_WORKER_LIMIT: usize = 64;

/// A job for a worker thread. It blocks while it runs, and does not panic.
pub type WorkerJob = Box<dyn FnOnce() + Send>;

/// How a job is to be treated by whoever runs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Urgency {
    /// Others wait for it: it runs inside a transaction that holds the write lock, or ends one, or cleans a connection
    /// up. It overtakes what is `Normal`.
    ///
    /// A program that runs from BEGIN to COMMIT in one go is not urgent: it may have to wait for the lock, and what it
    /// waits for must not stand in line behind it.
    Urgent,
    /// Any other job of an engine.
    Normal,
    /// It may spend its time waiting for the program itself: a closure of [`run_sync`](super::run_sync), rows for a slow
    /// reader. It must be given a thread at once and count against no bound, or what it waits for might wait for it.
    Waiting,
}

/// Threads that run the jobs of an engine. Set with [`EngineBuilder::workers`](crate::EngineBuilder::workers); an engine
/// that is not told otherwise uses those of the `blocking` crate, which the process shares, at most
/// [`worker_limit`] at once.
///
/// ```
/// use std::sync::Arc;
/// use anyorm::bridge::{Urgency, WorkerJob, Workers};
/// use anyorm::prelude::*;
///
/// /// A thread for each job.
/// #[derive(Debug)]
/// struct Spawn;
///
/// impl Workers for Spawn {
///     fn spawn(&self, _urgency: Urgency, job: WorkerJob) {
///         std::thread::spawn(job);
///     }
/// }
///
/// # futures_lite::future::block_on(async {
/// let engine = Engine::builder("sqlite::memory:").workers(Arc::new(Spawn)).open().await?;
/// assert_eq!(engine.scalar(sql("SELECT 1").returning::<i64>()).await?, 1);
/// # Ok::<_, anyorm::Error>(()) }).unwrap();
/// ```
pub trait Workers: fmt::Debug + Send + Sync {
    /// Runs a job, on another thread, soon. Called by tasks that are being polled, by destructors, and where a connection comes
    /// home, which may be on a thread of these workers: it must neither block nor panic. A job that is dropped instead of run
    /// leaves its caller waiting for ever; its connection goes home, or is closed.
    fn spawn(&self, urgency: Urgency, job: WorkerJob);
}

/// How many jobs of all engines run at once in the process.
///
/// ```
/// use anyorm::bridge::{DEFAULT_WORKER_LIMIT, worker_limit};
/// assert_eq!(worker_limit(), DEFAULT_WORKER_LIMIT);
/// ```
pub fn worker_limit() -> usize {
    gate().size()
}

/// Changes how many jobs of all engines run at once in the process. Jobs that run are not stopped: with a lower limit,
/// new ones wait until enough have ended. With 0 nothing but urgent jobs runs until there are more.
///
/// Closures of [`run_sync`](super::run_sync) do not count: they have a [`Limiter`](super::Limiter). Nor do engines with
/// [`Workers`] of their own.
///
/// ```
/// anyorm::bridge::set_worker_limit(100);
/// assert_eq!(anyorm::bridge::worker_limit(), 100);
/// ```
pub fn set_worker_limit(limit: usize) {
    gate().set_size(limit);
}

/// The threads that jobs run on.
#[derive(Clone, Debug)]
pub(crate) enum Threads {
    /// Those that the process shares.
    Shared(Arc<Gate>),
    /// Those that an engine was given.
    Given(Arc<dyn Workers>),
}

impl Threads {
    /// For a closure that the current thread sends.
    pub(super) fn of_this_thread() -> Self {
        Deterministic::of_this_thread().map_or_else(Self::default, |double| Self::Given(Arc::new(double)))
    }

    /// Runs a job, which does not panic, on another thread, soon. What it answers is dropped when that thread may be given another one.
    pub(crate) fn run(&self, urgency: Urgency, job: impl FnOnce() -> Told + Send + 'static) {
        match self {
            Self::Shared(gate) => gate.run(urgency, Box::new(job)),
            Self::Given(workers) => workers.spawn(urgency, Box::new(move || drop(job()))),
        }
    }

    /// At the end of a job that was [run](Self::run) by these: the first one that `f` sends is left to this thread.
    pub(crate) fn leave_next(&self, f: impl FnOnce()) {
        match self {
            Self::Shared(_) => gate::leave_next(f),
            // Theirs to decide.
            Self::Given(_) => f(),
        }
    }
}

impl Default for Threads {
    fn default() -> Self {
        Self::Shared(Arc::clone(gate()))
    }
}

fn gate() -> &'static Arc<Gate> {
    static GATE: OnceLock<Arc<Gate>> = OnceLock::new();
    GATE.get_or_init(|| Arc::new(Gate::new(DEFAULT_WORKER_LIMIT)))
}
