//! One line of the table: the same work twice.

use std::error::Error;
use std::future::Future;
use std::pin::Pin;
use std::time::{Duration, Instant};

use anyorm::{Dispatch, Engine};
use rusqlite::Connection;

/// Whatever went wrong: there is nobody to tell but the terminal.
pub(crate) type Fault = Box<dyn Error + Send + Sync>;

/// The work by anyorm, made ready to be polled by any executor.
pub(crate) type Ours = Pin<Box<dyn Future<Output = Result<Lap, Fault>> + Send>>;

/// A piece of work, by hand and by anyorm. Both do what needs to be done before on their own, and answer the time of
/// the work alone.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    /// Where anyorm's reads run.
    pub(crate) dispatch: Dispatch,
    /// Pieces of work in one round: what times are divided by.
    pub(crate) per: fn(Size) -> usize,
    /// What hops are divided by.
    pub(crate) hops_of: fn(Size) -> usize,
    /// What the design allows, as a ratio to the work by hand, where it says so.
    pub(crate) goal: Option<f64>,
    pub(crate) by_hand: fn(&mut Connection, Size) -> Result<Duration, Fault>,
    pub(crate) ours: fn(Engine, Size) -> Ours,
}

/// How much work.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Size {
    /// Rows that are read, inserted or changed.
    pub(crate) rows: usize,
    /// Reads and requests in one round.
    pub(crate) requests: usize,
    /// Parents, of [`CHILDREN`] children each.
    pub(crate) parents: usize,
    /// Rounds that count.
    pub(crate) rounds: usize,
    /// Whether the fastest of them is what is printed, not the median.
    pub(crate) fastest: bool,
}

/// Children of each parent.
pub(crate) const CHILDREN: usize = 10;

impl Size {
    pub(crate) const FULL: Self =
        Self { rows: 10_000, requests: 500, parents: 1_000, rounds: 25, fastest: false };
    pub(crate) const QUICK: Self = Self { rows: 50, requests: 5, parents: 5, rounds: 2, fastest: false };
}

/// The time of one round, and how many jobs were sent to a worker thread.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lap {
    pub(crate) time: Duration,
    pub(crate) hops: u64,
}

/// Measures the stretch between `start` and `stop`.
pub(crate) struct Watch<'a> {
    engine: &'a Engine,
    hops: u64,
    start: Instant,
}

impl<'a> Watch<'a> {
    pub(crate) fn start(engine: &'a Engine) -> Self {
        Self { engine, hops: engine.statistics().hops, start: Instant::now() }
    }

    pub(crate) fn stop(self) -> Lap {
        let time = self.start.elapsed();
        Lap { time, hops: self.engine.statistics().hops - self.hops }
    }
}

/// The rounds of one case.
#[derive(Debug, Default)]
pub(crate) struct Times {
    by_hand: Vec<Duration>,
    bare: Vec<Duration>,
    tokio: Vec<Duration>,
    hops: u64,
}

impl Times {
    pub(crate) fn add(&mut self, by_hand: Duration, bare: Lap, tokio: Lap) {
        self.by_hand.push(by_hand);
        self.bare.push(bare.time);
        self.tokio.push(tokio.time);
        self.hops = bare.hops;
    }

    /// By hand, `block_on`, tokio: the medians, or the fastest rounds.
    pub(crate) fn typical(&self, fastest: bool) -> [Duration; 3] {
        [&self.by_hand, &self.bare, &self.tokio]
            .map(|times| nth(times, if fastest { 0 } else { times.len() / 2 }))
    }

    /// Hops of the last round.
    pub(crate) fn hops(&self) -> u64 {
        self.hops
    }
}

fn nth(times: &[Duration], at: usize) -> Duration {
    let mut times = times.to_vec();
    times.sort_unstable();
    times.get(at).copied().unwrap_or_default()
}

/// Fails where the two sides would not have done the same.
pub(crate) fn check(what: &str, found: usize, expected: usize) -> Result<(), Fault> {
    if found == expected { Ok(()) } else { Err(format!("{what}: {found} instead of {expected}").into()) }
}
