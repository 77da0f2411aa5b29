//! Statements by criteria, and what they do to the entities that the session tracks.

use std::panic::Location;
use std::sync::Arc;

use orm_core::program::{Discard, Program};
use orm_core::query::Shape;
use orm_core::row::{ColumnError, Row};
use orm_core::stmt::Criteria;
use orm_core::{Cell, Entity, Reads, Result, Sink, Statement, bulk, shapes};
use orm_exec::Operation;

use super::{Session, left};
use crate::arena::{Part, Parts};
use crate::query::Track;
use crate::tracker::Place;
use crate::unit_of_work::FlushPlan;

impl Session {
    /// Inserts plain values in their order, in the session's transaction, without tracking them: one prepared statement,
    /// one hop, no keys are read back. What is pending is flushed before. Answers how many; all or none are stored.
    ///
    /// Dropped before it was sent: nothing happened, but for the flush. Dropped later: it runs on in the transaction.
    ///
    /// # Errors
    /// [`Error::Constraint`](orm_core::Error::Constraint) if a constraint is violated: the transaction is as it was
    /// before. An error for a value whose link leads to an entity that has no key yet.
    ///
    /// # Example
    /// ```
    /// # use orm_blog::*;
    /// # run(async |engine| {
    /// use anyorm::prelude::*;
    ///
    /// let mut session = engine.session();
    /// let posts = ["One", "Two"].map(|title| Post { title: title.into(), author: BelongsTo::to_key(2), ..Default::default() });
    /// assert_eq!(session.insert_many(posts).await?, 2);
    /// session.commit().await?;
    /// assert_eq!(engine.count(Post::select().filter(Post::AUTHOR_ID.eq(2))).await?, 2);
    /// # Ok(()) });
    /// ```
    #[track_caller]
    pub fn insert_many<E: Entity>(&mut self, values: impl IntoIterator<Item = E>) -> Operation<'_, u64> {
        let location = Location::caller();
        let program = bulk::insert(values, self.engine.dialect());
        Operation::named("session.insert_many", left::TAKEN_OVER, async move {
            let program = program?;
            self.ready().await?;
            self.autoflush(&Reads::Any, location).await?;
            if program.steps.is_empty() {
                return Ok(0);
            }
            let (outcome, _) = self.run(program.guarded(), Discard, location).await?;
            Ok(outcome.affected.iter().sum())
        })
    }

    /// Flushes, runs a statement in the session's transaction, and lets what is tracked follow.
    pub(super) async fn execute_statement(
        &mut self,
        statement: Statement,
        location: &'static Location<'static>,
    ) -> Result<u64> {
        self.ready().await?;
        let statement = statement.filtered(self.filters())?;
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

    async fn execute_criteria(
        &mut self,
        criteria: Criteria,
        location: &'static Location<'static>,
    ) -> Result<u64> {
        let (program, parts) = self.answering_keys(&criteria)?;
        let (_, parts) = self.run(program, parts, location).await?;
        Ok(self.follow_criteria(&criteria, parts))
    }

    /// An update or delete whose RETURNING the caller wants.
    pub(super) async fn read_criteria<S: Track>(
        &mut self,
        criteria: Criteria,
        overwrite: bool,
        location: &'static Location<'static>,
    ) -> Result<(Vec<S::Tracked>, Arc<str>)> {
        let (program, parts) = self.answering_keys(&criteria)?;
        let sql = Arc::clone(&program.steps[0].shape.sql);
        let sink = Returned::<S> { rows: Vec::new(), width: usize::from(criteria.keys_at), parts };
        let (_, Returned { rows, parts, .. }) = self.run(program, sink, location).await?;
        let tracked = self.adopt_all::<S>(rows, overwrite).await;
        self.follow_criteria(&criteria, parts);
        Ok((tracked, sql))
    }

    /// The statement answers the keys of the rows it affects; an update is followed by a read of those rows, in the same
    /// hop.
    fn answering_keys(&mut self, criteria: &Criteria) -> Result<(Program, Parts)> {
        let Criteria { entity, statement, keys_at, deletes } = criteria;
        let dialect = self.engine.dialect();
        let compiled = statement.compile(dialect)?;
        let mut program = Program::single(compiled.shape, compiled.input);
        let index = self.tracker.ensure(entity);
        let arena = self.tracker.arena(index);
        let mut parts: Vec<Vec<Box<dyn Part>>> = vec![vec![arena.keys_part(usize::from(*keys_at))]];
        if !deletes {
            let keys = Cell::List { step: 0, column: *keys_at, width: entity.key.len() as u16 };
            program.add(shapes::select_by_keys(entity, dialect).into(), |input| input.push(keys));
            parts.push(vec![arena.rows_part()]);
        }
        Ok((program, Parts(parts)))
    }

    /// Lets what is tracked follow. Answers how many rows were affected.
    fn follow_criteria(&mut self, criteria: &Criteria, Parts(parts): Parts) -> u64 {
        let index = self.tracker.ensure(criteria.entity);
        let mut parts = parts.into_iter().flatten();
        let Some(keys) = parts.next() else { return 0 };
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
        affected
    }
}

/// What a statement by criteria returns: the caller's rows, and the keys for the session.
struct Returned<S: Shape> {
    rows: Vec<S::Plain>,
    /// How many columns of a row are the caller's: the keys follow.
    width: usize,
    parts: Parts,
}

impl<S: Shape> Unpin for Returned<S> {}

impl<S: Shape> Sink for Returned<S> {
    fn row(&mut self, step: u16, row: &Row<'_>) -> Result<(), ColumnError> {
        if step == 0 {
            self.rows.push(S::decode(&row.narrowed(self.width))?);
        }
        self.parts.row(step, row)
    }
}
