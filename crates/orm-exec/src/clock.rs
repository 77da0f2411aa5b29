//! What time it is: a seam, so that tests of limits need not sleep.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Where the pool reads the time. Clones of a manual clock are set together.
#[derive(Clone, Debug)]
pub struct Clock(Source);

#[derive(Clone, Debug)]
enum Source {
    System,
    /// A start, and the nanoseconds that were added to it.
    Manual(Instant, Arc<AtomicU64>),
}

impl Clock {
    /// The clock of the system.
    pub fn system() -> Self {
        Self(Source::System)
    }

    /// A clock that stands still until it is [advanced](Clock::advance). No timer runs by it.
    pub fn manual() -> Self {
        Self(Source::Manual(Instant::now(), Arc::default()))
    }

    /// Moves a manual clock. The system's cannot be moved.
    pub fn advance(&self, by: Duration) {
        if let Source::Manual(_, added) = &self.0 {
            let nanoseconds = u64::try_from(by.as_nanos()).unwrap_or(u64::MAX);
            added.fetch_add(nanoseconds, Ordering::SeqCst);
        }
    }

    pub(crate) fn now(&self) -> Instant {
        match &self.0 {
            Source::System => Instant::now(),
            Source::Manual(start, added) => *start + Duration::from_nanos(added.load(Ordering::SeqCst)),
        }
    }

    pub(crate) fn is_manual(&self) -> bool {
        matches!(self.0, Source::Manual(..))
    }
}
