//! Whether the answers of a server, or of a worker, are near: then the thread that asks looks for one itself, for a moment.

use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use orm_core::Program;

/// How long an answer is looked for.
pub(crate) const LOOKED_FOR: Duration = Duration::from_micros(100);

/// After so many answers in a row that did not come in time, they are taken to be far.
const MISSES: u32 = 8;

/// Then one of so many is looked for all the same: the server may have been busy.
const ONE_OF: u32 = 64;

/// What is known of the answers that an engine looked for, by what was asked.
#[derive(Debug, Default)]
pub(crate) struct Near([Known; 3]);

#[derive(Debug, Default)]
struct Known {
    misses: AtomicU32,
    /// Questions that might have been looked for.
    asked: AtomicU32,
}

/// What is asked: answers to some may be near while others wait for a disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    /// For rows.
    Read,
    /// For changes that last no longer than their transaction so far.
    Change,
    /// For changes to last.
    Commit,
}

impl Asked {
    pub(crate) fn by(program: &Program) -> Self {
        match (program.commit || program.steps.is_empty(), program.reads_only()) {
            (true, _) => Self::Commit,
            (false, true) => Self::Read,
            (false, false) => Self::Change,
        }
    }
}

impl Near {
    /// Whether it is worth looking for the next one.
    pub(crate) fn is_likely(&self, asked: Asked) -> bool {
        let known = &self.0[asked as usize];
        known.misses.load(Ordering::Relaxed) < MISSES
            || known.asked.fetch_add(1, Ordering::Relaxed) % ONE_OF == ONE_OF - 1
    }

    /// Notes whether one came in time.
    pub(crate) fn note(&self, asked: Asked, came: bool) {
        let misses = &self.0[asked as usize].misses;
        if came {
            misses.store(0, Ordering::Relaxed);
        } else {
            misses.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Looks for an answer until it is there, or has been looked for long enough. Answers whether it is there. Whoever is to give
/// it may need this core.
pub(crate) fn look_until(is_there: impl Fn() -> bool) -> bool {
    let start = Instant::now();
    loop {
        match is_there() {
            true => return true,
            false if start.elapsed() >= LOOKED_FOR => return false,
            false => thread::yield_now(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_that_are_far_are_looked_for_now_and_then() {
        let near = Near::default();
        (0..MISSES).for_each(|_| {
            assert!(near.is_likely(Asked::Commit));
            near.note(Asked::Commit, false);
        });
        let looked = (0..10 * ONE_OF).filter(|_| near.is_likely(Asked::Commit));
        let looked = looked.inspect(|_| near.note(Asked::Commit, false)).count();
        assert_eq!(looked, 10);
        assert!(near.is_likely(Asked::Read), "reads are not commits");
        near.note(Asked::Commit, true);
        assert!((0..100).all(|_| near.is_likely(Asked::Commit)));
    }
}
