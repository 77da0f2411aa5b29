//! SQL expressions that columns were set to, until a flush sends them.
//!
//! The field shows its old value meanwhile. A later write to it wins: a stored row tells one by its image, a new one by
//! the value that the field had when the expression was set.

use std::collections::HashMap;

use orm_core::Value;
use orm_core::expr::Node;
use orm_core::handle::RawHandle;

use super::{Place, Tracker};
use crate::arena::Arena;
use crate::state::State;

/// The expressions of all rows, by row.
pub(crate) type Expressions = HashMap<Place, Vec<Expression>, foldhash::fast::RandomState>;

/// One column of one row.
#[derive(Clone, Debug)]
pub(crate) struct Expression {
    /// The row's entity, to know it from a later tenant of its slot.
    handle: RawHandle,
    pub(crate) column: usize,
    pub(crate) node: Node,
    /// What the field of a new row showed.
    shown: Value,
}

impl Tracker {
    /// Sets a column to an expression, in place of what was written to it.
    pub(crate) fn set_expression(&mut self, place: Place, column: usize, node: Node) {
        let handle = self.handle(place);
        let arena = self.arena_mut(place.arena);
        arena.touch(place.slot);
        let before = row_value_at(arena, place.slot, column);
        if arena.state(place.slot) != State::Pending {
            arena.assign(place.slot, column, before.borrowed());
        }
        let expressions = self.expressions.entry(place).or_default();
        expressions.retain(|known| known.handle == handle && known.column != column);
        expressions.push(Expression { handle, column, node, shown: before });
    }

    /// A plain value for a column: whatever expression it was set to is gone.
    pub(crate) fn set_value(&mut self, place: Place, column: usize, value: &Value) {
        if let Some(expressions) = self.expressions.get_mut(&place) {
            expressions.retain(|known| known.column != column);
        }
        let arena = self.arena_mut(place.arena);
        arena.touch(place.slot);
        arena.assign(place.slot, column, value.borrowed());
    }

    /// The expressions of a row that no later write has replaced, by column. A row has few.
    pub(crate) fn expressions_of(&self, place: Place) -> Vec<(u16, Node)> {
        let Some(known) = self.expressions.get(&place) else { return Vec::new() };
        let arena = self.arena(place.arena);
        let holds = |known: &&Expression| {
            if arena.slot(known.handle).is_none() {
                return false;
            }
            let now = value_at(arena, place.slot, known.column);
            match arena.state(place.slot) {
                State::Pending => now == known.shown,
                State::Persistent => now == row_value_at(arena, place.slot, known.column),
                _ => false,
            }
        };
        let mut found: Vec<(u16, Node)> =
            known.iter().filter(holds).map(|known| (known.column as u16, known.node.clone())).collect();
        found.sort_unstable_by_key(|(column, _)| *column);
        found
    }

    /// Whether any row has some.
    pub(crate) fn has_expressions(&self) -> bool {
        !self.expressions.is_empty()
    }

    /// All of them, for a plan that is sent.
    pub(crate) fn take_expressions(&mut self) -> Expressions {
        std::mem::take(&mut self.expressions)
    }

    /// Those of a plan whose work is pending again, but for columns that were set again since.
    pub(crate) fn return_expressions(&mut self, expressions: Expressions) {
        for (place, mut older) in expressions {
            let newer = self.expressions.entry(place).or_default();
            older.retain(|older| !newer.iter().any(|newer| newer.column == older.column));
            newer.append(&mut older);
        }
    }

    /// The row was read, or copied onto: what was set is gone.
    pub(crate) fn drop_expressions(&mut self, place: Place) {
        if !self.expressions.is_empty() {
            self.expressions.remove(&place);
        }
    }
}

/// A column of a value.
pub(crate) fn value_at(arena: &Arena, slot: u32, column: usize) -> Value {
    let mut cells = orm_core::Cells::default();
    arena.encode(slot, column, &mut cells);
    cells.value(0).to_value()
}

/// A column of a row, as the transaction has it.
pub(crate) fn row_value_at(arena: &Arena, slot: u32, column: usize) -> Value {
    let mut cells = orm_core::Cells::default();
    arena.encode_row(slot, column, &mut cells);
    cells.value(0).to_value()
}
