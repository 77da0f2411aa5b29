//! What a session is in the middle of while hooks have it, and whether they came to their end.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};

/// Which hooks have the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    None,
    /// `before_commit`: may flush, may not end the transaction.
    Committing,
    /// Before the statements of a flush.
    Flushing,
    /// After the statements of a flush, before COMMIT.
    Flushed,
}

/// Shared by the session, which its hooks have meanwhile, and the future that runs them.
#[derive(Debug, Default)]
pub(crate) struct Gate {
    phase: AtomicU8,
    /// Hooks after a flush were left half way.
    broken_off: AtomicBool,
}

impl Gate {
    pub(crate) fn phase(&self) -> Phase {
        match self.phase.load(Ordering::Relaxed) {
            1 => Phase::Committing,
            2 => Phase::Flushing,
            3 => Phase::Flushed,
            _ => Phase::None,
        }
    }

    /// Hooks are about to run. Ends with [`Passage::end`]; a passage that is dropped before was left half way.
    pub(crate) fn enter(self: &Arc<Self>, phase: Phase) -> Passage {
        let before = self.phase.swap(phase as u8, Ordering::Relaxed);
        Passage { gate: Arc::clone(self), phase, before }
    }

    pub(crate) fn is_broken_off(&self) -> bool {
        self.broken_off.load(Ordering::Relaxed)
    }

    pub(crate) fn mend(&self) {
        self.broken_off.store(false, Ordering::Relaxed);
    }
}

/// Hooks that run.
#[derive(Debug)]
pub(crate) struct Passage {
    gate: Arc<Gate>,
    phase: Phase,
    before: u8,
}

impl Passage {
    /// They came to their end, or answered an error.
    pub(crate) fn end(mut self) {
        self.phase = Phase::None;
    }
}

impl Drop for Passage {
    fn drop(&mut self) {
        self.gate.phase.store(self.before, Ordering::Relaxed);
        if self.phase == Phase::Flushed {
            self.gate.broken_off.store(true, Ordering::Relaxed);
        }
    }
}
