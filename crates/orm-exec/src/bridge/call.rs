//! One closure on its way to a worker thread, there, and back as its result.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::thread;

use super::event::Event;
use super::told::{Ended, Told};
use crate::sync::{lock, note};

/// A closure that a worker thread runs, unless it is taken back before.
pub(super) struct Call<T> {
    state: Mutex<State<T>>,
    /// The closure has run, or never will.
    ended: Event,
}

struct State<T> {
    stage: Stage<T>,
    /// The task that awaits the result.
    waker: Option<Waker>,
}

enum Stage<T> {
    Waiting(Box<dyn FnOnce() -> T + Send>),
    Running,
    Done(thread::Result<T>),
    /// Given to the caller, or not wanted any more.
    Over,
}

impl<T> Call<T> {
    pub(super) fn new(f: Box<dyn FnOnce() -> T + Send>) -> Arc<Self> {
        let state = Mutex::new(State { stage: Stage::Waiting(f), waker: None });
        Arc::new(Self { state, ended: Event::default() })
    }

    /// The result, once.
    pub(super) fn poll(&self, cx: &mut Context<'_>) -> Poll<thread::Result<T>> {
        let mut state = lock(&self.state);
        match std::mem::replace(&mut state.stage, Stage::Over) {
            Stage::Done(result) => {
                let awaited_by = state.waker.take();
                drop(state);
                drop(awaited_by);
                Poll::Ready(result)
            }
            Stage::Over => panic!("a closure was awaited after it had given its result"),
            stage => {
                state.stage = stage;
                let before = note(&mut state.waker, cx.waker());
                drop(state);
                drop(before);
                Poll::Pending
            }
        }
    }

    /// Takes back what nobody awaits any more: a closure that has not begun never runs, a result is dropped here or, later,
    /// by the worker. Answers whether the closure runs.
    pub(super) fn abandon(&self) -> bool {
        let mut state = lock(&self.state);
        let left = std::mem::replace(&mut state.stage, Stage::Over);
        let waker = state.waker.take();
        drop(state);
        drop(waker);
        matches!(left, Stage::Running)
    }

    /// Takes back a closure that has not begun. Answers whether that is so.
    pub(super) fn take_back(&self) -> bool {
        let mut state = lock(&self.state);
        if !matches!(state.stage, Stage::Waiting(_)) {
            return false;
        }
        let left = std::mem::replace(&mut state.stage, Stage::Over);
        drop(state);
        drop(left);
        true
    }

    /// Blocks the thread until a closure that runs has ended.
    pub(super) fn wait(&self) {
        self.ended.wait();
    }

    /// On a worker: the closure, unless it was taken back.
    pub(super) fn run(self: Arc<Self>) -> Told
    where
        T: Send + 'static,
    {
        let f = {
            let mut state = lock(&self.state);
            match std::mem::replace(&mut state.stage, Stage::Running) {
                Stage::Waiting(f) => f,
                stage => {
                    state.stage = stage;
                    return Told::nobody();
                }
            }
        };
        let result = catch_unwind(AssertUnwindSafe(f));
        let mut state = lock(&self.state);
        if let Stage::Running = state.stage {
            state.stage = Stage::Done(result);
            drop(state);
            self.ended.set();
            return Told::by(self);
        }
        drop(state);
        // What the caller's code returned may panic when it is dropped.
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| drop(result))) {
            std::mem::forget(panic);
        }
        self.ended.set();
        Told::nobody()
    }
}

impl<T: Send> Ended for Call<T> {
    fn tell(&self) {
        let waker = lock(&self.state).waker.take();
        waker.into_iter().for_each(Waker::wake);
    }
}
