//! Statements by criteria, and what they do to the entities that the session tracks.

use std::panic::Location;

use orm_core::program::{Discard, Program};
use orm_core::stmt::Criteria;
use orm_core::{Cell, Reads, Result, Statement, shapes};

use super::Session;
use crate::arena::{Part, Parts};
use crate::tracker::Place;
use crate::unit_of_work::FlushPlan;

impl Session {
    /// Flushes, runs a statement in the session's transaction, and lets what is tracked follow.
    pub(super) async fn execute_statement(
        &mut self,
        statement: Statement,
        location: &'static Location<'static>,
    ) -> Result<u64> {
        self.ready().await?;
        self.autoflush(&Reads::Any, location).await?;
        match statement.criteria().filter(|criteria| self.tracker.knows(criteria.entity)) {
            Some(criteria) => self.execute_criteria(criteria, location).await,
            None => {
                let compiled = statement.compile(self.engine.dialect())?;
                let program = Program::single(compiled.shape, compiled.input);
                let (outcome, _) = self.run(program, Discard, location).await?;
                Ok(outcome.affected.first().copied().unwrap_or_default())
            }
        }
    }

    /// The statement answers the keys of the rows it affects; an update is followed by a read of those rows, in the same
    /// hop.
    async fn execute_criteria(
        &mut self,
        criteria: Criteria,
        location: &'static Location<'static>,
    ) -> Result<u64> {
        let Criteria { entity, statement, deletes } = criteria;
        let dialect = self.engine.dialect();
        let compiled = statement.compile(dialect)?;
        let mut program = Program::single(compiled.shape, compiled.input);
        let index = self.tracker.ensure(entity);
        let arena = self.tracker.arena(index);
        let mut parts: Vec<Vec<Box<dyn Part>>> = vec![vec![arena.keys_part(0)]];
        if !deletes {
            let keys = Cell::List { step: 0, column: 0, width: entity.key.len() as u16 };
            program.add(shapes::select_by_keys(entity, dialect).into(), |input| input.push(keys));
            parts.push(vec![arena.rows_part()]);
        }
        let (_, Parts(parts)) = self.run(program, Parts(parts), location).await?;
        let mut parts = parts.into_iter().flatten();
        let Some(keys) = parts.next() else { return Ok(0) };
        let slots = self.tracker.arena(index).find_part(keys.into_any());
        let affected = slots.len() as u64;
        let layer = self.nesting.depth();
        match parts.next() {
            Some(rows) => self.tracker.arena_mut(index).follow_update(rows.into_any(), layer),
            None => {
                let gone = slots.into_iter().flatten().map(|slot| Place { arena: index, slot }).collect();
                FlushPlan::of_deletes(&self.tracker, gone).settle_deleted(&mut self.tracker, layer);
            }
        }
        Ok(affected)
    }
}
