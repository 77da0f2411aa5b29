//! Where the values of a row stand among the parameters of its statement, and what the database answers of it.

use std::sync::Arc;

use orm_core::entity::{EntityMeta, VersionKind};
use orm_core::expr::Node;
use orm_core::program::{Expect, StatementShape};
use orm_core::row::{ColumnError, Row};
use orm_core::shapes::{RowStatement, Write};
use orm_core::{Cell, Cells, Result, Sink, Value, ValueRef, shapes};

use super::{Builder, Origin};
use crate::tracker::{Place, row_value_at};

/// Columns of a step's rows that the database fills, and that are read back.
#[derive(Debug)]
pub(crate) struct ReadBack {
    /// The step that answers them.
    pub(crate) step: u16,
    pub(crate) rows: Vec<Place>,
    pub(crate) columns: Vec<usize>,
    /// Whether the key that the database gave stands before them.
    pub(crate) with_key: bool,
    /// The expressions among them. A row with some is the only one of its step.
    pub(crate) expressions: Vec<Sent>,
}

/// An expression that is sent, and the columns that it names, as the row has them.
#[derive(Debug)]
pub(crate) struct Sent {
    pub(crate) column: u16,
    pub(crate) node: Node,
    pub(crate) seen: Vec<(usize, Value)>,
}

/// The parameters of one row: its own columns one after the other, or mixed with those of expressions.
pub(super) enum Layout {
    Plain(Vec<usize>),
    Mixed(Box<RowStatement>),
}

impl Layout {
    /// The place of a column's own value, counted from the first parameter of the row.
    pub(super) fn place_of(&self, column: usize) -> Option<usize> {
        match self {
            Self::Plain(columns) => columns.iter().position(|&own| own == column),
            Self::Mixed(statement) => statement
                .parameters
                .iter()
                .position(|parameter| parameter.column == column && parameter.bound.is_none()),
        }
    }
}

impl Builder<'_> {
    /// The statement that inserts rows like this one, and what it answers of each.
    pub(super) fn insert_statement(&self, row: Place) -> (Arc<StatementShape>, Layout, Vec<usize>) {
        let arena = self.tracker.arena(row.arena);
        let (meta, (with_key, unset)) = (arena.meta(), arena.given(row.slot));
        let expressions = self.expressions(row);
        let mut written: Vec<usize> =
            (0..meta.columns.len()).filter(|column| with_key || !meta.key.contains(column)).collect();
        let mut filled = Vec::new();
        if meta.is_filled() || !expressions.is_empty() {
            let expressed = |column: usize| expressions.iter().any(|(own, _)| usize::from(*own) == column);
            let left = |column: usize| {
                let bit = meta.server_defaults.iter().position(|&own| own == column);
                meta.generated.contains(&column) || bit.is_some_and(|bit| unset & (1 << bit) != 0)
            };
            filled = (0..meta.columns.len()).filter(|&column| expressed(column) || left(column)).collect();
            written.retain(|&column| expressed(column) || !left(column));
        }
        let returning: &[usize] = if self.dialect.returning { &filled } else { &[] };
        if expressions.is_empty() {
            let shape = meta.insert_columns(self.dialect, &written, with_key, returning);
            return (shape, Layout::Plain(written), filled);
        }
        let writes = writes(&written, expressions);
        let statement = shapes::insert_row(meta, self.dialect, &writes, with_key, returning);
        (statement.shape.clone().into(), Layout::Mixed(Box::new(statement)), filled)
    }

    /// The statement that writes columns of rows like this one, and what it answers of each.
    pub(super) fn update_statement(
        &self,
        row: Place,
        written: Vec<usize>,
        versioned: bool,
    ) -> (Arc<StatementShape>, Layout, Vec<usize>) {
        let meta = self.tracker.arena(row.arena).meta();
        let expressions = self.expressions(row);
        let mut filled: Vec<usize> = expressions.iter().map(|(column, _)| usize::from(*column)).collect();
        filled.extend(meta.generated);
        let returning: &[usize] = if self.dialect.returning { &filled } else { &[] };
        if expressions.is_empty() {
            let shape = meta.update_columns(self.dialect, &written, versioned, returning);
            return (shape, Layout::Plain(written), filled);
        }
        let writes = writes(&written, expressions);
        let statement = shapes::update_row(meta, self.dialect, &writes, versioned, returning);
        (statement.shape.clone().into(), Layout::Mixed(Box::new(statement)), filled)
    }

    /// Adds the values of one row.
    pub(super) fn encode(&mut self, row: Place, layout: &Layout) {
        let arena = self.tracker.arena(row.arena);
        let input = &mut self.plan.program.input;
        match layout {
            Layout::Plain(columns) => arena.encode_rows(&[row], columns, input),
            Layout::Mixed(statement) => {
                for parameter in &statement.parameters {
                    match parameter.bound {
                        Some(at) => input.value_ref(statement.bound.value(at)),
                        None => arena.encode(row.slot, parameter.column, input),
                    }
                }
            }
        }
    }

    /// Adds the values of several rows, one after the other.
    pub(super) fn encode_rows(&mut self, rows: &[Place], layout: &Layout) {
        let input = &mut self.plan.program.input;
        match layout {
            Layout::Plain(columns) => self.tracker.arena(rows[0].arena).encode_rows(rows, columns, input),
            Layout::Mixed(_) => rows.iter().for_each(|&row| self.encode(row, layout)),
        }
    }

    /// A version that is a time and not set: the row is made now.
    pub(super) fn stamp(&mut self, meta: &EntityMeta, start: usize, layout: &Layout) {
        let (VersionKind::Timestamp, Some(version)) = (meta.version_kind, meta.version) else { return };
        if let Some(cell) = layout.place_of(version).map(|place| start + place)
            && self.plan.program.input.value(cell) == ValueRef::Int(0)
        {
            self.plan.program.input.set(cell, Cell::Int(self.plan.now));
        }
    }

    /// Ends a step whose rows the database fills columns of. Where it cannot answer them at once, a SELECT follows.
    pub(super) fn end_filled_step(
        &mut self,
        step: u16,
        origin: Origin,
        rows: Vec<Place>,
        filled: Vec<usize>,
        layout: &Layout,
    ) -> Result<()> {
        let with_key = matches!(origin, Origin::Insert { generated: true, .. });
        self.end_step(rows.len(), origin);
        if let Layout::Mixed(statement) = layout {
            let columns = statement.parameters.iter().map(|parameter| parameter.column).collect();
            self.plan.parameters.insert(step, columns);
        }
        if filled.is_empty() {
            return Ok(());
        }
        let expressions = self.sent(rows[0]);
        if self.dialect.returning {
            self.plan.read_backs.push(ReadBack { step, rows, columns: filled, with_key, expressions });
            return Ok(());
        }
        let meta = self.tracker.arena(rows[0].arena).meta();
        let shape = shapes::select_columns(meta, self.dialect, &filled);
        let read = self.begin_step(shape, Expect::OnePerRow)?;
        for (at, &row) in rows.iter().enumerate() {
            match with_key {
                true => self.plan.program.input.push(Cell::From { step, column: 0, row: at as u32 }),
                false => self.value_key(row),
            }
        }
        self.end_step(rows.len(), Origin::ReadBack { rows: rows.clone() });
        let with_key = false;
        self.plan.read_backs.push(ReadBack { step: read, rows, columns: filled, with_key, expressions });
        Ok(())
    }

    fn sent(&self, row: Place) -> Vec<Sent> {
        let arena = self.tracker.arena(row.arena);
        let seen = |node: &Node| {
            let named = node.own_columns(arena.meta()).into_iter();
            named.map(|column| (column, row_value_at(arena, row.slot, column))).collect()
        };
        let sent =
            |(column, node): &(u16, Node)| Sent { column: *column, node: node.clone(), seen: seen(node) };
        self.expressions(row).iter().map(sent).collect()
    }

    fn expressions(&self, row: Place) -> &[(u16, Node)] {
        let expressed = &self.collected.expressed;
        if expressed.is_empty() {
            return &[];
        }
        expressed.get(&row).map_or(&[], Vec::as_slice)
    }
}

