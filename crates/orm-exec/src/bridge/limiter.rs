//! How many closures run at once.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_lock::{Semaphore, SemaphoreGuardArc};

use super::RunSync;
use crate::sync::lock;

/// More threads than a process may have: a limiter of more tokens than these bounds nothing.
const MOST: usize = 1 << 16;

/// A bound on the worker threads that calls of [`run_sync`](Limiter::run_sync) take at once. Clones share it.
///
/// All limiters of a process, and its engines, share the threads of the `blocking` crate: 500, or as many as the environment
/// variable `BLOCKING_MAX_THREADS` says when the first one is needed. Closures that call [`from_worker`](super::from_worker)
/// need the tokens of all limiters together to be fewer: what they wait for needs a thread, too.
///
/// ```
/// use anyorm::bridge::Limiter;
/// # futures_lite::future::block_on(async {
/// let one_at_a_time = Limiter::new(1);
/// assert_eq!(one_at_a_time.run_sync(|| 1 + 1).await, 2);
/// # });
/// ```
#[derive(Clone, Debug)]
pub struct Limiter(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    semaphore: Arc<Semaphore>,
    /// The tokens there should be. Locked while it changes.
    tokens: Mutex<usize>,
    /// Tokens above that number, to be taken out of use as they come back.
    surplus: AtomicUsize,
}

/// One token, for as long as a closure runs.
pub(super) struct Token {
    guard: Option<SemaphoreGuardArc>,
    limiter: Limiter,
}

impl Limiter {
    /// A limiter with this many tokens. With 0 nothing runs until there are more.
    pub fn new(tokens: usize) -> Self {
        let semaphore = Arc::new(Semaphore::new(tokens.min(MOST)));
        Self(Arc::new(Shared { semaphore, tokens: Mutex::new(tokens), surplus: AtomicUsize::new(0) }))
    }

    /// How many closures may run at once.
    pub fn tokens(&self) -> usize {
        *lock(&self.0.tokens)
    }

    /// Changes how many closures may run at once. Closures that run are not stopped: with fewer tokens, new ones wait
    /// until enough have ended.
    pub fn set_tokens(&self, tokens: usize) {
        let new = {
            let mut current = lock(&self.0.tokens);
            let (before, now) = (std::mem::replace(&mut *current, tokens).min(MOST), tokens.min(MOST));
            match now.checked_sub(before) {
                // Tokens that were about to go may stay; the rest is new.
                Some(more) => more - self.take_surplus(more),
                None => {
                    self.0.surplus.fetch_add(before - now, Ordering::SeqCst);
                    0
                }
            }
        };
        // Without the lock: both may wake a task.
        self.0.semaphore.add_permits(new);
        // Tokens that are free can go at once.
        while self.0.surplus.load(Ordering::SeqCst) > 0
            && let Some(guard) = self.0.semaphore.try_acquire_arc()
            && self.take_surplus(1) == 1
        {
            guard.forget();
        }
    }

    /// Runs blocking code on a worker thread as soon as there is a token. See [`run_sync`](super::run_sync).
    ///
    /// # Panics
    /// A panic of `f` resumes in the task that awaits.
    pub fn run_sync<T: Send + 'static>(&self, f: impl FnOnce() -> T + Send + 'static) -> RunSync<T> {
        RunSync::new(self.clone(), f)
    }

    /// Waits for a token.
    pub(super) async fn token(&self) -> Token {
        loop {
            let guard = self.0.semaphore.acquire_arc().await;
            if self.take_surplus(1) == 0 {
                return Token { guard: Some(guard), limiter: self.clone() };
            }
            guard.forget();
        }
    }

    /// How many tokens there were too many, at most so many: the caller takes them out of use.
    fn take_surplus(&self, most: usize) -> usize {
        let take = |left: usize| Some(left - left.min(most)).filter(|_| left > 0);
        let before = self.0.surplus.fetch_update(Ordering::SeqCst, Ordering::SeqCst, take);
        before.map_or(0, |left| left.min(most))
    }
}

impl Drop for Token {
    fn drop(&mut self) {
        if let Some(guard) = self.guard.take()
            && self.limiter.take_surplus(1) == 1
        {
            guard.forget();
        }
    }
}
