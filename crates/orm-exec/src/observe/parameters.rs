//! The values of a statement, as an observer sees them.

use std::fmt;

use orm_core::{Cells, ValueRef};

/// The parameter rows of a statement. `{:?}` prints them as a list of rows.
#[derive(Clone, Copy)]
pub struct Parameters<'a> {
    cells: Option<&'a Cells>,
    width: usize,
}

impl<'a> Parameters<'a> {
    pub(crate) fn none() -> Self {
        Self { cells: None, width: 0 }
    }

    pub(crate) fn new(cells: &'a Cells, width: usize) -> Self {
        Self { cells: Some(cells), width }
    }

    /// How many values one row has.
    pub fn width(&self) -> usize {
        self.width
    }

    /// All values, row after row.
    pub fn values(&self) -> impl ExactSizeIterator<Item = ValueRef<'a>> + use<'a> {
        let cells = self.cells;
        (0..cells.map_or(0, Cells::len)).map(move |at| cells.map_or(ValueRef::Null, |cells| cells.value(at)))
    }
}

impl fmt::Debug for Parameters<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let values: Vec<Shown<'_>> = self.values().map(Shown).collect();
        f.debug_list().entries(values.chunks(self.width.max(1))).finish()
    }
}

/// A value as a person reads it: text as text, although a database may send bytes that are none.
struct Shown<'a>(ValueRef<'a>);

impl fmt::Debug for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            ValueRef::Wire(ty, form) => write!(f, "{ty:?}({})", ty.text(form)),
            value => value.to_value().fmt(f),
        }
    }
}
