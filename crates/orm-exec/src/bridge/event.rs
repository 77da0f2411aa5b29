//! Something that happens once, and that a thread waits for.

use std::fmt;
use std::sync::{Condvar, Mutex, PoisonError};

use crate::sync::lock;

#[derive(Default)]
pub(super) struct Event {
    happened: Mutex<bool>,
    condvar: Condvar,
}

impl Event {
    pub(super) fn set(&self) {
        *lock(&self.happened) = true;
        self.condvar.notify_all();
    }

    /// Blocks the thread until it has happened.
    pub(super) fn wait(&self) {
        let mut happened = lock(&self.happened);
        while !*happened {
            happened = self.condvar.wait(happened).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Event").field(&*lock(&self.happened)).finish()
    }
}
