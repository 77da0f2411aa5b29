//! What a task does next.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;
use std::time::Duration;

use anyorm::prelude::*;
use anyorm::{Begin, Result};
use anyorm_tests::Account;
use anyorm_tests::random::Random;
use futures_lite::future::{or, poll_once, yield_now};

use crate::bank::pay;
use crate::leaks::Stash;

/// What is done in full, or dropped half way.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Call {
    Count,
    All,
    Pay,
    Report,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Act {
    Whole(Call),
    /// Dropped at this poll.
    DroppedAtPoll(Call, u64),
    /// Dropped after so long.
    DroppedAfter(Call, Duration),
    /// A guard that is kept until the engine has told of it.
    Stash(Begin),
    /// A future that waits in line, and is never polled or dropped again.
    Forget,
    /// A guard that is dropped in the middle of its work.
    Unfinished,
}

/// How often what happened.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    whole: AtomicU64,
    dropped: AtomicU64,
    done_before_the_drop: AtomicU64,
    stashed: AtomicU64,
    forgotten: AtomicU64,
    unfinished: AtomicU64,
}

impl Counts {
    pub(crate) fn each_happened(&self) {
        let counts = [&self.whole, &self.dropped, &self.stashed, &self.forgotten, &self.unfinished];
        assert!(counts.iter().all(|count| count.load(Ordering::Relaxed) > 0), "{self:?}");
    }
}

fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

impl Act {
    /// Of a hundred: 20 are dropped half way, 5 leak, 75 are done.
    pub(crate) fn random(random: &mut Random) -> Self {
        let call = match random.below(10) {
            0..=3 => Call::Count,
            4 | 5 => Call::All,
            6..=8 => Call::Pay,
            _ => Call::Report,
        };
        match random.below(1_000) {
            0..=99 => Self::DroppedAtPoll(call, 1 + random.below(3)),
            100..=199 => Self::DroppedAfter(call, Duration::from_micros(random.below(1_500))),
            200..=201 => Self::Stash(Begin::new()),
            202..=219 => Self::Stash(Begin::new().read_only()),
            220..=224 => Self::Forget,
            225..=249 => Self::Unfinished,
            _ => Self::Whole(call),
        }
    }

    pub(crate) async fn run(
        self,
        engine: &Engine,
        random: &mut Random,
        stash: &Stash,
        counts: &Counts,
    ) -> Result<()> {
        match self {
            Self::Whole(call) => {
                call.run(engine, random).await?;
                count(&counts.whole);
            }
            Self::DroppedAtPoll(call, polls) => {
                dropped(at_poll(polls, call.run(engine, random)).await, counts)?
            }
            Self::DroppedAfter(call, after) => {
                let late = async {
                    smol::Timer::after(after).await;
                    None
                };
                dropped(or(async { Some(call.run(engine, random).await) }, late).await, counts)?;
            }
            Self::Stash(begin) => {
                let (line, taking) = (line!(), engine.begin_with(begin));
                let mut guard = taking.await?;
                if random.below(2) == 0 {
                    guard.count(Account::select()).await?;
                }
                stash.put((file!(), line), guard);
                count(&counts.stashed);
            }
            Self::Forget => {
                let mut waiting = engine.connection();
                // One that was served at once is dropped: forgotten, its connection would be gone for good.
                if poll_once(&mut waiting).await.is_none() {
                    std::mem::forget(waiting);
                    count(&counts.forgotten);
                }
            }
            Self::Unfinished => {
                let mut transaction = engine.begin().await?;
                pay(&mut transaction, random).await?;
                drop(transaction);
                count(&counts.unfinished);
            }
        }
        yield_now().await;
        Ok(())
    }
}

fn dropped(done: Option<Result<()>>, counts: &Counts) -> Result<()> {
    match done {
        Some(result) => {
            count(&counts.done_before_the_drop);
            result
        }
        None => {
            count(&counts.dropped);
            Ok(())
        }
    }
}

impl Call {
    async fn run(self, engine: &Engine, random: &mut Random) -> Result<()> {
        match self {
            Self::Count => engine.count(Account::select()).await.map(drop),
            Self::All => engine.all(Account::select().order_by(Account::ID)).await.map(drop),
            Self::Pay => {
                let mut transaction = engine.begin().await?;
                pay(&mut transaction, random).await?;
                transaction.commit().await
            }
            Self::Report => {
                let mut report = engine.begin_with(Begin::new().read_only()).await?;
                let total = report.scalar(Account::select().columns(sum(Account::BALANCE))).await?;
                yield_now().await;
                // One transaction sees one state.
                let again = report.scalar(Account::select().columns(sum(Account::BALANCE))).await?;
                assert_eq!((total, again), (Some(20_000), Some(20_000)));
                report.rollback().await
            }
        }
    }
}

/// Polls a future so often, and then drops it.
async fn at_poll<T>(mut polls: u64, future: impl Future<Output = T>) -> Option<T> {
    let mut future = pin!(future);
    poll_fn(|cx| match future.as_mut().poll(cx) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending => {
            polls -= 1;
            if polls == 0 { Poll::Ready(None) } else { Poll::Pending }
        }
    })
    .await
}
