//! How many closures run at once.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_lock::{Semaphore, SemaphoreGuardArc};

use super::RunSync;
use crate::sync::lock;

/// A bound on the worker threads that calls of [`run_sync`](Limiter::run_sync) take at once. Clones share it.
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
        let semaphore = Arc::new(Semaphore::new(tokens));
        Self(Arc::new(Shared { semaphore, tokens: Mutex::new(tokens), surplus: AtomicUsize::new(0) }))
    }

    /// How many closures may run at once.
    pub fn tokens(&self) -> usize {
        *lock(&self.0.tokens)
    }

    /// Changes how many closures may run at once. Closures that run are not stopped: with fewer tokens, new ones wait
    /// until enough have ended.
    pub fn set_tokens(&self, tokens: usize) {
        let mut current = lock(&self.0.tokens);
        let (before, now) = (*current, tokens);
        *current = now;
        if now < before {
            self.0.surplus.fetch_add(before - now, Ordering::SeqCst);
            // Tokens that are free can go at once.
            while let Some(guard) = self.0.semaphore.try_acquire_arc() {
                if !self.take_surplus() {
                    break;
                }
                guard.forget();
            }
            return;
        }
        // Tokens that were about to go may stay; the rest is new.
        let new = (before..now).filter(|_| !self.take_surplus()).count();
        self.0.semaphore.add_permits(new);
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
            if !self.take_surplus() {
                return Token { guard: Some(guard), limiter: self.clone() };
            }
            guard.forget();
        }
    }

    /// Whether there was one token too many, which the caller takes out of use.
    fn take_surplus(&self) -> bool {
        let taken =
            self.0.surplus.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        taken.is_ok()
    }
}

impl Drop for Token {
    fn drop(&mut self) {
        if let Some(guard) = self.guard.take()
            && self.limiter.take_surplus()
        {
            guard.forget();
        }
    }
}
