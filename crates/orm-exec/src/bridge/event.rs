//! Something that happens once, and that a thread waits for.

use std::fmt;
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use super::deterministic::{Baton, Deterministic};
use crate::sync::lock;

/// Whoever blocks a worker until a task has done something waits by this: the test double then knows that it may go on
/// with others.
#[derive(Default)]
pub(crate) struct Event {
    state: Mutex<State>,
    condvar: Condvar,
}

#[derive(Default)]
struct State {
    happened: bool,
    /// The job of a test double that waits.
    parked: Option<Arc<Baton>>,
}

impl Event {
    pub(crate) fn set(&self) {
        let mut state = lock(&self.state);
        state.happened = true;
        let parked = state.parked.take();
        drop(state);
        self.condvar.notify_all();
        parked.into_iter().for_each(Baton::may_go_on);
    }

    /// Blocks the thread until it has happened.
    pub(crate) fn wait(&self) {
        if let Some(baton) = Baton::of_this_thread() {
            let mut state = lock(&self.state);
            if !state.happened {
                state.parked = Some(Arc::clone(&baton));
                drop(state);
                baton.park();
            }
            return;
        }
        if Deterministic::run_jobs_until(|| lock(&self.state).happened) {
            return;
        }
        let mut state = lock(&self.state);
        while !state.happened {
            state = self.condvar.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Event").field(&lock(&self.state).happened).finish()
    }
}
