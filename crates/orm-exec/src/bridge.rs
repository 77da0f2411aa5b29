//! Blocking code from async code, under any executor: the counterpart of `anyio.to_thread.run_sync`.
//!
//! ```
//! use anyorm::bridge::run_sync;
//! # futures_lite::future::block_on(async {
//! let size = run_sync(|| std::fs::metadata("/").map(|meta| meta.is_dir())).await?;
//! assert!(size);
//! # std::io::Result::Ok(()) }).unwrap();
//! ```
//!
//! | the future is dropped | what happens to the closure |
//! |---|---|
//! | before it was polled, or while it waits for a token | it never runs |
//! | after a thread took it | it runs to its end, abandoned; its result, or panic, is dropped there |
//!
//! The threads are those of the `blocking` crate, shared by the whole process; a [`Limiter`] bounds how many of them
//! these calls take. An abandoned closure keeps its token until it ends, so the bound holds.

mod call;
mod gate;
mod limiter;
mod workers;

pub use limiter::Limiter;
pub(crate) use workers::default_workers;
pub use workers::{DEFAULT_WORKER_LIMIT, Urgency, WorkerJob, Workers, set_worker_limit, worker_limit};

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::OnceLock;
use std::task::{Context, Poll};

/// How many closures [`run_sync`] runs at once unless told otherwise: as many as anyio.
pub const DEFAULT_TOKENS: usize = 40;

/// Runs blocking code on a worker thread, at most [`DEFAULT_TOKENS`] at once in the process (see [`default_limiter`]).
/// Nothing happens until the future is polled; the [module](self) says what dropping it does.
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

/// The limiter of [`run_sync`], shared by the process.
///
/// ```
/// anyorm::bridge::default_limiter().set_tokens(100);
/// assert_eq!(anyorm::bridge::default_limiter().tokens(), 100);
/// ```
pub fn default_limiter() -> &'static Limiter {
    static DEFAULT: OnceLock<Limiter> = OnceLock::new();
    DEFAULT.get_or_init(|| Limiter::new(DEFAULT_TOKENS))
}

/// Blocking code that runs on a worker thread, or will. Made by [`run_sync`].
#[must_use = "nothing happens until this is awaited"]
pub struct RunSync<T> {
    future: Pin<Box<dyn Future<Output = T> + Send>>,
}

impl<T: Send + 'static> RunSync<T> {
    fn new(future: impl Future<Output = T> + Send + 'static) -> Self {
        Self { future: Box::pin(future) }
    }
}

impl<T> Future for RunSync<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        self.future.as_mut().poll(cx)
    }
}

impl<T> fmt::Debug for RunSync<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RunSync").finish_non_exhaustive()
    }
}
