//! The SQLite benchmark: builds all peers, runs them in turns, checks what they did, and prints what it took.
//!
//! ```text
//! cargo run --release                          everything
//! cargo run --release -- read insert           the work whose name contains one of these words
//! cargo run --release -- --peers=raw,anyorm    the lines whose names contain one of these words
//! cargo run --release -- --rounds=3            other than 7
//! cargo run --release -- --write               also writes docs/benchmarks/sqlite.md and its pictures
//! cargo run --release -- --quick               tiny sizes: shows that it works, measures nothing
//! cargo run --release -- --target=<folder>     builds the peers there, not in their own folders
//! cargo run --release -- --no-build            they are built already
//! cargo run --release -- --tasks               the lines of ten tasks instead; `--write` is for docs/comparison.md then
//! ```

mod cell;
mod chart;
mod database;
mod expected;
mod lines;
mod measure;
mod options;
mod packages;
mod page;
mod sample;
mod tables;
mod ten;
mod terminal;

use options::Options;
use packages::Packages;
use sqlite_bench_common::Fault;

fn main() -> Result<(), Fault> {
    let options = Options::from_arguments()?;
    let packages = Packages::new(&options)?;
    if options.tasks {
        return ten::run(&packages, &options);
    }
    let mut lines = options.lines();
    let skipped = packages.build(&packages::names(&lines), &options)?;
    lines.retain(|line| !skipped.contains(&line.package));
    let machine = bench_page::machine::describe();
    println!("{machine}\n");
    let mut results = Vec::new();
    for work in options.work() {
        let cells = measure::measure(work, &lines, &packages, &options)?;
        terminal::print(work, options.size.of(work), &lines, &cells);
        results.push((work, cells));
        // What is done is written, although the rest may fail.
        if options.write {
            page::write(&lines, &results, &packages, &options, &machine)?;
        }
    }
    let failures =
        results.iter().flat_map(|(_, cells)| cells).filter(|cell| cell.failure().is_some()).count();
    if failures > 0 { Err(format!("{failures} lines failed").into()) } else { Ok(()) }
}
