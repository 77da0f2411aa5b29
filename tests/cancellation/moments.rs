//! The moments at which a call is dropped: at each of its polls, and after random times.

use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyorm::Result;
use anyorm_tests::random::Random;
use futures_lite::future::or;
use orm_testkit::stop::Stop;

use crate::tally;

/// How often each call is dropped after a random time, while the executor polls it; and how often that is tried, for some
/// are ready before.
const RANDOM: usize = 6;
const TRIES: usize = 20;

/// The longest of these times, in microseconds: about what a statement with its hop takes.
const LONGEST: u64 = 120;

/// More polls than any call takes.
const TOO_MANY: usize = 60;

#[derive(Clone, Copy, Debug)]
pub(crate) enum Moment {
    AtPoll(Stop),
    After(Duration),
}

/// What became of a call.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Dropped {
    /// It was polled once at least.
    pub(crate) polled: bool,
    /// It was ready before it could be dropped.
    pub(crate) ready: bool,
    /// When, for messages.
    #[expect(dead_code, reason = "messages print it")]
    moment: Moment,
}

/// Later and later polls until one comes after the call's end, then random times.
pub(crate) struct Moments {
    stop: Option<Stop>,
    random: Random,
    left: usize,
    tries: usize,
}

impl Moments {
    pub(crate) fn new() -> Self {
        static SEED: AtomicU64 = AtomicU64::new(1);
        let random = Random::new(SEED.fetch_add(1, Ordering::Relaxed));
        Self { stop: Some(Stop { polls: 0, pause: false }), random, left: RANDOM, tries: TRIES }
    }

    /// The next one, after what became of the call at the last one.
    pub(crate) fn next(&mut self, last: Option<Dropped>) -> Option<Moment> {
        if last.is_some_and(|last| last.ready) {
            self.stop = None;
        }
        if let Some(stop) = self.stop {
            assert!(stop.polls < TOO_MANY, "the call is not ready after {TOO_MANY} polls");
            let polls = stop.polls + usize::from(stop.pause);
            self.stop = Some(Stop { polls, pause: !stop.pause });
            return Some(Moment::AtPoll(stop));
        }
        if last.is_some_and(|last| !last.ready) {
            self.left = self.left.checked_sub(1)?;
        }
        self.tries = self.tries.checked_sub(1)?;
        Some(Moment::After(Duration::from_micros(self.random.below(LONGEST))))
    }
}

impl Moment {
    /// Moments at which a call that waits for another task still waits.
    pub(crate) fn early() -> [Self; 4] {
        let polled_once = |pause| Self::AtPoll(Stop { polls: 1, pause });
        let after = |microseconds| Self::After(Duration::from_micros(microseconds));
        [polled_once(false), polled_once(true), after(50), after(300)]
    }

    /// Runs a call and drops it at this moment, or takes its answer if it is ready before.
    ///
    /// # Errors
    /// That of the call.
    pub(crate) async fn during<T>(
        self,
        call: &'static str,
        future: impl Future<Output = Result<T>>,
    ) -> Result<Dropped> {
        let (polled, output) = match self {
            Self::AtPoll(stop) => (!stop.is_before_the_first_poll(), stop.at(future)),
            Self::After(time) => {
                let timer = async {
                    smol::Timer::after(time).await;
                    None
                };
                (true, or(async { Some(future.await) }, timer).await)
            }
        };
        let ready = output.transpose()?.is_some();
        tally::note(call, polled, ready);
        Ok(Dropped { polled, ready, moment: self })
    }
}

/// Drops each of some calls at each moment. `$on` is made anew for each drop; `$check` is what must be true after it.
macro_rules! drop_each {
    ($on:ident = $make:expr; [$($name:literal => $call:expr),* $(,)?]; $dropped:ident => $check:block) => {$({
        let mut moments = $crate::moments::Moments::new();
        let mut last = None;
        while let Some(moment) = moments.next(last) {
            #[allow(unused_mut, reason = "some calls take `&self`")]
            let mut $on = $make;
            let $dropped = moment.during($name, async { $call.await.map(drop) }).await?;
            $check
            last = Some($dropped);
        }
    })*};
    // The same for what borrows from something else.
    (
        $outer:ident = $make_outer:expr; $on:ident = $make:expr;
        [$($name:literal => $call:expr),* $(,)?]; $dropped:ident => $check:block
    ) => {$({
        let mut moments = $crate::moments::Moments::new();
        let mut last = None;
        while let Some(moment) = moments.next(last) {
            let mut $outer = $make_outer;
            #[allow(unused_mut, reason = "some calls consume it")]
            let mut $on = $make;
            let $dropped = moment.during($name, async { $call.await.map(drop) }).await?;
            $check
            last = Some($dropped);
        }
    })*};
}

pub(crate) use drop_each;
