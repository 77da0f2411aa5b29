//! Who may run: the thread of a job, or the one that drives it.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use super::Deterministic;
use crate::bridge::workers::WorkerJob;
use crate::sync::lock;

/// Passed between the thread of one job and the thread that drives.
pub(in crate::bridge) struct Baton {
    double: Deterministic,
    /// Whether the job has it.
    with_job: Mutex<bool>,
    passed: Condvar,
}

thread_local! {
    /// The baton of the job that this thread runs.
    static BATON: RefCell<Option<Arc<Baton>>> = const { RefCell::new(None) };
}

impl Baton {
    /// Begins a job on a thread of its own, and waits until it ends or parks.
    pub(super) fn begin(double: Deterministic, job: WorkerJob) {
        let baton = Arc::new(Self { double, with_job: Mutex::new(true), passed: Condvar::new() });
        let of_job = Arc::clone(&baton);
        blocking::unblock(move || {
            BATON.set(Some(Arc::clone(&of_job)));
            // Jobs catch the panics of the caller's code themselves; no other may keep the baton.
            if let Err(panic) = catch_unwind(AssertUnwindSafe(job)) {
                std::mem::forget(panic);
            }
            BATON.set(None);
            of_job.pass(false);
        })
        .detach();
        baton.wait_until(false);
    }

    pub(super) fn double(&self) -> &Deterministic {
        &self.double
    }

    /// On the driving thread: lets the job go on until it ends or parks again.
    pub(super) fn give(&self) {
        // It is allowed to go on a moment before it has parked.
        self.wait_until(false);
        self.pass(true);
        self.wait_until(false);
    }

    /// The baton of the job that this thread runs.
    pub(in crate::bridge) fn of_this_thread() -> Option<Arc<Self>> {
        BATON.with_borrow(Option::clone)
    }

    /// On the thread of the job: lets others go on, until somebody has said [`may_go_on`](Self::may_go_on) and it is drawn.
    pub(in crate::bridge) fn park(&self) {
        self.pass(false);
        self.wait_until(true);
    }

    pub(in crate::bridge) fn may_go_on(self: Arc<Self>) {
        self.double.clone().go_on(self);
    }

    fn pass(&self, to_job: bool) {
        *lock(&self.with_job) = to_job;
        self.passed.notify_all();
    }

    fn wait_until(&self, with_job: bool) {
        let mut now = lock(&self.with_job);
        while *now != with_job {
            now = self.passed.wait(now).unwrap_or_else(PoisonError::into_inner);
        }
    }
}
