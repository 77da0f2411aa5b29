//! What a call is doing, for the message of its deadline. Those who know are some futures further down, so they leave a
//! note for whoever polls them, on the thread: only where somebody watches.

use std::cell::{Cell, RefCell};

/// What a call waits for.
#[derive(Clone, Debug)]
pub(crate) struct UnderWay {
    /// After "it": `waited for the writer connection`.
    pub(crate) what: String,
    /// Whether a program is with a worker thread. If not, nothing was changed.
    pub(crate) sent: bool,
}

thread_local! {
    /// Whether the call that this thread polls has a deadline.
    static WATCHED: Cell<bool> = const { Cell::new(false) };
    static SEEN: RefCell<Option<UnderWay>> = const { RefCell::new(None) };
}

/// Leaves a note, if anybody watches.
pub(crate) fn note(what: impl FnOnce() -> UnderWay) {
    if WATCHED.get() {
        let what = what();
        SEEN.set(Some(what));
    }
}

/// That is over.
pub(crate) fn clear() {
    if WATCHED.get() {
        SEEN.set(None);
    }
}

/// Runs what is no business of the call that this thread polls: its notes are for nobody.
pub(crate) fn unwatched<T>(f: impl FnOnce() -> T) -> T {
    let _restore = Unwatched(WATCHED.replace(false));
    f()
}

struct Unwatched(bool);

impl Drop for Unwatched {
    fn drop(&mut self) {
        WATCHED.set(self.0);
    }
}

/// Collects the notes of what it polls.
#[derive(Debug, Default)]
pub(super) struct Watch(Option<UnderWay>);

impl Watch {
    pub(super) fn poll<T>(&mut self, poll: impl FnOnce() -> T) -> T {
        let watched_before = WATCHED.replace(true);
        // Notes stand until they are replaced or cleared, also from poll to poll.
        let of_others = SEEN.replace(self.0.take());
        let restore = Restore { watched_before, of_others };
        let polled = poll();
        self.0 = SEEN.with_borrow(Option::clone);
        drop(restore);
        if watched_before {
            // Whoever watches around this one sees the same.
            SEEN.set(self.0.clone());
        }
        polled
    }

    pub(super) fn seen(self) -> Option<UnderWay> {
        self.0
    }
}

/// Also after a panic.
struct Restore {
    watched_before: bool,
    of_others: Option<UnderWay>,
}

impl Drop for Restore {
    fn drop(&mut self) {
        WATCHED.set(self.watched_before);
        SEEN.set(self.of_others.take());
    }
}
