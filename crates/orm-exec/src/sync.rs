//! Locks, the way this crate takes them: for a few instructions, never across a call to the database or to a waker.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks. What a panic left behind is whole: no lock of this crate is held while foreign code runs.
pub(crate) fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
