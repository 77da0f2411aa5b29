//! Looking for an answer on the thread that asked, for a moment.
//!
//! Waking a thread may take as long as a server that is near takes for its answer. So who is allowed to looks for that a few times
//! before leaving it to the thread of the sockets.

use std::cell::Cell;
use std::thread;
use std::time::{Duration, Instant};

use async_task::Runnable;

/// How long it is looked for.
const LONGEST: Duration = Duration::from_micros(100);

std::thread_local! {
    static LOOK: Cell<Look> = const { Cell::new(Look::Not) };
    /// A job that is to be run by this thread again.
    static CAUGHT: Cell<Option<Runnable>> = const { Cell::new(None) };
}

/// What this thread is at, of the job that it runs at the moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Look {
    /// It waits for its answers like any other.
    Not,
    /// It looks for its answer.
    Looks,
    /// It has looked, and there was none yet.
    Again,
    /// It was run, and is about to be woken by this thread, which then has it.
    Catches,
}

/// Whether the job that runs is to look for its answer instead of waiting for it.
pub(super) fn is_on() -> bool {
    matches!(LOOK.get(), Look::Looks | Look::Again)
}

/// Of a job for which this [is on](is_on): it is to be run again, to look whether something has come.
pub(super) fn look_again() {
    LOOK.set(Look::Again);
}

/// Runs a job, which waits for its answers, whatever job is run by this thread already: one may begin another, in an observer of the
/// program say, and wait for it.
pub(super) fn without(job: Runnable) {
    let _outer = Within::begin(Look::Not);
    job.run();
}

/// Runs a job until it has its answer, or for so long as is reasonable. The rest is the business of the thread of the sockets.
pub(super) fn run(job: Runnable) {
    let _outer = Within::begin(Look::Looks);
    let (waker, start) = (job.waker(), Instant::now());
    let mut job = Some(job);
    while let Some(runnable) = job.take() {
        LOOK.set(Look::Looks);
        runnable.run();
        if LOOK.get() != Look::Again {
            return;
        }
        if start.elapsed() >= LONGEST {
            LOOK.set(Look::Not);
            waker.wake();
            return;
        }
        // Nothing if it has ended meanwhile, or was woken by something else.
        LOOK.set(Look::Catches);
        waker.wake_by_ref();
        job = CAUGHT.take();
        if job.is_some() {
            // The server may need this core.
            thread::yield_now();
        }
    }
}

/// Takes a job that is to be run by this thread, or gives it back.
pub(super) fn catch(job: Runnable) -> Option<Runnable> {
    if LOOK.get() == Look::Catches {
        CAUGHT.set(Some(job));
        return None;
    }
    Some(job)
}

/// The time in which this thread runs a job. What it was at before goes on afterwards, also after a panic.
struct Within(Look);

impl Within {
    fn begin(look: Look) -> Self {
        Self(LOOK.replace(look))
    }
}

impl Drop for Within {
    fn drop(&mut self) {
        LOOK.set(self.0);
    }
}
