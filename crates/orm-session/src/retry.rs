//! When a transaction is tried again.

use std::fmt;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::Arc;
use std::time::Duration;

use orm_core::{Dialect, Error};

/// How often a transaction is tried, how long it waits in between, and after which errors.
///
/// After [`Error::is_retryable`] only, unless [`when`](Self::when) names more: the database was busy, or asked for the
/// transaction to be tried again. Never after an explicit `tx.commit()`, nor after [`Error::OutcomeUnknown`] or
/// [`Error::TransactionEscaped`], whatever is asked for.
///
/// # Example
/// ```
/// # use orm_blog::*;
/// # run(async |engine| {
/// use anyorm::prelude::*;
/// use anyorm::{Error, Retry};
/// use std::time::Duration;
///
/// let retry = Retry::times(3)
///     .backoff(Duration::from_millis(5), Duration::from_millis(100))
///     .when(|error| matches!(error, Error::StaleData(_))); // read again, then try again
/// let sessions = SessionFactory::new(engine.clone()).retry(retry);
/// sessions
///     .begin(|mut tx| async move {
///         let notes = tx.get_one::<Post>(1).await?;
///         tx[notes].title.push('!');
///         Ok(())
///     })
///     .await?;
/// assert_eq!(engine.one(Post::select().filter(Post::ID.eq(1))).await?.title, "Notes!");
/// # Ok(()) });
/// ```
#[derive(Clone)]
pub struct Retry {
    attempts: u32,
    first_wait: Duration,
    longest_wait: Duration,
    when: Option<Arc<When>>,
}

/// Whether to try again after an error.
type When = dyn Fn(&Error) -> bool + Send + Sync;

impl Retry {
    /// The transaction runs at most so many times, the first one included. 0 is as 1.
    pub const fn times(attempts: u32) -> Self {
        Self { attempts, first_wait: Duration::ZERO, longest_wait: Duration::ZERO, when: None }
    }

    /// It runs once.
    pub const fn never() -> Self {
        Self::times(1)
    }

    /// What a transaction of a database gets that nothing else was said about: five tries at once where the database itself
    /// waits for its lock; twenty, with waits from 2 to 200 milliseconds, where rows are locked one by one, and of those who meet
    /// one has to give way at once.
    pub(crate) fn of(dialect: &Dialect) -> Self {
        match dialect.for_update {
            "" => Self::default(),
            _ => Self::times(20).backoff(Duration::from_millis(2), Duration::from_millis(200)),
        }
    }

    /// Waits before each further try: `first`, then twice as long each time, up to `longest`; of each wait a random part,
    /// at least half of it, so that those who met do not meet again. No connection is held meanwhile.
    #[must_use]
    pub const fn backoff(mut self, first: Duration, longest: Duration) -> Self {
        self.first_wait = first;
        self.longest_wait = longest;
        self
    }

    /// Tries again after these errors too. `error` is the one that the transaction ended with, or that of its last
    /// statement.
    #[must_use]
    pub fn when(mut self, retries: impl Fn(&Error) -> bool + Send + Sync + 'static) -> Self {
        self.when = Some(Arc::new(retries));
        self
    }

    /// Whether a transaction that failed is tried again, and after which wait. `tries` counts those that were made.
    pub(crate) fn next(&self, tries: u32, errors: [Option<&Error>; 2]) -> Option<Duration> {
        let errors = || errors.into_iter().flatten();
        let is_final = errors().any(|e| matches!(e, Error::OutcomeUnknown(_) | Error::TransactionEscaped));
        let again =
            |error: &Error| error.is_retryable() || self.when.as_ref().is_some_and(|when| when(error));
        (tries < self.attempts && !is_final && errors().any(again)).then(|| self.wait(tries))
    }

    fn wait(&self, tries: u32) -> Duration {
        let doubled = self.first_wait.saturating_mul(1_u32.checked_shl(tries - 1).unwrap_or(u32::MAX));
        let wait = doubled.min(self.longest_wait.max(self.first_wait));
        if wait.is_zero() {
            return wait;
        }
        // A fresh hasher is a random number.
        let random = RandomState::new().build_hasher().finish() as u32;
        wait.mul_f64(0.5 + 0.5 * f64::from(random) / f64::from(u32::MAX))
    }
}

/// What `engine.transaction` does on SQLite, which waits for its lock by itself: five times, at once. On PostgreSQL it is 20 times, with
/// waits of 2 to 200 milliseconds, unless a factory says otherwise.
impl Default for Retry {
    fn default() -> Self {
        Self::times(5)
    }
}

impl fmt::Debug for Retry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Retry")
            .field("attempts", &self.attempts)
            .field("first_wait", &self.first_wait)
            .field("longest_wait", &self.longest_wait)
            .field("when", &self.when.is_some())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(count: u64) -> Duration {
        Duration::from_millis(count)
    }

    #[test]
    fn waits_double_up_to_the_longest() {
        let retry = Retry::times(40).backoff(ms(10), ms(50));
        for (tries, full) in [(1, 10), (2, 20), (3, 40), (4, 50), (39, 50)] {
            let wait = retry.wait(tries);
            assert!(wait >= ms(full) / 2 && wait <= ms(full), "{tries}: {wait:?}");
        }
        assert_eq!(Retry::times(3).wait(2), Duration::ZERO);
    }

    #[test]
    fn what_cannot_be_undone_is_never_tried_again() {
        let all = Retry::times(9).when(|_| true);
        let other = Error::other("no");
        assert!(all.next(1, [Some(&other), None]).is_some());
        assert!(all.next(9, [Some(&other), None]).is_none());
        assert!(all.next(1, [None, None]).is_none());
        assert!(all.next(1, [Some(&Error::OutcomeUnknown("?".into())), Some(&other)]).is_none());
        assert!(all.next(1, [Some(&Error::TransactionEscaped), Some(&other)]).is_none());
        assert!(Retry::times(9).next(1, [Some(&other), None]).is_none());
    }
}
