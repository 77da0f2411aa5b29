//! The tables, and the page that has them.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

use crate::models::{COLUMNS, ENTITIES};
use crate::package::Cost;
use crate::{Fault, Hello, Models};

/// Both tables. Ratios are to the first line.
pub(crate) fn tables(hello: &[Hello], models: &[Models]) -> String {
    let mut out = "## A small program, from nothing\n\nIt makes a table, stores a row and reads it. Built without optimization, \
                   incremental compilation off; the program in its release profile.\n\n\
                   | | version | CPU seconds | to anyorm | seconds | crates | program |\n|---|---|--:|--:|--:|--:|--:|\n"
        .to_owned();
    for Hello { name, version, cost, crates, bytes } in hello {
        let cpu = |cost: &Cost| cost.cpu.unwrap_or(cost.wall).as_secs_f64();
        let _ = writeln!(
            out,
            "| {name} | {version} | {:.0} | {:.2} | {:.0} | {crates} | {:.1} MB |",
            cpu(cost),
            cpu(cost) / cpu(&hello[0].cost),
            cost.wall.as_secs_f64(),
            *bytes as f64 / 1e6,
        );
    }
    let _ = write!(
        out,
        "\n## {ENTITIES} entities of {} columns\n\nWith one query. From nothing, and again after a change of their file.\n\n\
         | | from nothing | to anyorm | again | to anyorm |\n|---|--:|--:|--:|--:|\n",
        COLUMNS.len() + 1
    );
    for Models { name, clean, again } in models {
        let (clean, again) = (clean.wall.as_secs_f64(), again.wall.as_secs_f64());
        let [first, second] = [&models[0].clean, &models[0].again].map(|cost| cost.wall.as_secs_f64());
        let _ = writeln!(
            out,
            "| {name} | {clean:.1} s | {:.2} | {again:.1} s | {:.2} |",
            clean / first,
            again / second
        );
    }
    out
}

/// # Errors
/// If the file cannot be written.
pub(crate) fn write(file: &Path, rounds: usize, tables: &str) -> Result<(), Fault> {
    let told = |program: &str, arguments: &[&str]| {
        let output =
            Command::new(program).args(arguments).output().ok().filter(|output| output.status.success());
        output.map_or_else(
            || "unknown".to_owned(),
            |output| String::from_utf8_lossy(&output.stdout).trim().to_owned(),
        )
    };
    let rustc = told("rustc", &["--version"]);
    let commit = told("git", &["rev-parse", "--short=10", "HEAD"]);
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let text = format!(
        "# What it costs to compile\n\nMade by `cargo run --release -- --write` in `benches/compile`; medians of {rounds} builds in turns, \
         on {cores} cores, {rustc}, commit {commit}.\n\n{tables}"
    );
    Ok(fs::write(file, text)?)
}
