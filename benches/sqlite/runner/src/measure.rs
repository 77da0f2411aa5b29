//! All lines do one work, in turns.

use sqlite_bench_common::{Fault, Work};

use crate::cell::Cell;
use crate::database::{self, Databases};
use crate::expected::Expected;
use crate::lines::Line;
use crate::options::Options;
use crate::packages::Packages;
use crate::sample::{self, Answer};

pub(crate) fn measure(
    work: Work,
    lines: &[Line],
    packages: &Packages,
    options: &Options,
) -> Result<Vec<Cell>, Fault> {
    let databases = Databases::new(work, options.size.of(work))?;
    let expected = Expected::of(work, options.size.of(work));
    let mut cells: Vec<Cell> = lines.iter().map(|_| Cell::default()).collect();
    for round in 0..options.rounds {
        for turn in 0..lines.len() {
            let at = (round + turn) % lines.len();
            if !lines[at].does(work) || !cells[at].is_open() {
                continue;
            }
            match turn_of(&lines[at], work, &databases, &expected, packages, options.quick) {
                Ok(Answer::Sample(sample)) => cells[at].add(sample),
                Ok(Answer::LeftOut(reason)) => cells[at].leave_out(reason),
                Err(failure) => cells[at].fail(failure.to_string()),
            }
        }
    }
    Ok(cells)
}

fn turn_of(
    line: &Line,
    work: Work,
    databases: &Databases,
    expected: &Expected,
    packages: &Packages,
    quick: bool,
) -> Result<Answer, Fault> {
    let file = databases.fresh()?;
    let mut command = packages.command(line.package);
    command.args(line.arguments);
    let answer = sample::run(command, work.name(), &file, quick)?;
    if let Answer::Sample(sample) = &answer {
        if sample.sum != expected.found.0 {
            return Err("what it has in its hands is not what it should have".into());
        }
        if database::stored(&file)? != expected.stored {
            return Err("what is in the tables is not what should be there".into());
        }
    }
    Ok(answer)
}
