//! The future that every async verb returns.

pub(crate) mod under_way;

use std::fmt;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use orm_core::error::DeadlineError;
use orm_core::{Error, Result};

use crate::timer::sleep;
use under_way::{UnderWay, Watch};

/// An async call: a boxed, `Send` future of a [`Result`]. Nothing happens until it is awaited.
///
/// A named type keeps error messages short and compile times low. It may be dropped at any point; each verb says what a
/// dropped call leaves behind.
///
/// ```
/// use anyorm::Operation;
/// fn answer() -> Operation<'static, i32> {
///     Operation::new(async { Ok(42) })
/// }
/// # futures_lite::future::block_on(async {
/// assert_eq!(answer().await?, 42);
/// # Ok::<_, anyorm::Error>(()) }).unwrap();
/// ```
#[must_use = "nothing happens until the operation is awaited"]
pub struct Operation<'a, T> {
    future: Pin<Box<dyn Future<Output = Result<T>> + Send + 'a>>,
    call: &'static str,
    left: &'static str,
}

impl<'a, T> Operation<'a, T> {
    /// An operation that does what `future` does.
    pub fn new(future: impl Future<Output = Result<T>> + Send + 'a) -> Self {
        Self::named("this call", "it was dropped", future)
    }

    /// An operation with a name, and with what it leaves behind when it is dropped after it was sent: for the message of
    /// a deadline.
    #[doc(hidden)]
    pub fn named(
        call: &'static str,
        left: &'static str,
        future: impl Future<Output = Result<T>> + Send + 'a,
    ) -> Self {
        Self { future: Box::pin(future), call, left }
    }

    /// Names an operation that was made by a function that others use too.
    pub(crate) fn called(self, call: &'static str, left: &'static str) -> Self {
        Self { call, left, ..self }
    }
}

impl<'a, T: Send + 'a> Operation<'a, T> {
    /// Gives the call so long, counted from its first poll. When that is over, the call is dropped: a wait in line ends,
    /// a statement that runs is interrupted, and what each verb says about being dropped holds. With no time at all,
    /// nothing is sent.
    ///
    /// On an operation that waits for several statements, or for a commit, the limit is for all of it. Where limits are
    /// nested, the shorter one wins.
    ///
    /// Dropped: as without a limit.
    ///
    /// # Errors
    /// [`Error::Deadline`] if it was not done by then. It says what was under way, and what is left: after a commit that
    /// was sent the session's next call takes the outcome over; a [`Transaction`](crate::Transaction) is rolled back.
    ///
    /// # Example
    /// ```
    /// # use orm_blog::*;
    /// # run(async |engine| {
    /// use anyorm::prelude::*;
    ///
    /// use std::time::Duration;
    ///
    /// let users = engine.all(User::select()).timeout(Duration::from_secs(30)).await?;
    /// assert_eq!(users.len(), 2);
    ///
    /// let endless = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n";
    /// let count = engine.scalar(sql(endless).returning::<i64>()).timeout(Duration::from_millis(20));
    /// let error = count.await.unwrap_err();
    /// assert!(matches!(error, anyorm::Error::Deadline(_)));
    /// assert!(error.to_string().starts_with("engine.scalar was not done within 20ms"));
    /// # Ok(()) });
    /// ```
    pub fn timeout(self, limit: Duration) -> Self {
        Self::named(self.call, self.left, self.within(limit))
    }

    /// As [`timeout`](Self::timeout), with the moment at which to give up: one for several calls.
    ///
    /// # Errors
    /// [`Error::Deadline`], also if that moment has passed already: nothing is sent then.
    ///
    /// # Example
    /// ```
    /// # use orm_blog::*;
    /// # run(async |engine| {
    /// use anyorm::prelude::*;
    ///
    /// use std::time::{Duration, Instant};
    ///
    /// let end = Instant::now() + Duration::from_secs(30);
    /// let mut session = engine.session();
    /// let ada = session.get_one::<User>(1).deadline(end).await?;
    /// session[ada].age = Some(37);
    /// session.commit().deadline(end).await?;
    ///
    /// let late = engine.count(User::select()).deadline(Instant::now()).await.unwrap_err();
    /// assert!(late.to_string().contains("nothing was sent"));
    /// # Ok(()) });
    /// ```
    pub fn deadline(self, at: Instant) -> Self {
        let (call, left) = (self.call, self.left);
        Self::named(
            call,
            left,
            async move { self.within(at.saturating_duration_since(Instant::now())).await },
        )
    }

    async fn within(self, limit: Duration) -> Result<T> {
        let Self { mut future, call, left } = self;
        let late = |under_way, left| {
            Err(Error::Deadline(Arc::new(DeadlineError::new(call, limit, under_way, left))))
        };
        if limit.is_zero() {
            return late(None, "nothing was sent");
        }
        let mut timer = pin!(sleep(limit));
        let mut watch = Watch::default();
        let in_time = std::future::poll_fn(|cx| match watch.poll(|| future.as_mut().poll(cx)) {
            Poll::Ready(result) => Poll::Ready(Some(result)),
            Poll::Pending => timer.as_mut().poll(cx).map(|()| None),
        });
        if let Some(result) = in_time.await {
            return result;
        }
        // Ends what is under way, before the caller hears of it.
        drop(future);
        match watch.seen() {
            Some(UnderWay { what, sent: false }) => late(Some(what), "nothing was changed"),
            seen => late(seen.map(|under_way| under_way.what), left),
        }
    }
}

impl<T> Future for Operation<'_, T> {
    type Output = Result<T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<T>> {
        self.future.as_mut().poll(cx)
    }
}

impl<T> fmt::Debug for Operation<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Operation").field("call", &self.call).finish_non_exhaustive()
    }
}
