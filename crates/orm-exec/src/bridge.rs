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
//! | before it was polled, or while it waits for a token or a thread | it never runs |
//! | after a thread took it | [`is_cancelled`] is true from now on. It runs to its end, abandoned; its result, or panic, is dropped there |
//! | the same with [`OnDrop::Wait`] | as above, and the drop blocks its thread until the closure has ended |
//! | while the closure is in [`from_worker`] | the future in there is dropped, and the closure goes on with [`Error::Cancelled`](orm_core::Error::Cancelled) |
//! | by a [`timeout`](RunSync::timeout) | as a drop; with [`OnDrop::Wait`] the task waits for the end, and blocks nothing |
//!
//! The threads are those of the `blocking` crate, shared by the whole process; a [`Limiter`] bounds how many of them
//! these calls take. An abandoned closure keeps its token until it ends, so the bound holds. The jobs of engines run on
//! the same threads under a bound of their own, [`worker_limit`]: closures that block for long do not keep them waiting.

mod call;
mod deterministic;
mod event;
mod from_worker;
mod gate;
mod idle;
mod limiter;
mod run_sync;
mod told;
mod workers;

pub use deterministic::Deterministic;
pub(crate) use event::Event;
pub use from_worker::{check_cancelled, from_worker, is_cancelled};
pub use limiter::Limiter;
pub use run_sync::{OnDrop, RunSync, run_sync};
pub(crate) use told::{Ended, Told};
pub(crate) use workers::Threads;
pub use workers::{DEFAULT_WORKER_LIMIT, Urgency, WorkerJob, Workers, set_worker_limit, worker_limit};

use std::sync::OnceLock;

/// How many closures [`run_sync`] runs at once unless told otherwise: as many as anyio.
pub const DEFAULT_TOKENS: usize = 40;

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
