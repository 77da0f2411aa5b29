//! From a closure on its worker thread back to the task that awaits it.
//!
//! ```text
//! the task that awaits                   worker thread
//! RunSync::poll ──► closure ───────────► from_worker(future)
//!      polls it ◄── Line: the future ◄───     blocked
//!               ──► Answer ─────────────►     its output, or `Cancelled`
//! ```

use std::cell::RefCell;
use std::future::Future;
use std::panic::{AssertUnwindSafe, resume_unwind};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::Waker;
use std::thread;

use futures_lite::FutureExt;
use orm_core::{Error, Result};

use super::event::Event;
use crate::sync::{lock, note};

/// Awaits a future from a closure of [`run_sync`](super::run_sync), whose thread it blocks: the counterpart of
/// `anyio.from_thread.run`.
///
/// The future is polled by the task that awaits the closure, in its place: where that task is inside a runtime, so is the
/// future, with its timers and sockets. It must own what it uses: what the closure needs afterwards, a session say, it
/// gives back with its output.
///
/// The closure keeps its token meanwhile. So closures that wait here for closures of the same [`Limiter`](super::Limiter)
/// may wait for ever, once they have all of its tokens: give those inside a limiter of their own.
///
/// # Errors
/// [`Error::Cancelled`] if nobody awaits the closure any more: it was dropped, or its time is over. The future is dropped
/// then, if it had begun. [`Error::Build`] outside of such a closure, and on threads that the closure has started.
///
/// # Panics
/// A panic of the future resumes here.
///
/// # Example
/// ```
/// # use orm_blog::*;
/// # run(async |engine| {
/// use anyorm::bridge::{from_worker, run_sync};
/// use anyorm::prelude::*;
///
/// let total = run_sync(move || {
///     let mut total = 0;
///     let users = from_worker(async move { engine.all(User::select().order_by(User::ID)).await })??;
///     for user in users {
///         total += user.name.len(); // blocking work, on this thread
///     }
///     Ok::<_, anyorm::Error>(total)
/// });
/// assert_eq!(total.await?, "AdaGrace".len());
/// # Ok(()) });
/// ```
pub fn from_worker<F>(future: F) -> Result<F::Output>
where
    F: Future<Output: Send + 'static> + Send + 'static,
{
    let Some(line) = Line::of_this_thread() else {
        return Err(Error::build(
            "`from_worker` works on the thread of a closure of `run_sync` only: in async code, await the future; on a \
             thread of your own, use your executor's `block_on`",
        ));
    };
    let answer = Arc::new(Answer { output: Mutex::new(None), given: Event::default() });
    let giver = Giver(Arc::clone(&answer));
    line.ask(Box::pin(async move {
        let output = AssertUnwindSafe(future).catch_unwind().await;
        *lock(&giver.0.output) = Some(output);
    }));
    answer.given.wait();
    let output = lock(&answer.output).take();
    match output {
        Some(output) => Ok(output.unwrap_or_else(|panic| resume_unwind(panic))),
        None => Err(Error::Cancelled),
    }
}

/// Whether nobody awaits this closure of [`run_sync`](super::run_sync) any more: it was dropped, or its time is over. Always
/// false elsewhere.
///
/// ```
/// use anyorm::bridge::{is_cancelled, run_sync};
/// # futures_lite::future::block_on(async {
/// assert!(!run_sync(is_cancelled).await);
/// # });
/// ```
pub fn is_cancelled() -> bool {
    Line::of_this_thread().is_some_and(|line| line.is_cancelled())
}

/// Ends a closure of [`run_sync`](super::run_sync) that nobody awaits any more: call it now and then in one that takes long.
///
/// # Errors
/// [`Error::Cancelled`] if [`is_cancelled`].
///
/// ```
/// use std::time::Duration;
/// use anyorm::bridge::{OnDrop, check_cancelled, run_sync};
/// # futures_lite::future::block_on(async {
/// let endless = run_sync(|| -> anyorm::Result<()> {
///     loop {
///         check_cancelled()?;
///         std::thread::sleep(Duration::from_millis(1)); // some of the work
///     }
/// });
/// let error = endless.on_drop(OnDrop::Wait).timeout(Duration::from_millis(20)).await.unwrap_err();
/// assert!(matches!(error, anyorm::Error::Deadline(_)));
/// # });
/// ```
pub fn check_cancelled() -> Result<()> {
    if is_cancelled() { Err(Error::Cancelled) } else { Ok(()) }
}

/// A future that a worker wants to be polled. Its end, and its drop, let the worker go on.
pub(super) type Request = Pin<Box<dyn Future<Output = ()> + Send>>;

/// What joins a closure with the task that awaits it.
#[derive(Default)]
pub(super) struct Line(Mutex<State>);

#[derive(Default)]
struct State {
    cancelled: bool,
    /// What the closure waits for, until the task has seen it.
    request: Option<Request>,
    /// The task.
    waker: Option<Waker>,
}

thread_local! {
    /// The line of the closure that this thread runs.
    static LINE: RefCell<Option<Arc<Line>>> = const { RefCell::new(None) };
}

impl Line {
    fn of_this_thread() -> Option<Arc<Self>> {
        LINE.with_borrow(Option::clone)
    }

    /// Says that this thread runs the closure of this line, until the guard is dropped.
    pub(super) fn enter(self: Arc<Self>) -> Entered {
        Entered { before: LINE.replace(Some(self)) }
    }

    pub(super) fn is_cancelled(&self) -> bool {
        lock(&self.0).cancelled
    }

    /// On the worker: hands a future over, or drops it where nobody would poll it.
    fn ask(&self, request: Request) {
        let mut state = lock(&self.0);
        if state.cancelled {
            drop(state);
            drop(request);
            return;
        }
        state.request = Some(request);
        let waker = state.waker.take();
        drop(state);
        waker.into_iter().for_each(Waker::wake);
    }

    /// In the task: what the closure waits for, if it is new. The task is woken when there is more.
    pub(super) fn take_request(&self, waker: &Waker) -> Option<Request> {
        let mut state = lock(&self.0);
        let request = state.request.take();
        let before = note(&mut state.waker, waker);
        drop(state);
        drop(before);
        request
    }

    /// Nobody polls here any more. What the closure waits for is dropped, which lets it go on.
    pub(super) fn cancel(&self) {
        let mut state = lock(&self.0);
        state.cancelled = true;
        let left = (state.waker.take(), state.request.take());
        drop(state);
        drop(left);
    }
}

/// Restores what the thread was doing before.
pub(super) struct Entered {
    before: Option<Arc<Line>>,
}

impl Drop for Entered {
    fn drop(&mut self) {
        LINE.set(self.before.take());
    }
}

/// What a future answers to the worker that waits for it.
struct Answer<T> {
    /// None if the future was dropped before its end.
    output: Mutex<Option<thread::Result<T>>>,
    given: Event,
}

/// Travels with the future, and goes when it does.
struct Giver<T>(Arc<Answer<T>>);

impl<T> Drop for Giver<T> {
    fn drop(&mut self) {
        self.0.given.set();
    }
}
