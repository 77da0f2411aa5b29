//! The table as it grows.

use bench_page::format;
use sqlite_bench_common::{Size, Work};

use crate::cell::Cell;
use crate::lines::Line;

pub(crate) fn print(work: Work, size: Size, lines: &[Line], cells: &[Cell]) {
    println!("{} ({} units), time per {}", work.title(), work.units(size), work.unit());
    let raw = raw_median(lines, cells);
    for (line, cell) in lines.iter().zip(cells).filter(|(line, _)| line.does(work)) {
        println!("  {:<40}{}", line.name, text(work, cell, raw));
    }
    println!();
}

/// What all others are compared with.
pub(crate) fn raw_median(lines: &[Line], cells: &[Cell]) -> Option<f64> {
    let (_, cell) = lines.iter().zip(cells).find(|(line, _)| line.is_raw())?;
    Some(cell.spread()?.median)
}

/// What else is told of a work, as it is called, and its name among the extras.
pub(crate) fn extra_of(work: Work) -> Option<(&'static str, &'static str)> {
    match work {
        Work::ReadTogether | Work::Tail => Some(("p99", "p99")),
        Work::Stall => Some(("longest gap", "stall")),
        Work::GivenUp => Some(("told after", "told")),
        Work::Stream | Work::RowsMany => Some(("peak memory", "memory")),
        _ => None,
    }
}

pub(crate) fn extra_text(work: Work, cell: &Cell) -> Option<String> {
    let (_, name) = extra_of(work)?;
    let value = cell.extra(name)?;
    Some(if name == "memory" { format::memory(value) } else { format::time(value) })
}

fn text(work: Work, cell: &Cell, raw: Option<f64>) -> String {
    if let Some(failure) = cell.failure() {
        return format!("FAILED: {failure}");
    }
    let Some(spread) = cell.spread() else { return format!("- {}", cell.left_out().unwrap_or_default()) };
    let mark = if cell.swings() { "~" } else { "" };
    let range = format!("({} .. {})", format::time(spread.low), format::time(spread.high));
    let ratio = raw.map(|raw| format!("{} x", format::ratio(spread.median / raw))).unwrap_or_default();
    let extra = match (extra_of(work), extra_text(work, cell)) {
        (Some((title, _)), Some(text)) => format!("{title} {text}"),
        _ => String::new(),
    };
    format!("{:>10} {range:<24} {ratio:>8} {mark:<1}  {extra}", format::time(spread.median))
}
