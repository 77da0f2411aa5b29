//! Waiting, whatever the executor.

use std::time::Duration;

/// Ends after so long. For the session crate.
pub async fn sleep(duration: Duration) {
    // The timer adds this to now, which must not overflow.
    const LONGEST: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);
    futures_timer::Delay::new(duration.min(LONGEST)).await;
}
