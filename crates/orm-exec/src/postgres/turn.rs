//! How much one connection does before the others have their turn: all of them share a thread, and what keeps finding work
//! would keep it from them, for as long as it takes to read a million rows.

use std::future::poll_fn;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll};

/// How many rows are taken in, or statements made and sent, in one turn: some hundred microseconds.
const STEPS: u32 = 512;

/// The turn of one connection. Of the task that polls it.
#[derive(Debug)]
pub(super) struct Turn(AtomicU32);

impl Turn {
    /// Begins a turn, with each poll of the task.
    pub(super) fn begin(&self) {
        self.0.store(STEPS, Ordering::Relaxed);
    }

    /// Waits for the next turn if this one is used up.
    pub(super) async fn step(&self) {
        poll_fn(|cx| self.poll_step(cx)).await;
    }

    /// The turn stays used up until the next one begins, however often it is asked.
    fn poll_step(&self, cx: &mut Context<'_>) -> Poll<()> {
        let left = self.0.load(Ordering::Relaxed);
        if left == 0 {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        self.0.store(left - 1, Ordering::Relaxed);
        Poll::Ready(())
    }
}

impl Default for Turn {
    fn default() -> Self {
        Self(AtomicU32::new(STEPS))
    }
}

#[cfg(test)]
mod tests;
