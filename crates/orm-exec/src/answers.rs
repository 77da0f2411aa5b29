//! What earlier steps of a program answered, as far as later steps refer to it.

mod list;

pub(crate) use list::{CHUNK, List, padded};

use orm_core::{Cell, Cells, ColumnError, Program, Row, ValueRef};

/// The answers of the steps so far. Only columns that a later cell refers to are kept.
#[derive(Debug)]
pub(crate) struct Answers {
    kept: Vec<Kept>,
}

/// The answer of one step.
#[derive(Debug, Default)]
struct Kept {
    /// The columns that are kept, in ascending order.
    columns: Vec<u16>,
    /// Their values, row after row.
    values: Cells,
}

impl Answers {
    /// Looks through the program for references. A single step can have none.
    pub(crate) fn new(program: &Program) -> Self {
        let mut kept: Vec<Kept> = Vec::new();
        if program.steps.len() > 1 {
            kept.resize_with(program.steps.len(), Kept::default);
            for cell in program.input.as_slice() {
                match *cell {
                    Cell::From { step, column, .. } => keep(&mut kept, step, column..column + 1),
                    Cell::List { step, column, width } => keep(&mut kept, step, column..column + width),
                    _ => {}
                }
            }
        }
        Self { kept }
    }

    /// Whether anything of the step's answer is kept.
    pub(crate) fn keeps(&self, step: usize) -> bool {
        self.kept.get(step).is_some_and(|kept| !kept.columns.is_empty())
    }

    /// Keeps what is needed of a row.
    ///
    /// # Errors
    /// If a later step refers to a column that the row does not have.
    pub(crate) fn row(&mut self, step: usize, row: &Row<'_>) -> Result<(), ColumnError> {
        let kept = &mut self.kept[step];
        for &column in &kept.columns {
            kept.values.value_ref(row.value(usize::from(column))?);
        }
        Ok(())
    }

    /// Keeps a generated key: column 0 of an answer of one column.
    pub(crate) fn generated_key(&mut self, step: usize, key: i64) {
        if self.keeps(step) {
            let kept = &mut self.kept[step];
            for &column in &kept.columns {
                if column == 0 { kept.values.int(key) } else { kept.values.null() }
            }
        }
    }

    /// How many rows of the step's answer are kept.
    pub(crate) fn rows(&self, step: u16) -> usize {
        self.kept.get(usize::from(step)).map_or(0, |kept| kept.values.len() / kept.columns.len().max(1))
    }

    /// The value that a [`Cell::From`] refers to.
    ///
    /// # Errors
    /// If the step answered fewer rows, in words.
    pub(crate) fn value(&self, step: u16, column: u16, row: u32) -> Result<ValueRef<'_>, String> {
        let rows = self.rows(step);
        if row as usize >= rows {
            return Err(format!(
                "a parameter refers to row {row} of step {step}, which answered {rows} rows"
            ));
        }
        Ok(self.at(step, column, row as usize))
    }

    /// One value of a row that is kept.
    pub(crate) fn at(&self, step: u16, column: u16, row: usize) -> ValueRef<'_> {
        let kept = &self.kept[usize::from(step)];
        match kept.columns.binary_search(&column) {
            Ok(at) => kept.values.value(row * kept.columns.len() + at),
            Err(_) => ValueRef::Null,
        }
    }
}

fn keep(kept: &mut [Kept], step: u16, columns: std::ops::Range<u16>) {
    // A reference to a step that is not there is refused where the cell is bound.
    let Some(kept) = kept.get_mut(usize::from(step)) else { return };
    for column in columns {
        if let Err(at) = kept.columns.binary_search(&column) {
            kept.columns.insert(at, column);
        }
    }
}
