//! The future that every async verb returns.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use orm_core::Result;

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
}

impl<'a, T> Operation<'a, T> {
    /// An operation that does what `future` does.
    pub fn new(future: impl Future<Output = Result<T>> + Send + 'a) -> Self {
        Self { future: Box::pin(future) }
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
        f.debug_struct("Operation").finish_non_exhaustive()
    }
}
