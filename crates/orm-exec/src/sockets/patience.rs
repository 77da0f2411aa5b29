//! Looking for an answer on the thread that asked, for a moment.
//!
//! Waking a thread may take as long as a server that is near takes for its answer. So who is allowed to looks for that a few times
//! before leaving it to the thread of the sockets.

use std::cell::RefCell;
use std::task::Waker;
use std::thread;
use std::time::Instant;

use async_task::Runnable;

use crate::job::LOOKED_FOR;

std::thread_local! {
    /// The job that this thread runs, if that one looks for its answers.
    static LOOKING: RefCell<Option<Looking>> = const { RefCell::new(None) };
}

struct Looking {
    own: Waker,
    /// It has looked, and there was nothing yet.
    in_vain: bool,
    /// It is to be run again.
    caught: Option<Runnable>,
}

/// Whether the job that runs is to look for its answer instead of waiting for it.
pub(super) fn is_on() -> bool {
    LOOKING.with_borrow(Option::is_some)
}

/// Of a job for which this [is on](is_on): it is to be run again, to look whether something has come.
pub(super) fn look_again() {
    LOOKING.with_borrow_mut(|looking| looking.iter_mut().for_each(|looking| looking.in_vain = true));
}

/// Runs a job, which waits for its answers, whatever job is run by this thread already: one may begin another, in an observer of the
/// program say, and wait for it.
pub(super) fn without(job: Runnable) {
    let _outer = Outer::of(None);
    job.run();
}

/// Runs a job until it has its answers, or for so long as is reasonable. Answers what is left of it, which is the business of the
/// thread of the sockets.
pub(super) fn run(job: Runnable) -> Option<Runnable> {
    let (own, start) = (job.waker(), Instant::now());
    let _outer = Outer::of(Some(Looking { own: own.clone(), in_vain: false, caught: None }));
    let mut job = job;
    loop {
        job.run();
        let in_vain = LOOKING.with_borrow_mut(|looking| {
            looking.as_mut().is_some_and(|looking| std::mem::take(&mut looking.in_vain))
        });
        if in_vain {
            // Nothing if it has ended meanwhile. If it was woken by what came first, it is caught by now.
            own.wake_by_ref();
        }
        job = LOOKING.with_borrow_mut(|looking| looking.as_mut()?.caught.take())?;
        if start.elapsed() >= LOOKED_FOR {
            return Some(job);
        }
        if in_vain {
            // The server may need this core.
            thread::yield_now();
        }
    }
}

/// Takes a job that is to be run by this thread again, or gives it back.
pub(super) fn catch(job: Runnable) -> Option<Runnable> {
    // A thread that ends looks for nothing.
    let is_own = LOOKING.try_with(|looking| {
        looking.borrow().as_ref().is_some_and(|looking| looking.own.will_wake(&job.waker()))
    });
    if !is_own.unwrap_or_default() {
        return Some(job);
    }
    LOOKING.with_borrow_mut(|looking| {
        if let Some(looking) = looking {
            looking.caught = Some(job);
        }
    });
    None
}

/// What this thread was at before. It goes on with that afterwards, also after a panic.
struct Outer(Option<Looking>);

impl Outer {
    fn of(inner: Option<Looking>) -> Self {
        Self(LOOKING.replace(inner))
    }
}

impl Drop for Outer {
    fn drop(&mut self) {
        let inner = LOOKING.replace(self.0.take());
        // Without the borrow: a waker is dropped.
        drop(inner);
    }
}
