//! `docs/benchmarks/postgres.md`, and a picture beside it for each work.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use bench_page::{Bar, Chart, Spread, Who, format, machine};

use crate::goals::Verdict;
use crate::lap::Fault;
use crate::line::Peer;
use crate::measure::Times;
use crate::table;
use crate::work::{Size, Work};

/// # Errors
/// If the files cannot be written.
pub(crate) fn write(
    server: &str,
    size: Size,
    all: &[(Work, Vec<Times>)],
    verdicts: &[Verdict],
) -> Result<(), Fault> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/benchmarks");
    let mut page = format!(
        "# PostgreSQL: anyorm and its peers\n\n\
         Made by `cargo run --release -- {}` in `benches/postgres`; \
         [how it measures, and how each peer is used](../../benches/README.md#postgresql).\n\n\
         Measured on {}; {server}; {}. Over TCP without TLS, under tokio with two worker threads; medians of {} interleaved rounds with \
         the first and third quartile, and ratios to tokio-postgres by hand.\n\n",
        std::env::args().skip(1).collect::<Vec<_>>().join(" "),
        machine::describe(),
        table::versions(),
        size.rounds,
    );
    for (work, times) in all {
        let name = file_of(*work);
        let base = times
            .iter()
            .find(|times| times.peer == Peer::ByHand)
            .map(|times| each(*work, size, times.typical()));
        let _ = writeln!(page, "## {}\n\n![{}](postgres-{name}.svg)\n", name, work.name());
        let _ = writeln!(page, "| | time per {} | quartiles | to by hand |\n|---|--:|:-:|--:|", work.piece());
        for times in times {
            let Spread { low, median, high } = spread(*work, size, times);
            let ratio = base.map(|base| format::ratio(median / base)).unwrap_or_default();
            let [low, median, high] = [low, median, high].map(format::time);
            let _ = writeln!(page, "| {} | {median} | {low} .. {high} | {ratio} |", times.name);
        }
        page.push('\n');
        let bars = times.iter().map(|times| bar(*work, size, times)).collect();
        let chart = Chart { title: work.name(), unit: work.piece(), bars, to_reach: base };
        if let Some(picture) = chart.draw() {
            std::fs::write(folder.join(format!("postgres-{name}.svg")), picture)?;
        }
    }
    page += &goals(verdicts);
    Ok(std::fs::write(folder.join("postgres.md"), page)?)
}

fn goals(verdicts: &[Verdict]) -> String {
    let mut table = "## Goals\n\n| line | goal | ratio | |\n|---|---|--:|---|\n".to_owned();
    for Verdict { line, goal, ratio, is_met } in verdicts {
        let _ =
            writeln!(table, "| {line} | {goal} | {ratio:.2} | {} |", if *is_met { "met" } else { "missed" });
    }
    table
}

fn bar<'a>(work: Work, size: Size, times: &'a Times) -> Bar<'a> {
    let who = match times.peer {
        Peer::Anyorm => Who::Ours,
        Peer::ByHand | Peer::Pipelined => Who::ByHand,
        Peer::Sqlx | Peer::SeaOrm | Peer::Diesel => Who::Other,
    };
    Bar { name: &times.name, who, spread: spread(work, size, times), note: String::new() }
}

fn spread(work: Work, size: Size, times: &Times) -> Spread {
    let [low, high] = times.spread().map(|time| each(work, size, time));
    Spread { low, median: each(work, size, times.typical()), high }
}

/// Nanoseconds of one piece.
fn each(work: Work, size: Size, time: Duration) -> f64 {
    time.as_nanos() as f64 / work.pieces(size) as f64
}

/// The word by which a work is known in files.
fn file_of(work: Work) -> &'static str {
    match work {
        Work::ReadByKey => "read-by-key",
        Work::ReadRows => "rows",
        Work::InsertRows => "insert",
        Work::InsertBlind => "insert-no-keys",
        Work::ReadFamilies => "parents",
        Work::InsertFamilies => "insert-parents",
        Work::Mixed => "mixed",
    }
}
