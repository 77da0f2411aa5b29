//! Waiting, whatever the executor.

use std::future::Future;
use std::time::Duration;

/// Ends so long after this call. For the session crate.
pub fn sleep(duration: Duration) -> impl Future<Output = ()> + Send {
    // The timer adds this to now, which must not overflow.
    const LONGEST: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);
    futures_timer::Delay::new(duration.min(LONGEST))
}
