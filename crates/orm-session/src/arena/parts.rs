//! What collects the rows of a program that reads, before an arena takes them in.

use std::any::Any;

use orm_core::Sink;
use orm_core::entity::{EntityMeta, Key};
use orm_core::row::{ColumnError, Row};
use orm_core::value::ValueRef;

use super::values::AnyValues;

/// Collects something of each row of a step, on the worker.
pub(crate) trait Part: Send {
    fn row(&mut self, row: &Row<'_>) -> Result<(), ColumnError>;
    /// Forgets the rows so far.
    fn clear(&mut self);
    fn into_any(self: Box<Self>) -> Box<dyn Any>;
}

/// Rows of an entity, as a list that an arena without values takes as it is.
pub(super) struct Rows {
    pub(super) meta: &'static EntityMeta,
    pub(super) list: Box<dyn AnyValues>,
    /// The column at which they begin in other rows, where all may be NULL: no row.
    pub(super) joined_at: Option<usize>,
}

impl Part for Rows {
    fn row(&mut self, row: &Row<'_>) -> Result<(), ColumnError> {
        let Some(at) = self.joined_at else {
            return self.list.decode(row).map_err(|error| error.of_row(self.meta, row));
        };
        if row.value(at + self.meta.key[0])? == ValueRef::Null {
            return Ok(());
        }
        let row = row.shifted(at);
        self.list.decode(&row).map_err(|error| error.of_row(self.meta, &row))
    }

    fn clear(&mut self) {
        self.list.clear();
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any> {
        Box::new(self.list)
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
