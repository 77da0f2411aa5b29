//! Stopping a statement from another thread, and not waiting for a lock longer than anybody wants.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
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
    /// What is left to a run on the thread that polls, in calls of the progress handler, and one more; 0 on a worker.
    inline: AtomicU32,
}

/// In place of what is left: a run was stopped for its length.
const SPENT: u32 = u32::MAX;

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

    /// A run on the thread that polls begins, and may last for so many calls of the progress handler.
    pub(super) fn start_inline(&self, calls: u32) {
        self.inline.store(calls + 1, Ordering::Relaxed);
    }

    /// It has ended. Answers whether it was stopped for its length.
    pub(super) fn end_inline(&self) -> bool {
        self.inline.swap(0, Ordering::Relaxed) == SPENT
    }

    fn is_inline(&self) -> bool {
        self.inline.load(Ordering::Relaxed) != 0
    }

    /// What cannot be bounded is about to be called: a run on the thread that polls is given up. Answers whether there is
    /// one.
    pub(super) fn give_up_inline(&self) -> bool {
        let inline = self.is_inline();
        if inline {
            self.inline.store(SPENT, Ordering::Relaxed);
        }
        inline
    }

    /// What the progress handler asks: whether the running job is to stop.
    pub(super) fn progressed(&self) -> bool {
        match self.inline.load(Ordering::Relaxed) {
            0 => self.is_stopped(),
            SPENT => true,
            1 => {
                self.inline.store(SPENT, Ordering::Relaxed);
                true
            }
            left => {
                self.inline.store(left - 1, Ordering::Relaxed);
                false
            }
        }
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

/// The pause between two tries for a lock, at first.
const LONGEST_PAUSE: Duration = Duration::from_millis(6);
/// The pause of those who have waited for a quarter of the timeout, or longer.
const SHORTEST_PAUSE: Duration = Duration::from_micros(500);

/// Waits for a lock, at most as long as the timeout says, not for a job that is to stop, and not at all inline.
///
/// SQLite has no queue: who happens to try when the lock is free has it next. So pauses are short; they become shorter the
/// longer somebody has waited, so that newcomers do not overtake for ever; and no two are the same, so that processes that
/// began to wait together do not try together.
pub(super) fn busy_handler(
    cancel: Arc<Cancel>,
    timeout: Duration,
) -> impl FnMut(i32) -> bool + Send + 'static {
    let mut since = Instant::now();
    move |tries| {
        if cancel.is_inline() {
            return false;
        }
        if tries == 0 {
            since = Instant::now();
        }
        let waited = since.elapsed();
        cancel.waited.store(u64::try_from(waited.as_nanos()).unwrap_or(u64::MAX), Ordering::Relaxed);
        let left = timeout.saturating_sub(waited);
        if left.is_zero() || cancel.is_stopped() {
            return false;
        }
        thread::sleep(pause(waited, timeout).min(left));
        true
    }
}

/// How long to pause after such a wait: between half of what is due, and one and a half.
fn pause(waited: Duration, timeout: Duration) -> Duration {
    let old = timeout / 4;
    let rest = old.saturating_sub(waited).as_secs_f64() / old.as_secs_f64().max(f64::MIN_POSITIVE);
    let due = SHORTEST_PAUSE + (LONGEST_PAUSE - SHORTEST_PAUSE).mul_f64(rest.min(1.0));
    // The nanoseconds of a clock are as random as this needs, mixed so that all of them count.
    let mixed = waited.subsec_nanos().wrapping_mul(0x9e37_79b1) >> 16;
    due.mul_f64(0.5 + f64::from(mixed) / 65_536.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_waited_longer_tries_more_often() {
        let timeout = Duration::from_secs(4);
        let mean = |waited: u64| {
            let waits = (0..1_000).map(|n| Duration::from_millis(waited) + Duration::from_nanos(n * 7_919));
            waits.map(|waited| pause(waited, timeout)).sum::<Duration>() / 1_000
        };
        let means = [0, 400, 800, 1_200, 3_900].map(mean);
        assert!(means[0] > means[1] && means[1] > means[2] && means[2] > means[3], "{means:?}");
        assert!(means[4] < Duration::from_millis(1), "{means:?}");
    }

    #[test]
    fn no_pause_is_nothing_and_none_is_long() {
        for timeout in [Duration::ZERO, Duration::from_nanos(3), Duration::from_secs(5), Duration::MAX] {
            for nanos in (0..5_000_000_000).step_by(1_234_567) {
                let pause = pause(Duration::from_nanos(nanos), timeout);
                assert!(pause >= SHORTEST_PAUSE / 2 && pause <= LONGEST_PAUSE * 3 / 2, "{pause:?}");
            }
        }
    }
}
