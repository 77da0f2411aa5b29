//! Whether what the thread of the sockets waits for is likely to come soon: then it stays awake for that.

use std::thread;
use std::time::Duration;

/// So long the thread stays awake: to wake it may take as long as the answer of a server that is near. It lets others have its core
/// meanwhile.
pub(super) const AWAKE: Duration = Duration::from_micros(100);

/// From so many points on it sleeps at once, and there are no more than twice as many.
const LIMIT: u32 = 4;

/// A point less for what came soon, two more for what did not: where half of it does not, because tasks look for their answers
/// themselves say, it is not worth a core.
pub(super) struct Soon(u32);

impl Soon {
    pub(super) fn new() -> Self {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        // One that stays awake alone keeps from its core what it waits for.
        Self(if cores > 1 { LIMIT } else { u32::MAX })
    }

    pub(super) fn is_likely(&self) -> bool {
        self.0 < LIMIT
    }

    /// Notes whether something came soon.
    pub(super) fn note(&mut self, came: bool) {
        self.0 = match (self.0, came) {
            (u32::MAX, _) => u32::MAX,
            (points, true) => points.saturating_sub(1),
            (points, false) => (points + 2).min(2 * LIMIT),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_likely_where_most_of_it_came_soon() {
        let mut soon = Soon(LIMIT);
        assert!(!soon.is_likely());
        soon.note(true);
        assert!(soon.is_likely());
        (0..100).for_each(|_| soon.note(true));
        soon.note(false);
        assert!(soon.is_likely(), "once is no reason");
        for _ in 0..100 {
            soon.note(false);
            soon.note(true);
        }
        assert!(!soon.is_likely());
        (0..2 * LIMIT).for_each(|_| soon.note(true));
        assert!(soon.is_likely());
    }

    #[test]
    fn on_one_core_it_never_is() {
        let mut soon = Soon(u32::MAX);
        (0..100).for_each(|_| soon.note(true));
        assert!(!soon.is_likely());
    }
}
