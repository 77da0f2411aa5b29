//! One process.

use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use sqlite_bench_common::Fault;

pub(crate) enum Answer {
    Sample(Sample),
    /// The peer does not do this work.
    LeftOut(String),
}

/// What a peer prints: nanoseconds, units, the checksum, then `name=value`.
pub(crate) struct Sample {
    pub(crate) nanoseconds: f64,
    pub(crate) units: usize,
    pub(crate) sum: u64,
    pub(crate) extras: Vec<(String, f64)>,
}

/// Longer than this, something hangs.
const LIMIT: Duration = Duration::from_secs(180);

pub(crate) fn run(mut command: Command, work: &str, file: &Path, quick: bool) -> Result<Answer, Fault> {
    command.arg(work).arg(file).args(quick.then_some("--quick"));
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let output = wait(child)?;
    if !output.status.success() {
        let told = String::from_utf8_lossy(&output.stderr);
        let told: Vec<&str> = told.trim().lines().take(3).collect();
        return Err(format!("{}: {}", output.status, told.join(" ")).into());
    }
    let line = String::from_utf8(output.stdout)?;
    match line.trim().strip_prefix("- ") {
        Some(reason) => Ok(Answer::LeftOut(reason.to_owned())),
        None => Ok(Answer::Sample(parse(line.trim()).ok_or_else(|| format!("it printed `{line}`"))?)),
    }
}

fn wait(mut child: Child) -> Result<Output, Fault> {
    let start = Instant::now();
    while child.try_wait()?.is_none() {
        if start.elapsed() > LIMIT {
            child.kill()?;
            child.wait()?;
            return Err(format!("it was not done after {} s", LIMIT.as_secs()).into());
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(child.wait_with_output()?)
}

fn parse(line: &str) -> Option<Sample> {
    let mut words = line.split_whitespace();
    let nanoseconds = words.next()?.parse().ok()?;
    let units = words.next()?.parse().ok()?;
    let sum = words.next()?.parse().ok()?;
    let extra = |word: &str| {
        let (name, value) = word.split_once('=')?;
        Some((name.to_owned(), value.parse().ok()?))
    };
    Some(Sample { nanoseconds, units, sum, extras: words.map(extra).collect::<Option<_>>()? })
}
