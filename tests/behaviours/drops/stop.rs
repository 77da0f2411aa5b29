//! Dropping a future at each of its polls: at once, or after its job had the time to finish unseen.

use std::future::Future;
use std::time::Duration;

use orm_testkit::step;

/// Long enough for a job of these tests to end on its worker.
const PAUSE: Duration = Duration::from_millis(1);

/// More polls than any call of these tests takes.
const TOO_MANY: usize = 100;

/// When a future is dropped.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stop {
    pub(crate) polls: usize,
    pub(crate) pause: bool,
}

impl Stop {
    /// Polls a future so often, and drops it. Answers its output if it was ready by then.
    pub(crate) fn at<T>(self, future: impl Future<Output = T>) -> Option<T> {
        let mut future = Box::pin(future);
        let output = step::polls(self.polls, &mut future);
        if output.is_none() && self.pause {
            std::thread::sleep(PAUSE);
        }
        output
    }

    /// Whether the future was never polled.
    pub(crate) fn is_before_the_first_poll(self) -> bool {
        self.polls == 0
    }
}

/// Later and later stops, to be tried until one comes after the future's end.
pub(crate) fn stops() -> impl Iterator<Item = Stop> {
    let all = (0..TOO_MANY).flat_map(|polls| [false, true].map(|pause| Stop { polls, pause }));
    all.chain(std::iter::once_with(|| panic!("the future is not ready after {TOO_MANY} polls")))
}

/// Drops each of some calls of `$on` at each of its polls, checking in between: `$on` is made anew for each.
macro_rules! each_call {
    ($on:ident = $make:expr; [$($call:expr),* $(,)?]; $stop:ident, $ended:ident => $check:block) => {$(
        for $stop in $crate::drops::stop::stops() {
            #[allow(unused_mut, reason = "some calls take `&self`")]
            let mut $on = $make;
            let output = $stop.at(async { $call.await.map(drop) });
            let $ended = output.transpose()?.is_some();
            $check
            if $ended {
                break;
            }
        }
    )*};
}

/// [`each_call`] with the verbs that all have. There must be one account, of key 1.
macro_rules! each_verb {
    ($on:ident = $make:expr; $stop:ident, $ended:ident => $check:block) => {
        $crate::drops::stop::each_call!(
            $on = $make;
            [
                $on.all(Account::select()),
                $on.first(Account::select()),
                $on.one(Account::select()),
                $on.scalar(Account::select().columns(Account::BALANCE)),
                $on.count(Account::select()),
                $on.exists(Account::select()),
                $on.execute(Account::update().set(Account::BALANCE, 10).everything()),
            ];
            $stop, $ended => $check
        )
    };
}

pub(crate) use {each_call, each_verb};
