//! Who is told that a job has ended, and when.
//!
//! Whoever awaits a job may send the next one at once. If it is told before the thread of the job is idle, the next job wakes a
//! second thread, for nothing. So a thread of the [gate](super::gate) tells when it can be given something.

use std::sync::Arc;

/// What a job of an engine, or a closure, leaves to its thread: dropped, it tells whoever awaits it.
pub(crate) struct Told(Option<Arc<dyn Ended>>);

/// Whose end somebody awaits.
pub(crate) trait Ended: Send + Sync {
    /// Wakes whoever awaits it, which can happen at any time after the result is there.
    fn tell(&self);
}

impl Told {
    pub(crate) fn by(ended: Arc<dyn Ended>) -> Self {
        Self(Some(ended))
    }

    /// Nobody awaits it.
    pub(crate) fn nobody() -> Self {
        Self(None)
    }
}

impl Drop for Told {
    fn drop(&mut self) {
        self.0.take().into_iter().for_each(|ended| ended.tell());
    }
}
