//! The picture of one work, with a line where rusqlite by hand is.

use bench_page::{Bar, Chart, Who};
use sqlite_bench_common::Work;

use crate::cell::Cell;
use crate::lines::Line;
use crate::terminal::{extra_of, extra_text, raw_median};

/// Nothing where nothing was measured.
pub(crate) fn draw(work: Work, lines: &[Line], cells: &[Cell]) -> Option<String> {
    let bar = |(line, cell)| bar(work, line, cell);
    let bars = lines.iter().zip(cells).filter_map(bar).collect();
    Chart { title: work.title(), unit: work.unit(), bars, to_reach: raw_median(lines, cells) }.draw()
}

fn bar<'a>(work: Work, line: &'a Line, cell: &Cell) -> Option<Bar<'a>> {
    let spread = cell.spread()?;
    let who = match line {
        line if line.is_raw() => Who::ByHand,
        line if line.is_ours() => Who::Ours,
        _ => Who::Other,
    };
    let mut note = match (extra_of(work), extra_text(work, cell)) {
        (Some((title, _)), Some(text)) => format!(" · {title} {text}"),
        _ => String::new(),
    };
    if cell.swings() {
        note += " ~";
    }
    Some(Bar { name: line.name, who, spread, note })
}
