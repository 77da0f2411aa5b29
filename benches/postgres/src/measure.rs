//! Rounds: every line once, in turns, so that a busy machine disturbs all alike.

use std::time::Duration;

use tokio::runtime::Runtime;

use crate::lap::Fault;
use crate::line::{Line, Peer};
use crate::server::Server;
use crate::work::{Size, Work};

/// The rounds of one line.
#[derive(Clone, Debug)]
pub(crate) struct Times {
    pub(crate) peer: Peer,
    pub(crate) name: String,
    pub(crate) is_bare: bool,
    rounds: Vec<Duration>,
    is_fastest: bool,
}

pub(crate) fn measure(
    work: Work,
    lines: &[Line],
    size: Size,
    server: &Server,
    runtime: &Runtime,
) -> Result<Vec<Times>, Fault> {
    let lines: Vec<&Line> = lines.iter().filter(|line| line.work == work).collect();
    let mut times: Vec<Times> = lines.iter().map(|line| Times::of(line, size)).collect();
    runtime.block_on(server.make_ready(work, size))?;
    // The first round fills caches.
    for round in 0..=size.rounds {
        for place in 0..lines.len() {
            // Each round begins with another line, so that none always has the same before it.
            let at = (place + round) % lines.len();
            if work.writes() {
                runtime.block_on(server.make_ready(work, size))?;
            }
            let line = lines[at];
            let lap = match line.is_bare {
                true => futures_lite::future::block_on((line.round)(size)),
                // On a worker thread, where requests are answered.
                false => runtime.block_on(runtime.spawn((line.round)(size)))?,
            };
            let lap = lap.map_err(|fault| format!("{}, {}: {fault}", line.name, work.name()))?;
            let time = lap.time;
            runtime
                .block_on(server.check(work, size, lap))
                .map_err(|fault| format!("{}: {fault}", line.name))?;
            if round > 0 {
                times[at].rounds.push(time);
            }
        }
    }
    times.iter_mut().for_each(|times| times.rounds.sort_unstable());
    Ok(times)
}

impl Times {
    fn of(line: &Line, size: Size) -> Self {
        Self {
            peer: line.peer,
            name: line.name.clone(),
            is_bare: line.is_bare,
            rounds: Vec::new(),
            is_fastest: size.fastest,
        }
    }

    /// The median, or the fastest round.
    pub(crate) fn typical(&self) -> Duration {
        self.at(if self.is_fastest { 0 } else { 2 })
    }

    /// The first and the third quartile.
    pub(crate) fn spread(&self) -> [Duration; 2] {
        [self.at(1), self.at(3)]
    }

    fn at(&self, quarter: usize) -> Duration {
        self.rounds.get(self.rounds.len() * quarter / 4).copied().unwrap_or_default()
    }
}
