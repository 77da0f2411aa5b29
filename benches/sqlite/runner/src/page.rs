//! `docs/benchmarks/sqlite.md`, and a picture beside it for each work.

use std::fmt::Write as _;

use bench_page::format;
use sqlite_bench_common::{Fault, Work};

use crate::cell::Cell;
use crate::chart;
use crate::lines::Line;
use crate::options::Options;
use crate::packages::Packages;
use crate::terminal::{extra_of, extra_text, raw_median};

type Results = [(Work, Vec<Cell>)];

pub(crate) fn write(
    lines: &[Line],
    results: &Results,
    packages: &Packages,
    options: &Options,
    machine: &str,
) -> Result<(), Fault> {
    let folder = packages.project().join("docs").join("benchmarks");
    std::fs::create_dir_all(&folder)?;
    let mut page = head(options, machine);
    page += &overview(lines, results);
    for (work, cells) in results {
        let picture = chart::draw(*work, lines, cells);
        page += &part(*work, lines, cells, picture.is_some());
        if let Some(picture) = picture {
            std::fs::write(folder.join(format!("sqlite-{}.svg", work.name())), picture)?;
        }
    }
    page += &versions(lines, packages);
    std::fs::write(folder.join("sqlite.md"), page)?;
    Ok(())
}

fn head(options: &Options, machine: &str) -> String {
    let sizes = if options.quick {
        "\n\n**Tiny sizes: this shows that it works, and measures nothing.**"
    } else {
        ""
    };
    format!(
        "# SQLite: anyorm and its peers\n\n\
         Made by `cargo run --release -- --write` in `benches/sqlite/runner`; \
         [how it measures, and how each peer is used](../../benches/README.md#sqlite).{sizes}\n\n\
         Measured on {machine}; {rounds} rounds, each sample a process of its own. Numbers are medians, with the first and \
         third quartile, and ratios to rusqlite by hand. `~`: the samples swing by more than a factor of two, so that the cell \
         ranks nobody. `-`: the peer does not do this work.\n\n",
        rounds = options.rounds,
    )
}

/// Ratios to rusqlite by hand.
fn overview(lines: &[Line], results: &Results) -> String {
    let mut table =
        "## All at a glance\n\nTimes as long as rusqlite by hand, or the time of a unit where that has nothing to compare with; less is better.\n\n| |".to_owned();
    for (work, _) in results {
        let _ = write!(table, " [{}](#{}) |", work.name(), work.name());
    }
    table += "\n|---|";
    table += &"--:|".repeat(results.len());
    for (at, line) in lines.iter().enumerate().filter(|(_, line)| !line.is_raw()) {
        let _ = write!(table, "\n| {} |", line.name);
        for (work, cells) in results {
            let ratio = raw_median(lines, cells).zip(cells[at].spread());
            let mark = if cells[at].swings() { " ~" } else { "" };
            let text = match ratio {
                Some((raw, spread)) => format::ratio(spread.median / raw) + mark,
                None if !line.does(*work) => String::new(),
                None => {
                    cells[at].spread().map_or_else(|| "-".into(), |spread| format::time(spread.median) + mark)
                }
            };
            let _ = write!(table, " {text} |");
        }
    }
    table + "\n\n"
}

fn part(work: Work, lines: &[Line], cells: &[Cell], has_picture: bool) -> String {
    let mut part = format!("## {}\n\n", work.name());
    if has_picture {
        let _ = writeln!(part, "![{}](sqlite-{}.svg)\n", work.title(), work.name());
    } else {
        let _ = writeln!(part, "{}\n", work.title());
    }
    let extra = extra_of(work).map(|(title, _)| title);
    let _ = write!(part, "| | time per {} | quartiles | to by hand |", work.unit());
    part += &extra.map(|title| format!(" {title} |")).unwrap_or_default();
    part += if extra.is_some() { "\n|---|--:|:-:|--:|--:|\n" } else { "\n|---|--:|:-:|--:|\n" };
    let raw = raw_median(lines, cells);
    for (line, cell) in lines.iter().zip(cells).filter(|(line, _)| line.does(work)) {
        let _ = write!(part, "| {} |", line.name);
        part += &row(work, cell, raw);
        part.push('\n');
    }
    part.push('\n');
    part
}

fn row(work: Work, cell: &Cell, raw: Option<f64>) -> String {
    let more = if extra_of(work).is_some() { " |" } else { "" };
    let Some(spread) = cell.spread() else {
        let reason = cell.left_out().unwrap_or("failed");
        return format!(" - | {reason} | |{more}");
    };
    let mark = if cell.swings() { " ~" } else { "" };
    let ratio = raw.map(|raw| format::ratio(spread.median / raw)).unwrap_or_default();
    let mut row = format!(
        " {}{mark} | {} .. {} | {ratio} |",
        format::time(spread.median),
        format::time(spread.low),
        format::time(spread.high)
    );
    if extra_of(work).is_some() {
        let _ = write!(row, " {} |", extra_text(work, cell).unwrap_or_default());
    }
    row
}

fn versions(lines: &[Line], packages: &Packages) -> String {
    let mut table = "## Versions\n\n| package | of |\n|---|---|\n".to_owned();
    for (package, versions) in packages.versions(lines) {
        let _ = writeln!(table, "| {package} | {versions} |");
    }
    table
}