fn writes<'a>(written: &[usize], expressions: &'a [(u16, Node)]) -> Vec<(usize, Write<'a>)> {
    let write = |column: usize| match expressions.iter().find(|(own, _)| usize::from(*own) == column) {
        Some((_, node)) => Write::Expression(node),
        None => Write::Value,
    };
    written.iter().map(|&column| (column, write(column))).collect()
}

/// Takes what the steps of a flush answer of their rows.
#[derive(Debug, Default)]
pub(crate) struct Returned {
    /// For each step, how many columns of a row are wanted. Empty where no step answers rows.
    widths: Vec<u16>,
    /// Where the values of a step begin: steps answer one after the other.
    starts: Vec<(u16, usize)>,
    values: Cells,
}

impl Returned {
    pub(super) fn new(steps: usize, read_backs: &[ReadBack]) -> Self {
        let mut widths = vec![0; if read_backs.is_empty() { 0 } else { steps }];
        for read_back in read_backs {
            widths[usize::from(read_back.step)] =
                read_back.columns.len() as u16 + u16::from(read_back.with_key);
        }
        Self { widths, ..Self::default() }
    }

    /// A value of a row of a step. NULL where there is none.
    pub(crate) fn value(&self, step: u16, row: usize, column: usize) -> ValueRef<'_> {
        let Some(&(_, start)) = self.starts.iter().find(|(own, _)| *own == step) else {
            return ValueRef::Null;
        };
        let at = start + row * usize::from(self.widths[usize::from(step)]) + column;
        if at < self.values.len() { self.values.value(at) } else { ValueRef::Null }
    }
}

impl Sink for Returned {
    fn row(&mut self, step: u16, row: &Row<'_>) -> Result<(), ColumnError> {
        let width = self.widths.get(usize::from(step)).copied().unwrap_or_default();
        if width > 0 && self.starts.last().is_none_or(|(last, _)| *last != step) {
            self.starts.push((step, self.values.len()));
        }
        for column in 0..usize::from(width) {
            self.values.value_ref(row.value(column)?);
        }
        Ok(())
    }
}
