//! What is printed.

use crate::case::{Case, Size, Times};

pub(crate) fn head(size: Size) {
    println!(
        "SQLite file, WAL, synchronous=NORMAL; {} of {} interleaved rounds; by hand: rusqlite on one thread",
        if size.fastest { "fastest" } else { "medians" },
        size.rounds
    );
    println!(
        "anyorm: Dispatch::Worker, every call to SQLite on a worker thread; in lines that say so, Dispatch::Auto\n"
    );
    println!(
        "{:<44}{:>12}  {:>22}  {:>22}{:>8}{:>7}",
        "", "by hand", "futures-lite block_on", "tokio multi-thread", "goal", "hops"
    );
}

pub(crate) fn line(case: &Case, size: Size, times: &Times) {
    let [raw, bare, tokio] = times.typical(size.fastest);
    let each = |time: std::time::Duration| format!("{} ns", time.as_nanos() / (case.per)(size) as u128);
    let ours = |time| format!("{:>12}{:>8.2} x", each(time), time.as_secs_f64() / raw.as_secs_f64());
    let goal = case.goal.map_or(String::new(), |goal| format!("{goal:.2}"));
    let hops = times.hops() as f64 / (case.hops_of)(size) as f64;
    println!("{:<44}{:>12}  {}  {}{goal:>8}{hops:>7}", case.name, each(raw), ours(bare), ours(tokio));
}

pub(crate) fn foot() {
    println!("\nns per read, row, parent with its children, or request; ratios are to the work by hand");
}
