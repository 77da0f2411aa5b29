//! How long a connection lives, and how long it may lie idle.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Limits of the connections of a pool. None unless the program asks for them: a connection to a file costs little and
/// does not age.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Limits {
    pub(crate) idle_timeout: Option<Duration>,
    pub(crate) max_lifetime: Option<Duration>,
}

/// The dates of one connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Age {
    /// When it is too old.
    ends: Option<Instant>,
    /// When it was put aside.
    idle_since: Instant,
}

/// Why an idle connection is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Expired {
    Idle,
    Lifetime,
}

impl Limits {
    pub(super) fn are_none(&self) -> bool {
        self.idle_timeout.is_none() && self.max_lifetime.is_none()
    }
}

impl Age {
    pub(super) fn new(limits: &Limits, now: Instant) -> Self {
        Self { ends: limits.max_lifetime.map(|longest| now + shortened(longest)), idle_since: now }
    }

    pub(super) fn put_aside(&mut self, now: Instant) {
        self.idle_since = now;
    }

    /// Whether it lay idle for so long.
    pub(super) fn was_idle_for(&self, longest: Duration, now: Instant) -> bool {
        self.idle_since + longest <= now
    }

    /// Whether it is too old, however busy it is.
    pub(super) fn is_over(&self, now: Instant) -> bool {
        self.ends.is_some_and(|ends| ends <= now)
    }

    /// For a connection that is idle.
    pub(super) fn expired(&self, limits: &Limits, now: Instant) -> Option<Expired> {
        if self.is_over(now) {
            return Some(Expired::Lifetime);
        }
        let longest = limits.idle_timeout?;
        (self.idle_since + longest <= now).then_some(Expired::Idle)
    }

    /// When an idle connection will be over a limit.
    pub(super) fn due(&self, limits: &Limits) -> Option<Instant> {
        let idle = limits.idle_timeout.map(|longest| self.idle_since + longest);
        idle.into_iter().chain(self.ends).min()
    }
}

/// A lifetime up to a tenth shorter, for each connection another, so that those which were opened together do not all
/// go at once. Steps of the golden ratio spread evenly, however many connections there are.
fn shortened(longest: Duration) -> Duration {
    const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let part = NEXT.fetch_add(1, Ordering::Relaxed).wrapping_mul(GOLDEN) >> 32;
    let tenth = longest / 10;
    longest - tenth.mul_f64(part as f64 / f64::from(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lifetimes_differ_and_are_never_longer_nor_much_shorter() {
        let longest = Duration::from_secs(100);
        let mut lifetimes: Vec<Duration> = (0..8).map(|_| shortened(longest)).collect();
        lifetimes.sort_unstable();
        assert!(lifetimes[0] >= Duration::from_secs(90) && lifetimes[7] <= longest, "{lifetimes:?}");
        let apart = lifetimes.windows(2).map(|pair| pair[1] - pair[0]).min().unwrap();
        assert!(apart > Duration::from_millis(200), "{lifetimes:?}");
    }

    #[test]
    fn the_first_limit_that_is_reached_counts() {
        let limits = Limits {
            idle_timeout: Some(Duration::from_secs(5)),
            max_lifetime: Some(Duration::from_secs(100)),
        };
        let start = Instant::now();
        let mut age = Age::new(&limits, start);
        let at = |seconds| start + Duration::from_secs(seconds);
        assert_eq!(age.expired(&limits, at(4)), None);
        assert_eq!(age.expired(&limits, at(5)), Some(Expired::Idle));
        assert_eq!(age.due(&limits), Some(at(5)));
        age.put_aside(at(85));
        assert_eq!(age.expired(&limits, at(89)), None);
        assert_eq!(age.expired(&limits, at(100)), Some(Expired::Lifetime));
        assert!(age.is_over(at(100)) && !age.is_over(at(90) - Duration::from_millis(1)));
    }
}
