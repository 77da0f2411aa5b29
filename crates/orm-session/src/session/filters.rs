//! The default filters of a factory, where a session asks for the row of a key.

use orm_core::entity::{Entity, Key};
use orm_core::program::Program;
use orm_core::stmt::Filters;
use orm_core::{Cells, Reads, Result, shapes};

use super::Session;

impl Session {
    /// The conditions that stand in each statement of this session.
    pub(super) fn filters(&self) -> &Filters {
        &self.options().filters
    }

    /// The query for the row of a key, if the filters let it through.
    pub(super) fn row_of_key<E: Entity>(&self, key: &E::Key, locked: bool) -> Result<Program> {
        let (meta, dialect, filters) = (E::meta(), self.engine.dialect(), self.filters());
        filters.check()?;
        let mut input = Cells::default();
        key.encode(&mut input);
        let shape = match (filters.of(meta), locked) {
            ([], false) => return Ok(Program::single(meta.select_by_key(dialect), input)),
            ([], true) => shapes::lock_by_key(meta, dialect),
            (conditions, _) => {
                let (shape, values) = shapes::select_by_key_and(meta, dialect, conditions, locked);
                input.append(&values);
                shape
            }
        };
        Ok(Program::single(shape.into(), input))
    }

    /// The tables that this query reads.
    pub(super) fn reads_of_key<E: Entity>(&self) -> Reads {
        Reads::Tables(self.filters().reads(E::meta()))
    }
}
