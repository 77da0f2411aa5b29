//! What the database gave to the rows of a flush, for `recover`: the rows are as they were before, and what the database
//! computed is to be computed again.

use std::collections::HashMap;

use orm_core::Value;
use orm_core::expr::Node;
use orm_core::handle::RawHandle;

use super::expressions::{row_value_at, value_at};
use super::{Place, Tracker};
use crate::state::State;

/// One column of one row that a flush read back.
#[derive(Clone, Debug)]
pub(crate) struct Filled {
    pub(crate) place: Place,
    pub(crate) handle: RawHandle,
    pub(crate) column: usize,
    /// What the field had before, and what the database gave.
    pub(crate) before: Value,
    pub(crate) after: Value,
    /// The expression, if it was set to one.
    pub(crate) expression: Option<Node>,
    /// The columns that the expression names, as the row had them then.
    pub(crate) seen: Vec<(usize, Value)>,
}

/// An expression that is to be sent again.
struct Again {
    filled: Filled,
    /// What the field had before the first of the flushes.
    first: Value,
}

impl Tracker {
    /// Takes back what flushes had filled, from the first to the last.
    pub(super) fn recover_filled(&mut self, filled: Vec<Filled>) {
        let mut again: HashMap<(Place, usize), Again> = HashMap::new();
        let mut order = Vec::new();
        for mut filled in filled {
            let Place { arena, slot } = filled.place;
            let state = self.state(filled.place);
            let alive = self.arena(arena).slot(filled.handle).is_some()
                && matches!(state, State::Pending | State::Persistent);
            if !alive {
                continue;
            }
            let key = (filled.place, filled.column);
            match filled.expression.take() {
                Some(node) => {
                    filled.expression = Some(self.as_of_now(&filled, node, &again));
                    let first = again.remove(&key).map_or_else(|| filled.before.clone(), |again| again.first);
                    order.push(key);
                    again.insert(key, Again { filled, first });
                }
                None if state == State::Pending
                    && value_at(self.arena(arena), slot, key.1) == filled.after =>
                {
                    self.arena_mut(arena).assign(slot, key.1, filled.before.borrowed());
                }
                None => {}
            }
        }
        for key in order {
            let Some(Again { filled, first }) = again.remove(&key) else { continue };
            let Place { arena, slot } = filled.place;
            // A later write to the field has won.
            if value_at(self.arena(arena), slot, filled.column) != filled.after {
                continue;
            }
            if self.state(filled.place) == State::Pending {
                self.arena_mut(arena).assign(slot, filled.column, first.borrowed());
            }
            if let Some(node) = filled.expression {
                self.set_expression(filled.place, filled.column, node);
            }
        }
    }

    /// An expression as it has to read for the row as it is now: columns that an earlier flush had changed are what that
    /// flush had made of them.
    fn as_of_now(&self, filled: &Filled, mut node: Node, again: &HashMap<(Place, usize), Again>) -> Node {
        let arena = self.arena(filled.place.arena);
        let is_new = self.state(filled.place) == State::Pending;
        node.substitute(arena.meta(), &|column| {
            let (_, seen) = filled.seen.iter().find(|(own, _)| *own == column)?;
            if let Some(earlier) = again.get(&(filled.place, column))
                && earlier.filled.after == *seen
            {
                return earlier.filled.expression.clone();
            }
            let unchanged = !is_new && row_value_at(arena, filled.place.slot, column) == *seen;
            (!unchanged).then(|| Node::of_value(seen.clone()))
        });
        node
    }
}
