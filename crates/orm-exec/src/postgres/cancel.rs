//! Which job runs on a connection, and which one is to stop.
//!
//! PostgreSQL cancels whatever a connection runs when the request arrives. So a request is sent only while its job runs, and
//! the job does not end before the server has closed the connection that brought it: from then on no signal is on its way.

use std::future::poll_fn;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Poll, Waker};

use crate::driver::{Interrupt, JobId};
use crate::sync::{lock, note};

/// Shared by a connection and whoever drops its job. Ids are compared, so that an interrupt which comes late stays without
/// effect on the job that follows.
#[derive(Debug, Default)]
pub(super) struct Cancel {
    /// The job on the connection, 0 between jobs and while one is being rolled back.
    running: AtomicU64,
    /// The last job that was told to stop.
    stopped: AtomicU64,
    /// Whether the server is at something that is to be done before the job is stopped, which it soon is.
    held: AtomicBool,
    /// Whether the job itself wants no more of what it asked for.
    given_up: AtomicBool,
    /// The task that runs the job.
    waker: Mutex<Option<Waker>>,
}

impl Cancel {
    pub(super) fn start(&self, job: JobId) {
        self.running.store(job.0, Ordering::SeqCst);
    }

    pub(super) fn end(&self) {
        self.running.store(0, Ordering::SeqCst);
        self.held.store(false, Ordering::SeqCst);
        self.given_up.store(false, Ordering::SeqCst);
    }

    /// Stops the running job, which has failed and does not want the rest of its answer. Of the task that runs it.
    pub(super) fn give_up(&self) {
        self.given_up.store(true, Ordering::SeqCst);
    }

    /// Says whether the job is to be let be for a moment. Of the task that runs it.
    pub(super) fn hold(&self, held: bool) {
        self.held.store(held, Ordering::SeqCst);
    }

    /// Until the job may be stopped. Only the task that waits here ends the hold, and it looks again after all it does.
    pub(super) async fn unheld(&self) {
        poll_fn(|_| if self.held.load(Ordering::SeqCst) { Poll::Pending } else { Poll::Ready(()) }).await;
    }

    /// Whether the running job is to stop.
    pub(super) fn is_stopped(&self) -> bool {
        let running = self.running.load(Ordering::SeqCst);
        running != 0
            && (self.stopped.load(Ordering::SeqCst) == running || self.given_up.load(Ordering::SeqCst))
    }

    /// Until the running job is to stop.
    pub(super) async fn stopped(&self) {
        poll_fn(|cx| {
            if self.is_stopped() {
                return Poll::Ready(());
            }
            let before = { note(&mut lock(&self.waker), cx.waker()) };
            drop(before);
            // It may have been stopped in between.
            if self.is_stopped() { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }
}

impl Interrupt for Cancel {
    fn interrupt(&self, job: JobId) {
        self.stopped.store(job.0, Ordering::SeqCst);
        let waker = lock(&self.waker).take();
        waker.into_iter().for_each(Waker::wake);
    }
}
