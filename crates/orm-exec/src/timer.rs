//! Waiting, whatever the executor.

use std::time::Duration;

/// Ends after so long. For the session crate.
pub async fn sleep(duration: Duration) {
    futures_timer::Delay::new(duration).await;
}
