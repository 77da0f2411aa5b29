//! Blocking code on a worker thread.

use std::fmt;
use std::future::{Future, poll_fn};
use std::panic::resume_unwind;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use orm_core::error::DeadlineError;
use orm_core::{Error, Result};

use super::call::Call;
use super::default_limiter;
use super::from_worker::{Line, Request};
use super::limiter::{Limiter, Token};
use super::workers::{Threads, Urgency};
use crate::operation::Operation;
use crate::timer::sleep;

/// Runs blocking code on a worker thread, at most [`DEFAULT_TOKENS`](super::DEFAULT_TOKENS) at once in the process (see
/// [`default_limiter`]). Nothing happens until the future is polled; the [module](super) says what dropping it does.
///
/// # Panics
/// A panic of `f` resumes in the task that awaits.
///
/// ```
/// # futures_lite::future::block_on(async {
/// assert_eq!(anyorm::bridge::run_sync(|| 6 * 7).await, 42);
/// # });
/// ```
pub fn run_sync<T: Send + 'static>(f: impl FnOnce() -> T + Send + 'static) -> RunSync<T> {
    default_limiter().run_sync(f)
}

/// What dropping a [`RunSync`] does while its closure runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum OnDrop {
    /// The closure runs to its end, abandoned, unless it ends itself by [`check_cancelled`](super::check_cancelled).
    #[default]
    Abandon,
    /// The drop blocks its thread until the closure has ended: for a closure whose effects must not outlive its caller.
    ///
    /// That blocks an executor's thread, so the closure should look at [`is_cancelled`](super::is_cancelled). It waits for
    /// ever if the closure waits for the thread that waits for it: for a lock that is held there, or for a message of a
    /// task that only that thread polls. A closure that is inside [`from_worker`](super::from_worker), or calls it later,
    /// is answered [`Error::Cancelled`] and goes on.
    Wait,
}

/// Blocking code that runs on a worker thread, or will. Made by [`run_sync`].
///
/// Dropped: see [`OnDrop`], and the table of the [module](super).
#[must_use = "nothing happens until this is awaited"]
pub struct RunSync<T> {
    stage: Stage<T>,
    limiter: Limiter,
    line: Arc<Line>,
    /// What the closure waits for in `from_worker`.
    guest: Option<Request>,
    on_drop: OnDrop,
}

type Closure<T> = Box<dyn FnOnce() -> T + Send>;

enum Stage<T> {
    New(Closure<T>),
    /// Waits for a token.
    InLine(Closure<T>, Pin<Box<dyn Future<Output = Token> + Send>>),
    Sent(Arc<Call<T>>),
    Over,
}

