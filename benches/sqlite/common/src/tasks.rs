//! What work with many tasks needs, whatever the executor.

use std::future::Future;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

/// Polls the future once, and drops it.
pub async fn poll_once(future: impl Future) {
    let mut future = pin!(future);
    std::future::poll_fn(|context| {
        let _ = future.as_mut().poll(context);
        Poll::Ready(())
    })
    .await;
}

/// The 99th percentile.
pub fn slowest_of_a_hundred(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times.get(times.len() * 99 / 100).copied().unwrap_or_default()
}
