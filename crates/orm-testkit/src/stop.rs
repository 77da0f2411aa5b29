//! Dropping a future at each of its polls: at once, or after its job had the time to finish unseen.

use std::future::Future;
use std::time::Duration;

use crate::step;

/// Long enough for a job of these tests to end on its worker.
const PAUSE: Duration = Duration::from_millis(1);

/// More polls than any call of these tests takes.
const TOO_MANY: usize = 100;

/// When a future is dropped.
#[derive(Clone, Copy, Debug)]
pub struct Stop {
    /// After so many polls.
    pub polls: usize,
    /// A moment after the last one: a job of it has ended by then, unseen.
    pub pause: bool,
}

impl Stop {
    /// Polls a future so often, and drops it. Answers its output if it was ready by then.
    ///
    /// # Panics
    /// If the future is not woken for a minute.
    pub fn at<T>(self, future: impl Future<Output = T>) -> Option<T> {
        let mut future = Box::pin(future);
        let output = step::polls(self.polls, &mut future);
        if output.is_none() && self.pause {
            std::thread::sleep(PAUSE);
        }
        output
    }

    /// Whether the future was never polled.
    pub fn is_before_the_first_poll(self) -> bool {
        self.polls == 0
    }
}

/// Later and later stops, to be tried until one comes after the future's end.
///
/// # Panics
/// If that has not come after a hundred polls.
pub fn stops() -> impl Iterator<Item = Stop> {
    let all = (0..TOO_MANY).flat_map(|polls| [false, true].map(|pause| Stop { polls, pause }));
    all.chain(std::iter::once_with(|| panic!("the future is not ready after {TOO_MANY} polls")))
}
