//! How long the work took, and what a peer says that it read or wrote.

use std::time::Duration;

use crate::Checksum;
use crate::rows::User;

/// The work once.
#[derive(Clone, Debug, Default)]
pub struct Lap {
    pub time: Duration,
    pub sum: Checksum,
    /// What else was measured, in nanoseconds: `p99`, `stall`.
    pub extras: Vec<(&'static str, u64)>,
}

impl Lap {
    pub fn new(time: Duration, sum: Checksum) -> Self {
        Self { time, sum, extras: Vec::new() }
    }

    pub fn users<'a>(time: Duration, users: impl IntoIterator<Item = &'a User>) -> Self {
        let mut sum = Checksum::default();
        for User { id, name, email, age, score } in users {
            sum.user(*id, name, email, *age, *score);
        }
        Self::new(time, sum)
    }

    pub fn and(mut self, name: &'static str, time: Duration) -> Self {
        self.extras.push((name, time.as_nanos() as u64));
        self
    }
}

/// All laps of a process, the first of which does not count.
#[derive(Debug, Default)]
pub struct Laps(Vec<Lap>);

impl Laps {
    pub fn add(&mut self, lap: Lap) {
        self.0.push(lap);
    }

    /// One line: nanoseconds, units, the checksum of the last lap, then `name=value`.
    pub fn print(&self, units: usize) {
        let Some((last, counted)) = self.0.get(1..).and_then(|laps| Some((laps.last()?, laps))) else {
            return;
        };
        let mut line =
            format!("{} {units} {}", median(counted, |lap| lap.time.as_nanos() as u64), last.sum.0);
        for (at, (name, _)) in last.extras.iter().enumerate() {
            line += &format!(" {name}={}", median(counted, |lap| lap.extras[at].1));
        }
        if let Some(kibibytes) = peak_memory() {
            line += &format!(" memory={kibibytes}");
        }
        println!("{line}");
    }
}

fn median(laps: &[Lap], value: impl Fn(&Lap) -> u64) -> u64 {
    let mut values: Vec<u64> = laps.iter().map(value).collect();
    values.sort_unstable();
    values[values.len() / 2]
}

/// Kibibytes that were in memory at most; only Linux says so.
fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().trim_end_matches(" kB").parse().ok()
}
