//! Locks, the way this crate takes them: for a few instructions, never across a call to the database or to a waker.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::Waker;

/// Locks. What a panic left behind is whole: no lock of this crate is held while foreign code runs.
pub(crate) fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Notes whom to wake. Answers who was noted before, to be dropped after the lock: it may be the last that keeps a task, and
/// what that task owns is dropped with it.
#[must_use = "drop it without the lock"]
pub(crate) fn note(place: &mut Option<Waker>, waker: &Waker) -> Option<Waker> {
    match place {
        Some(noted) => renew(noted, waker),
        None => place.replace(waker.clone()),
    }
}

/// The same where somebody is noted always.
#[must_use = "drop it without the lock"]
pub(crate) fn renew(noted: &mut Waker, waker: &Waker) -> Option<Waker> {
    (!noted.will_wake(waker)).then(|| std::mem::replace(noted, waker.clone()))
}
