//! Which steps can travel together.

use super::Program;
use crate::cells::Cell;

impl Program {
    /// The round trip in which each step can be sent, from 0, by a driver that pipelines: a step that refers to the
    /// answer of another one goes in a later trip than that. No step goes in an earlier trip than one before it: the
    /// order of the steps is the order in which the database runs them.
    pub fn levels(&self) -> Vec<u16> {
        self.levels_with(|_| false)
    }

    /// The same for a driver that makes the generated keys of some steps before the first trip: nothing waits for those.
    pub fn levels_with(&self, keys_are_known: impl Fn(usize) -> bool) -> Vec<u16> {
        let mut levels: Vec<u16> = Vec::with_capacity(self.steps.len());
        for step in &self.steps {
            let cells = &self.input.as_slice()[step.cells.start as usize..step.cells.end as usize];
            let awaited = cells.iter().filter_map(|cell| match *cell {
                // The generated key is column 0 of an answer.
                Cell::From { step, column: 0, .. } | Cell::List { step, column: 0, width: 1 }
                    if keys_are_known(usize::from(step)) =>
                {
                    None
                }
                Cell::From { step, .. } | Cell::List { step, .. } => Some(levels[usize::from(step)] + 1),
                _ => None,
            });
            let before = levels.last().copied().unwrap_or(0);
            levels.push(awaited.fold(before, u16::max));
        }
        levels
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::cells::Cells;
    use crate::program::{Returns, StatementShape};

    fn shape() -> Arc<StatementShape> {
        let shape = StatementShape {
            sql: "INSERT ..".into(),
            parameters: 1,
            returns: Returns::GeneratedKey,
            reads_only: false,
            cheap: false,
            list: None,
            outline: None,
        };
        shape.into()
    }

    fn from(step: u16, column: u16) -> Cell {
        Cell::From { step, column, row: 0 }
    }

    /// A step for each cell.
    fn program(cells: &[Cell]) -> Program {
        let mut program = Program::default();
        for &cell in cells {
            program.add(shape(), |input: &mut Cells| input.push(cell));
        }
        program
    }

    #[test]
    fn steps_that_know_their_values_travel_together() {
        assert_eq!(program(&[Cell::Int(1), Cell::Null, Cell::Int(2)]).levels(), [0, 0, 0]);
        assert!(Program::default().levels().is_empty());
    }

    #[test]
    fn a_step_waits_for_the_answer_that_it_refers_to() {
        assert_eq!(program(&[Cell::Int(1), from(0, 0), from(1, 0), from(0, 0)]).levels(), [0, 1, 2, 2]);
        let list = Cell::List { step: 0, column: 1, width: 1 };
        assert_eq!(program(&[Cell::Int(1), list]).levels(), [0, 1]);
    }

    #[test]
    fn no_step_overtakes_another() {
        // The third would have to wait for nothing; but what it writes may depend on the second.
        assert_eq!(program(&[Cell::Int(1), from(0, 0), Cell::Int(3), from(2, 0)]).levels(), [0, 1, 1, 2]);
    }

    #[test]
    fn nothing_waits_for_keys_that_are_known() {
        let deep = program(&[Cell::Int(1), from(0, 0), from(1, 0), Cell::Int(4)]);
        assert_eq!(deep.levels_with(|_| true), [0, 0, 0, 0]);
        assert_eq!(deep.levels_with(|step| step == 1), [0, 1, 1, 1]);
        // Other columns of a row that is known by its key are answered like those of any row.
        assert_eq!(program(&[Cell::Int(1), from(0, 1)]).levels_with(|_| true), [0, 1]);
        let whole = Cell::List { step: 0, column: 0, width: 2 };
        assert_eq!(program(&[Cell::Int(1), whole]).levels_with(|_| true), [0, 1]);
    }
}
