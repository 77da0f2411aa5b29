//! What collects the rows of a program that reads, before an arena takes them in.

use std::any::Any;

use orm_core::Sink;
use orm_core::entity::{Entity, Key};
use orm_core::row::{ColumnError, Row};
use orm_core::value::ValueRef;

use super::Slot;
use crate::state::State;

/// Collects something of each row of a step, on the worker.
pub(crate) trait Part: Send {
    fn row(&mut self, row: &Row<'_>) -> Result<(), ColumnError>;
    /// Forgets the rows so far.
    fn clear(&mut self);
    fn into_any(self: Box<Self>) -> Box<dyn Any>;
}

/// As slots, which an arena that has none yet takes as they are.
pub(super) struct Rows<E>(pub(super) Vec<Slot<E>>);

impl<E: Entity> Part for Rows<E> {
    fn row(&mut self, row: &Row<'_>) -> Result<(), ColumnError> {
        let row = E::decode(row).map_err(|error| error.of_row(E::meta(), row))?;
        self.0.push(Slot::new(row, State::Persistent));
        Ok(())
    }

    fn clear(&mut self) {
        self.0.clear();
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any> {
        Box::new(self.0)
    }
}

pub(super) struct Joined<E> {
    pub(super) at: usize,
    pub(super) rows: Vec<Slot<E>>,
}

impl<E: Entity> Part for Joined<E> {
    fn row(&mut self, row: &Row<'_>) -> Result<(), ColumnError> {
        if row.value(self.at + E::meta().key[0])? != ValueRef::Null {
            let row = row.shifted(self.at);
            let row = E::decode(&row).map_err(|error| error.of_row(E::meta(), &row))?;
            self.rows.push(Slot::new(row, State::Persistent));
        }
        Ok(())
    }

    fn clear(&mut self) {
        self.rows.clear();
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any> {
        Box::new(self.rows)
    }
}

pub(super) struct Keys<K> {
    pub(super) at: usize,
    pub(super) keys: Vec<K>,
}

impl<K: Key> Part for Keys<K> {
    fn row(&mut self, row: &Row<'_>) -> Result<(), ColumnError> {
        self.keys.push(K::decode(row, self.at)?);
        Ok(())
    }

    fn clear(&mut self) {
        self.keys.clear();
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any> {
        Box::new(self.keys)
    }
}

/// The parts of a program that reads: for each step, who collects its rows.
pub(crate) struct Parts(pub(crate) Vec<Vec<Box<dyn Part>>>);

impl Sink for Parts {
    fn row(&mut self, step: u16, row: &Row<'_>) -> Result<(), ColumnError> {
        for part in &mut self.0[step as usize] {
            part.row(row)?;
        }
        Ok(())
    }

    fn restart(&mut self) -> bool {
        self.0.iter_mut().flatten().for_each(|part| part.clear());
        true
    }
}
