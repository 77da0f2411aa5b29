//! What is printed.

use std::time::Duration;

use crate::goals::Verdict;
use crate::line::Peer;
use crate::measure::Times;
use crate::work::{Size, Work};

pub(crate) fn head(size: Size, server: &str) {
    println!("{server}; TCP, no TLS");
    println!("{}", versions());
    println!(
        "tokio multi-thread, 2 workers; pools of {} connections, no ping before use; {} processors",
        crate::CONNECTIONS,
        std::thread::available_parallelism().map_or(0, usize::from)
    );
    println!(
        "{} of {} interleaved rounds after one to warm up, first and third quartile; results checked in each",
        if size.fastest { "fastest" } else { "medians" },
        size.rounds
    );
}

pub(crate) fn part(work: Work, size: Size, times: &[Times]) {
    let base = times.iter().find(|times| times.peer == Peer::ByHand).map(Times::typical);
    println!("\n{}: ns per {}", work.name(), work.piece());
    for times in times {
        let each = |time: Duration| time.as_nanos() / work.pieces(size) as u128;
        let [low, high] = times.spread().map(each);
        let ratio = base.map_or(String::new(), |base| {
            format!("{:.2} x", times.typical().as_secs_f64() / base.as_secs_f64())
        });
        println!("  {:<58}{:>9}{ratio:>9}   {low}..{high}", times.name, each(times.typical()));
    }
}

pub(crate) fn goals(verdicts: &[Verdict]) {
    if verdicts.is_empty() {
        return;
    }
    println!("\ngoals");
    for Verdict { line, goal, ratio, is_met } in verdicts {
        let word = if *is_met { "met" } else { "missed" };
        println!("  {line:<58}{goal:<58}{ratio:>6.2} x  {word}");
    }
}

/// The versions of the peers, as they are locked.
pub(crate) fn versions() -> String {
    let lock = include_str!("../Cargo.lock");
    let version = |name: &str| {
        let package =
            lock.split("[[package]]").find(|package| package.contains(&format!("name = {name:?}\n")));
        let line =
            package.and_then(|package| package.lines().find_map(|line| line.strip_prefix("version = ")));
        format!("{name} {}", line.unwrap_or("?").trim_matches('"'))
    };
    ["anyorm", "tokio-postgres", "sqlx", "sea-orm", "diesel", "diesel-async"].map(version).join(", ")
}
