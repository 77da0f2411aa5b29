//! The table, in Markdown, and its place in `docs/comparison.md`.

use std::fmt::Write as _;

use sqlite_bench_common::Fault;

use super::{Done, TASKS};
use crate::packages::Packages;

const BEGIN: &str = "<!-- tasks: begin -->";
const END: &str = "<!-- tasks: end -->";

pub(super) fn markdown(peers: &[Done]) -> String {
    let mut table = "| task |".to_owned();
    for peer in peers {
        let _ = write!(table, " {} {} |", peer.name, peer.version);
    }
    table += "\n|---|";
    table += &"--:|".repeat(peers.len());
    for (at, (name, what)) in TASKS.iter().enumerate() {
        let _ = write!(table, "\n| `{name}`: {what} |");
        for peer in peers {
            let _ = write!(table, " {} |", peer.lines.0[at]);
        }
    }
    table += "\n| **all lines** |";
    for peer in peers {
        let _ = write!(table, " **{}** |", peer.lines.sum());
    }
    table += "\n| the same as rustfmt formats by itself, in 100 columns (black: 88) |";
    for peer in peers {
        let _ = write!(table, " {} |", peer.plain);
    }
    table + "\n"
}

/// What is around it stays as it is.
pub(super) fn write(table: &str, packages: &Packages) -> Result<(), Fault> {
    let page = packages.project().join("docs").join("comparison.md");
    let text = std::fs::read_to_string(&page)?;
    let parts = text.split_once(BEGIN).and_then(|(before, rest)| Some((before, rest.split_once(END)?.1)));
    let (before, after) = parts.ok_or_else(|| format!("{} has not both of its marks", page.display()))?;
    std::fs::write(page, format!("{before}{BEGIN}\n{table}{END}{after}"))?;
    Ok(())
}
