//! A row while it is being read, and what can be wrong with one of its values.

use std::fmt;

use crate::cells::Cells;
use crate::entity::{ColumnMeta, EntityMeta};
use crate::types::SqlType;
use crate::value::ValueRef;
use crate::value::wire::WireType;

/// A driver's row: values by position, borrowed for as long as the cursor stands on it.
pub trait RowSource {
    /// How many columns there are.
    fn width(&self) -> usize;

    /// The value at `index`, which is less than [`RowSource::width`].
    fn value(&self, index: usize) -> ValueRef<'_>;

    /// The column's name as the database says it.
    fn name(&self, index: usize) -> String;

    /// Whether the column has this name: [`RowSource::name`] without a text of its own.
    fn is_named(&self, index: usize, name: &str) -> bool {
        self.name(index) == name
    }

    /// The value at `index` if it is an integer. Answered in registers, where a [`ValueRef`] goes through memory: worth
    /// a method of its own, as texts are, because most columns are one or the other.
    #[inline]
    fn int(&self, index: usize) -> Option<i64> {
        match self.value(index) {
            ValueRef::Int(value) => Some(value),
            _ => None,
        }
    }

    /// The value at `index` if it is text, as in [`ValueRef::Text`].
    #[inline]
    fn text(&self, index: usize) -> Option<&[u8]> {
        match self.value(index) {
            ValueRef::Text(value) => Some(value),
            _ => None,
        }
    }
}

/// A view on a row, from a column on: so an entity reads its columns as 0, 1, 2 wherever they stand.
#[derive(Clone, Copy)]
pub struct Row<'r> {
    source: &'r dyn RowSource,
    start: usize,
    /// One past the last column: asked for once, not for each value.
    end: usize,
}

impl<'r> Row<'r> {
    /// The whole row.
    #[inline]
    pub fn new(source: &'r dyn RowSource) -> Self {
        Self { source, start: 0, end: source.width() }
    }

    /// The same row, with column `by` as its first.
    #[must_use]
    pub fn shifted(&self, by: usize) -> Row<'r> {
        Row { start: self.start + by, ..*self }
    }

    /// The same row up to column `width`, which is not its own.
    #[must_use]
    pub fn narrowed(&self, width: usize) -> Row<'r> {
        Row { end: self.end.min(self.start + width), ..*self }
    }

    /// How many columns there are from the first of this view on.
    pub fn width(&self) -> usize {
        self.end.saturating_sub(self.start)
    }

    /// The value at `index`.
    ///
    /// # Errors
    /// If the row has no such column.
    #[inline]
    pub fn value(&self, index: usize) -> Result<ValueRef<'r>, ColumnError> {
        let at = self.start + index;
        if at >= self.end {
            return Err(self.too_narrow(index));
        }
        Ok(self.source.value(at))
    }

    /// The value at `index` as a Rust value.
    ///
    /// # Errors
    /// If the row has no such column, or its value does not fit the type.
    #[inline]
    pub fn get<T: SqlType>(&self, index: usize) -> Result<T, ColumnError> {
        let at = self.start + index;
        if at < self.end
            && let Some(value) = T::direct(self.source, at)
        {
            return Ok(value);
        }
        T::decode(self.value(index)?).map_err(|misfit| self.misfit(index, misfit))
    }

    /// The name of the column at `index`, as the database says it; empty where there is none.
    pub fn name(&self, index: usize) -> String {
        let at = self.start + index;
        if at < self.end { self.source.name(at) } else { String::new() }
    }

    /// Whether the columns have these names, and are as many.
    pub(crate) fn has_names(&self, names: &[String]) -> bool {
        let mut at = self.start..self.end;
        at.len() == names.len()
            && names.iter().all(|name| at.next().is_some_and(|at| self.source.is_named(at, name)))
    }

    /// Whether the first `width` columns are all NULL.
    pub(crate) fn is_null(&self, width: usize) -> bool {
        (0..width).all(|index| matches!(self.value(index), Ok(ValueRef::Null)))
    }

    #[cold]
    fn too_narrow(&self, index: usize) -> ColumnError {
        ColumnError::new(index, "a column here", format!("a row of {} columns", self.end))
    }

    /// The error of a value that does not fit, with the name of its column.
    #[doc(hidden)]
    #[cold]
    pub fn misfit(&self, index: usize, misfit: Misfit) -> ColumnError {
        let mut error = ColumnError::new(index, misfit.expected, misfit.found);
        error.column = self.source.name(self.start + index);
        error
    }
}

