//! Stopping a statement from another thread, and not waiting for a lock longer than anybody wants.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rusqlite::InterruptHandle;

use crate::driver::{Interrupt, JobId};

/// Which job runs, and which one is to stop. Ids are compared, so an interrupt that comes late, or finds no statement
/// running, stays without effect on the job that follows.
#[derive(Debug, Default)]
pub(super) struct Cancel {
    /// The job on the connection, 0 between jobs and while one is being rolled back.
    running: AtomicU64,
    /// The last job that was told to stop.
    stopped: AtomicU64,
    /// How long the last wait for a lock has taken, in nanoseconds: of this job, 0 if it had none.
    waited: AtomicU64,
}

impl Cancel {
    pub(super) fn start(&self, job: JobId) {
        self.waited.store(0, Ordering::Relaxed);
        self.running.store(job.0, Ordering::SeqCst);
    }

    /// How long the last wait for a lock has taken.
    pub(super) fn waited(&self) -> Duration {
        Duration::from_nanos(self.waited.load(Ordering::Relaxed))
    }

    pub(super) fn end(&self) {
        self.running.store(0, Ordering::SeqCst);
    }

    /// Whether the running job is to stop.
    pub(super) fn is_stopped(&self) -> bool {
        let running = self.running.load(Ordering::Relaxed);
        running != 0 && running == self.stopped.load(Ordering::Relaxed)
    }
}

/// The driver's [`Interrupt`].
pub(super) struct SqliteInterrupt {
    pub(super) cancel: Arc<Cancel>,
    pub(super) handle: InterruptHandle,
}

impl Interrupt for SqliteInterrupt {
    fn interrupt(&self, job: JobId) {
        // SQLite forgets an interrupt that finds no statement running: the number is what the next statement of the
        // same job, the progress handler and the wait for a lock look at.
        self.cancel.stopped.store(job.0, Ordering::SeqCst);
        self.handle.interrupt();
    }
}

impl fmt::Debug for SqliteInterrupt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteInterrupt").field("cancel", &self.cancel).finish_non_exhaustive()
    }
}

/// Waits for a lock like SQLite's own busy handler, except that a job which is to stop gives up.
pub(super) fn busy_handler(
    cancel: Arc<Cancel>,
    timeout: Duration,
) -> impl FnMut(i32) -> bool + Send + 'static {
    const PAUSES: [u64; 8] = [1, 2, 5, 10, 15, 20, 25, 25];
    let mut since = Instant::now();
    move |tries| {
        if tries == 0 {
            since = Instant::now();
        }
        let waited = since.elapsed();
        cancel.waited.store(u64::try_from(waited.as_nanos()).unwrap_or(u64::MAX), Ordering::Relaxed);
        let left = timeout.saturating_sub(waited);
        if left.is_zero() || cancel.is_stopped() {
            return false;
        }
        let pause = PAUSES.get(tries as usize).copied().unwrap_or(50);
        thread::sleep(Duration::from_millis(pause).min(left));
        true
    }
}