impl<T: Send + 'static> RunSync<T> {
    pub(super) fn new(limiter: Limiter, f: impl FnOnce() -> T + Send + 'static) -> Self {
        let (stage, line) = (Stage::New(Box::new(f)), Arc::default());
        Self { stage, limiter, line, guest: None, on_drop: OnDrop::default() }
    }

    /// What dropping this does while the closure runs: it is abandoned, unless told otherwise.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use std::sync::atomic::{AtomicBool, Ordering};
    /// use std::time::Duration;
    /// use anyorm::bridge::{OnDrop, run_sync};
    /// use futures_lite::future;
    ///
    /// let ended = Arc::new(AtomicBool::new(false));
    /// let flag = ended.clone();
    /// let (started, start) = std::sync::mpsc::channel();
    /// let mut write = run_sync(move || {
    ///     started.send(()).unwrap();
    ///     std::thread::sleep(Duration::from_millis(20)); // writes a file, say
    ///     flag.store(true, Ordering::SeqCst);
    /// })
    /// .on_drop(OnDrop::Wait);
    /// assert!(future::block_on(future::poll_once(&mut write)).is_none());
    /// start.recv().unwrap();
    /// drop(write); // blocks
    /// assert!(ended.load(Ordering::SeqCst));
    /// ```
    pub fn on_drop(mut self, on_drop: OnDrop) -> Self {
        self.on_drop = on_drop;
        self
    }

    /// Gives up after `limit`, counted from the first poll and with the wait for a token. The closure is told by
    /// [`is_cancelled`](super::is_cancelled); no thread can be stopped from outside. With [`OnDrop::Wait`] the error comes
    /// when the closure has ended; nothing is blocked meanwhile. With no time at all, the closure never runs.
    ///
    /// Dropped: as without a limit.
    ///
    /// # Errors
    /// [`Error::Deadline`] if the closure had not ended in time.
    ///
    /// # Panics
    /// A panic of the closure resumes in the task that awaits.
    ///
    /// ```
    /// use std::time::Duration;
    /// use anyorm::bridge::run_sync;
    /// # futures_lite::future::block_on(async {
    /// let slow = run_sync(|| std::thread::sleep(Duration::from_millis(200))).timeout(Duration::from_millis(10));
    /// assert!(slow.await.unwrap_err().to_string().starts_with("run_sync was not done within 10ms"));
    /// assert_eq!(run_sync(|| 6 * 7).timeout(Duration::from_secs(30)).await?, 42);
    /// # Ok::<_, anyorm::Error>(()) }).unwrap();
    /// ```
    pub fn timeout(self, limit: Duration) -> Operation<'static, T> {
        Operation::new(self.within(limit))
    }

    /// As [`timeout`](Self::timeout), with the moment at which to give up.
    ///
    /// ```
    /// use std::time::{Duration, Instant};
    /// # futures_lite::future::block_on(async {
    /// let soon = Instant::now() + Duration::from_secs(30);
    /// assert_eq!(anyorm::bridge::run_sync(|| 6 * 7).deadline(soon).await?, 42);
    /// # Ok::<_, anyorm::Error>(()) }).unwrap();
    /// ```
    pub fn deadline(self, at: Instant) -> Operation<'static, T> {
        Operation::new(async move { self.within(at.saturating_duration_since(Instant::now())).await })
    }

    async fn within(mut self, limit: Duration) -> Result<T> {
        let mut timer = pin!(sleep(limit));
        let in_time = poll_fn(|cx| match limit.is_zero() {
            true => Poll::Ready(None),
            false => match Pin::new(&mut self).poll(cx) {
                Poll::Ready(output) => Poll::Ready(Some(output)),
                Poll::Pending => timer.as_mut().poll(cx).map(|()| None),
            },
        });
        if let Some(output) = in_time.await {
            return Ok(output);
        }
        self.cancel();
        let begun = match std::mem::replace(&mut self.stage, Stage::Over) {
            Stage::Sent(call) => Some(call).filter(|call| !call.take_back()),
            _ => None,
        };
        let left = match (begun, self.on_drop) {
            (None, _) => "its closure never ran",
            (Some(call), OnDrop::Abandon) => {
                call.abandon();
                "its closure runs on, abandoned: let it look at `is_cancelled()`"
            }
            (Some(call), OnDrop::Wait) => {
                // Should this be dropped too, it blocks like any other.
                self.stage = Stage::Sent(Arc::clone(&call));
                poll_fn(|cx| call.poll(cx)).await.unwrap_or_else(|panic| resume_unwind(panic));
                "its closure has ended by now"
            }
        };
        Err(Error::Deadline(Arc::new(DeadlineError::new("run_sync", limit, None, left))))
    }

    /// Sends the closure to a worker thread.
    fn send(&self, f: Closure<T>, token: Token) -> Arc<Call<T>> {
        let line = Arc::clone(&self.line);
        let call = Call::new(Box::new(move || {
            let _token = token;
            let _entered = line.enter();
            f()
        }));
        let sent = Arc::clone(&call);
        Threads::of_this_thread().run(Urgency::Waiting, move || sent.run());
        call
    }

    /// Polls what the closure waits for, and answers its result.
    fn poll_sent(&mut self, call: &Call<T>, cx: &mut Context<'_>) -> Poll<T> {
        loop {
            // Before the result is looked at: whatever the worker does after this wakes the task again.
            if let Some(request) = self.line.take_request(cx.waker()) {
                self.guest = Some(request);
            }
            let guest_is_done = self.guest.as_mut().is_some_and(|guest| guest.as_mut().poll(cx).is_ready());
            if !guest_is_done {
                return call.poll(cx).map(|result| result.unwrap_or_else(|panic| resume_unwind(panic)));
            }
            self.guest = None;
        }
    }
}

impl<T> RunSync<T> {
    /// Tells the closure that nobody waits any more, and lets it go on if it waits for this task.
    fn cancel(&mut self) {
        self.line.cancel();
        self.guest = None;
    }
}

impl<T: Send + 'static> Future for RunSync<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        let this = &mut *self;
        loop {
            match std::mem::replace(&mut this.stage, Stage::Over) {
                Stage::New(f) => {
                    let limiter = this.limiter.clone();
                    this.stage = Stage::InLine(f, Box::pin(async move { limiter.token().await }));
                }
                Stage::InLine(f, mut token) => match token.as_mut().poll(cx) {
                    Poll::Ready(token) => this.stage = Stage::Sent(this.send(f, token)),
                    Poll::Pending => {
                        this.stage = Stage::InLine(f, token);
                        return Poll::Pending;
                    }
                },
                Stage::Sent(call) => {
                    this.stage = Stage::Sent(Arc::clone(&call));
                    let polled = this.poll_sent(&call, cx);
                    if polled.is_ready() {
                        this.stage = Stage::Over;
                    }
                    return polled;
                }
                Stage::Over => panic!("`run_sync` was polled after it had given its result"),
            }
        }
    }
}

impl<T> Drop for RunSync<T> {
    fn drop(&mut self) {
        self.cancel();
        if let Stage::Sent(call) = &self.stage
            && call.abandon()
            && self.on_drop == OnDrop::Wait
        {
            call.wait();
        }
    }
}

impl<T> fmt::Debug for RunSync<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RunSync").field("on_drop", &self.on_drop).finish_non_exhaustive()
    }
}