impl fmt::Debug for Row<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let columns = self.start..self.end;
        f.debug_map().entries(columns.map(|at| (self.source.name(at), self.source.value(at)))).finish()
    }
}

/// Cells as a row: what was encoded is decoded again.
#[doc(hidden)]
#[derive(Debug)]
pub struct CellsRow(pub Cells);

impl RowSource for CellsRow {
    fn width(&self) -> usize {
        self.0.len()
    }

    fn value(&self, index: usize) -> ValueRef<'_> {
        self.0.value(index)
    }

    fn name(&self, _index: usize) -> String {
        String::new()
    }
}

/// A value that is not of the type asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misfit {
    /// The type asked for, in words: "an integer that fits i32".
    pub expected: &'static str,
    /// What was there, in words: "text", "the integer 4294967296".
    pub found: String,
}

impl Misfit {
    /// The misfit of a value that is of another kind altogether.
    #[cold]
    pub fn kind(expected: &'static str, found: ValueRef<'_>) -> Self {
        let found = match found {
            ValueRef::Wire(WireType::Unread, name) => format!(
                "a value of type {}, which is not read: CAST it to text in the query",
                String::from_utf8_lossy(name)
            ),
            found => found.kind().to_owned(),
        };
        Self { expected, found }
    }

    /// The misfit of text that is none of the names expected.
    #[cold]
    pub fn choice(expected: &'static str, found: ValueRef<'_>) -> Self {
        match found {
            ValueRef::Text(text) => Self { expected, found: format!("{:?}", String::from_utf8_lossy(text)) },
            found => Self::kind(expected, found),
        }
    }
}

/// A row of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableRow {
    /// The table.
    pub table: &'static str,
    /// The key of the row, in words: `id 7`. `None` if it was not read.
    pub key: Option<String>,
}

/// A [`Misfit`] with its place. Becomes an [`Error`](crate::Error) that also names the SQL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnError {
    /// The entity being read, where one is.
    pub entity: Option<&'static str>,
    /// Its table and row. In a box, for every read of a value answers a `Result` of this.
    pub row: Option<Box<TableRow>>,
    /// The column's name, empty if unknown.
    pub column: String,
    /// The column's position.
    pub index: usize,
    /// The type asked for.
    pub expected: &'static str,
    /// What was there.
    pub found: String,
}

impl ColumnError {
    /// An error at a position.
    #[cold]
    pub fn new(index: usize, expected: &'static str, found: String) -> Self {
        Self { entity: None, row: None, column: String::new(), index, expected, found }
    }

    /// Says which entity was being read.
    #[cold]
    #[must_use]
    pub fn of(mut self, entity: &'static str) -> Self {
        self.entity.get_or_insert(entity);
        self
    }

    /// Says which entity was being read, and from which row of its table.
    #[doc(hidden)]
    #[cold]
    #[must_use]
    pub fn of_row(self, meta: &'static EntityMeta, row: &Row<'_>) -> Self {
        let mut error = self.of(meta.name);
        if error.row.is_none() {
            let part = |(&at, column): (&usize, &ColumnMeta)| {
                let value = row.value(at).ok()?;
                Some(format!("{} {}", column.name, value.to_value()))
            };
            let parts: Option<Vec<String>> = meta.key.iter().zip(meta.key_columns()).map(part).collect();
            let key = parts.map(|parts| parts.join(", "));
            error.row = Some(Box::new(TableRow { table: meta.table, key }));
        }
        error
    }
}
