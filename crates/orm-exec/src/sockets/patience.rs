//! Looking for an answer on the thread that asked, for a moment.
//!
//! Waking a thread may take as long as a server that is near takes for its answer. So who is allowed to looks for that a few times
//! before leaving it to the thread of the sockets.

use std::cell::Cell;
use std::thread;
use std::time::{Duration, Instant};

use async_task::Runnable;

/// How long it is looked for.
pub(super) const LONGEST: Duration = Duration::from_micros(100);

std::thread_local! {
    /// Whether a job is run by this thread which looks for its answer.
    static ON: Cell<bool> = const { Cell::new(false) };
    /// Whether that job found nothing yet.
    static AGAIN: Cell<bool> = const { Cell::new(false) };
    /// The job, where it is not to go to the thread of the sockets.
    static CAUGHT: Cell<Option<Runnable>> = const { Cell::new(None) };
    static CATCHES: Cell<bool> = const { Cell::new(false) };
}

/// Whether the job that runs is to look for its answer instead of waiting for it.
pub(super) fn is_on() -> bool {
    ON.get()
}

/// Of a job for which this [is on](is_on): it is to be run again, to look whether something has come.
pub(super) fn look_again() {
    AGAIN.set(true);
}

/// Runs a job until it has its answer, or for so long as is reasonable. The rest is the business of the thread of the sockets.
pub(super) fn run(job: Runnable) {
    let (waker, start) = (job.waker(), Instant::now());
    let mut job = Some(job);
    while let Some(runnable) = job.take() {
        AGAIN.set(false);
        ON.set(true);
        runnable.run();
        ON.set(false);
        if !AGAIN.get() {
            return;
        }
        if start.elapsed() >= LONGEST {
            waker.wake();
            return;
        }
        // Nothing if it has ended meanwhile, or was woken by something else.
        CATCHES.set(true);
        waker.wake_by_ref();
        CATCHES.set(false);
        job = CAUGHT.take();
        if job.is_some() {
            // The server may need this core.
            thread::yield_now();
        }
    }
}

/// Takes a job that is to be run by this thread, or gives it back.
pub(super) fn catch(job: Runnable) -> Option<Runnable> {
    if CATCHES.get() {
        CAUGHT.set(Some(job));
        return None;
    }
    Some(job)
}
