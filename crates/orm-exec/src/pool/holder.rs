//! Who has a connection: for the message of a wait that took too long, and to see a wait that would never end.

use std::panic::Location;
use std::sync::{Mutex, MutexGuard};
use std::task::Waker;

use crate::sync::lock;

#[derive(Debug)]
pub(crate) struct Holder {
    location: &'static Location<'static>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Whether an open transaction keeps the connection between calls.
    pinned: bool,
    /// Whether a job is under way, or its output not yet picked up.
    working: bool,
    /// The task that was last seen with the connection.
    waker: Option<Waker>,
}

impl Holder {
    pub(super) fn new(location: &'static Location<'static>, waker: &Waker) -> Self {
        let state = State { waker: Some(waker.clone()), ..State::default() };
        Self { location, state: Mutex::new(state) }
    }

    /// Where the connection was taken: file and line.
    pub(super) fn place(&self) -> String {
        format!("{}:{}", self.location.file(), self.location.line())
    }

    pub(crate) fn pin(&self, pinned: bool) {
        self.state().pinned = pinned;
    }

    /// A job is under way, awaited by the task of `waker`.
    pub(crate) fn works_for(&self, waker: &Waker) {
        let mut state = self.state();
        state.working = true;
        match &mut state.waker {
            Some(seen) => seen.clone_from(waker),
            none => *none = Some(waker.clone()),
        }
    }

    /// The output of the job was picked up.
    pub(crate) fn rests(&self) {
        self.state().working = false;
    }

    /// Whether the task of `waker` would wait for itself: it holds the connection for a transaction, and nothing is
    /// under way that could end it. One task that polls several futures in turn (`join!`, `select!`) looks the same,
    /// though another of its branches might go on and end the transaction: the two cannot be told apart.
    pub(super) fn is_kept_by(&self, waker: &Waker) -> bool {
        let state = self.state();
        state.pinned && !state.working && state.waker.as_ref().is_some_and(|seen| seen.will_wake(waker))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}
