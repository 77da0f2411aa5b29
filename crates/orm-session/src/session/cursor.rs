//! Entities chunk by chunk, in a loop whose body uses the session.
//!
//! ```text
//! first call    SELECT id FROM users WHERE .. ORDER BY ..          all keys, in order
//! each chunk    SELECT .. FROM users WHERE id IN (64 to 1,024)     the rows, and the relations to load
//! ```
//!
//! So no statement stays open between two calls, and the one connection of a transaction is free for the body.

use std::collections::HashSet;
use std::fmt;
use std::num::NonZeroU32;
use std::panic::Location;

use orm_core::entity::{Entity, Key};
use orm_core::program::Program;
use orm_core::query::{Graph, Query, Whole};
use orm_core::row::{ColumnError, Row};
use orm_core::{Error, Handle, Reads, Result, Sink, Statement, shapes};
use orm_exec::Operation;

use super::query::Rows;
use super::{Session, left};
use crate::arena::Adopt;
use crate::load::LoadPlan;
use crate::query::Track;
use crate::state::State;
use crate::tracker::Place;

/// Rows in the first chunk.
const FIRST: usize = 64;

/// Rows in a chunk at most.
const MOST: usize = 1_024;

/// Shapes whose rows are whole entities.
#[diagnostic::on_unimplemented(
    message = "a cursor is for whole entities, which have a key",
    label = "selects values",
    note = "read plain values with `session.all(..)`, or with `engine.stream(..)` where they are many"
)]
pub trait Entities: Track<Tracked = Handle<Self::Entity>> {
    /// The entity.
    type Entity: Entity;
}

impl<E: Entity> Entities for Whole<E> {
    type Entity = E;
}

impl<E: Entity> Entities for Graph<E> {
    type Entity = E;
}

/// The entities of a query, one by one, in a loop that may do anything else with the session. Made by
/// [`Session::cursor`].
///
/// The first call reads the keys of all rows, in the order of the query; rows follow in chunks that grow from 64 to 1,024,
/// each by its key. Between two calls nothing is open: the body of the loop may change, flush, query, commit and roll back.
///
/// - Which rows, and in which order, is decided by the first call. A row inserted later is not among them.
/// - A row is as it is when its chunk is read: changed since, it comes changed; deleted since, or left out by a default
///   filter by then, it is skipped. For one state of the whole loop, `begin` a transaction before.
/// - What the session has already is never overwritten, as in every query, unless it says `populate_existing()`.
/// - A row that a join finds several times comes several times, as from [`all`](Session::all).
///
/// Handles stay tracked. In a long loop, [`clear`](Session::clear) the session now and then, after a commit: the cursor
/// reads what it needs again, and memory stays at the keys (8 bytes for each `i64`) and one chunk. For reading alone,
/// `engine.stream(..)` is flatter.
///
/// # Example
/// ```
/// # use orm_blog::*;
/// # run(async |engine| {
/// use anyorm::prelude::*;
///
/// let mut session = engine.session();
/// let mut users = session.cursor(User::select().order_by(User::ID).with(User::POSTS));
/// while let Some(user) = users.next(&mut session).await? {
///     let posts = session[user].posts.len() as i32;
///     session[user].age = Some(posts);
///     session.commit().await?; // or flush, or ask something else
/// }
/// let ages = User::select().columns(User::AGE).order_by(User::ID);
/// assert_eq!(engine.all(ages).await?, [Some(2), Some(0)]);
/// # Ok(()) });
/// ```
#[must_use = "nothing is read until `next` is awaited"]
pub struct Cursor<E: Entity> {
    session: NonZeroU32,
    query: Result<Statement>,
    /// The keys of all rows, once they are known.
    keys: Option<Vec<E::Key>>,
    /// The next one to come.
    next: usize,
    /// The chunk: its first key, and the rows that were there.
    start: usize,
    chunk: Vec<Option<Handle<E>>>,
    /// Rows of the next chunk.
    size: usize,
}

impl<E: Entity> Cursor<E> {
    /// The next entity, or `None` after the last one.
    ///
    /// Dropped: nothing is lost; the next call goes on. An autoflush that was sent runs on.
    ///
    /// # Errors
    /// As [`Session::all`]; the next call tries again. If the session is not the one that made the cursor.
    #[track_caller]
    pub fn next<'c>(&'c mut self, session: &'c mut Session) -> Operation<'c, Option<Handle<E>>> {
        let location = Location::caller();
        Operation::named(
            "cursor.next",
            left::NO_ROW_LOST,
            async move { self.advance(session, location).await },
        )
    }

    async fn advance(
        &mut self,
        session: &mut Session,
        location: &'static Location<'static>,
    ) -> Result<Option<Handle<E>>> {
        if session.id() != self.session {
            return Err(Error::build(format!(
                "this cursor over {} belongs to another session: give `next` the session that made it",
                E::meta().name
            )));
        }
        let keys = match &self.keys {
            Some(keys) => keys.len(),
            None => self.read_keys(session, location).await?,
        };
        loop {
            if let Some(entity) = self.in_chunk(session) {
                return Ok(Some(entity));
            }
            if self.next == keys {
                return Ok(None);
            }
            self.read_chunk(session, location).await?;
        }
    }

    /// The next entity of the chunk, as far as the session still has it.
    fn in_chunk(&mut self, session: &Session) -> Option<Handle<E>> {
        while let Some(&found) = self.chunk.get(self.next - self.start) {
            let Some(handle) = found else {
                self.next += 1;
                continue;
            };
            if session.peek(handle).is_none() {
                // Cleared, detached, rolled back: the rest is read again, in chunks of what the body takes at a time.
                self.size = (self.next - self.start).clamp(1, MOST);
                self.chunk.truncate(self.next - self.start);
                return None;
            }
            self.next += 1;
            if session.is_live(handle) {
                return Some(handle);
            }
        }
        if self.chunk.len() >= self.size {
            self.size = MOST.min(2 * self.size);
        }
        None
    }

    async fn read_keys(
        &mut self,
        session: &mut Session,
        location: &'static Location<'static>,
    ) -> Result<usize> {
        session.ready().await?;
        let query = self.query.clone()?.filtered(session.filters())?;
        let (keys, at) = query.clone().into_keys(E::meta())?;
        let compiled = keys.compile(session.engine.dialect())?;
        if !compiled.shape.reads_only {
            return Err(Error::build(format!(
                "a cursor only reads, and this may write: use `all` for the rows that it answers\n  in: {}",
                compiled.shape.sql
            )));
        }
        if !query.populates_existing() {
            session.autoflush(&query.reads(), location).await?;
        }
        let sink = Keys::<E> { keys: Vec::new(), at };
        let program = Program::single(compiled.shape, compiled.input);
        let (_, Keys { mut keys, .. }) = session.run(program, sink, location).await?;
        keys.shrink_to_fit();
        let count = keys.len();
        (self.query, self.keys) = (Ok(query), Some(keys));
        Ok(count)
    }

    async fn read_chunk(
        &mut self,
        session: &mut Session,
        location: &'static Location<'static>,
    ) -> Result<()> {
        let (Some(keys), query) = (&self.keys, self.query.as_ref().map_err(Error::clone)?) else {
            return Ok(());
        };
        let (start, end) = (self.next, keys.len().min(self.next + self.size));
        let chunk = session.read_by_keys::<E>(query, &keys[start..end], location).await?;
        (self.start, self.chunk) = (start, chunk);
        Ok(())
    }
}

impl<E: Entity> fmt::Debug for Cursor<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cursor")
            .field("entity", &E::meta().name)
            .field("next", &self.next)
            .field("rows", &self.keys.as_ref().map(Vec::len))
            .finish_non_exhaustive()
    }
}

impl Session {
    /// The entities of a query one by one, for a loop whose body uses the session. Does no I/O.
    ///
    /// See [`Cursor`] for what is read when.
    ///
    /// # Example
    /// ```
    /// # use orm_blog::*;
    /// # run(async |engine| {
    /// use anyorm::prelude::*;
    ///
    /// let mut session = engine.session();
    /// let mut posts = session.cursor(Post::select().order_by(Post::TITLE));
    /// while let Some(post) = posts.next(&mut session).await? {
    ///     session[post].title.make_ascii_uppercase();
    /// }
    /// session.commit().await?;
    /// assert!(engine.exists(Post::select().filter(Post::TITLE.eq("LETTERS"))).await?);
    /// # Ok(()) });
    /// ```
    ///
    /// Values have no key, so a query for them does not compile:
    /// ```compile_fail,E0277
    /// # use orm_blog::*;
    /// # use anyorm::prelude::*;
    /// # fn f(session: &mut Session) {
    /// let _ = session.cursor(User::select().columns(User::NAME));
    /// # }
    /// ```
    pub fn cursor<Q>(&self, query: Q) -> Cursor<<Q::Shape as Entities>::Entity>
    where
        Q: Query<Shape: Entities>,
    {
        Cursor {
            session: self.id(),
            query: query.statement(),
            keys: None,
            next: 0,
            start: 0,
            chunk: Vec::new(),
            size: FIRST,
        }
    }

    /// The entities of some keys, each `None` where there is no row: with the relations of a query, and as far as the
    /// default filters let them through.
    async fn read_by_keys<E: Entity>(
        &mut self,
        query: &Statement,
        keys: &[E::Key],
        location: &'static Location<'static>,
    ) -> Result<Vec<Option<Handle<E>>>> {
        self.ready().await?;
        let (meta, overwrite, loads) = (E::meta(), query.populates_existing(), query.loads().apart());
        let dialect = self.engine.dialect();
        let conditions = if query.takes_filters() { self.filters().of(meta) } else { &[] };
        let (shape, values) = shapes::select_by_keys_and(meta, dialect, conditions);
        let mut program = Program::default();
        program.add(shape.with_list(keys.len(), dialect).into(), |input| {
            input.append(&values);
            keys.iter().for_each(|key| key.encode(input));
        });
        let plan = LoadPlan::new(&loads, &mut program, &self.tracker, dialect)?;
        if !overwrite && !plan.is_empty() {
            // Of the entities themselves, those with changes keep them; members may have come and gone.
            let mut tables = Vec::new();
            loads.nodes().iter().for_each(|load| load.leg.reads(&mut tables));
            self.autoflush(&Reads::Tables(tables), location).await?;
        }
        let sink = Rows::<Whole<E>>::new(0, plan.parts(&mut self.tracker));
        let (_, sink) = self.run_chunk(program, sink, location).await?;
        let (rows, parts) = sink.into_parts();
        let tracked = self.adopt_all::<Whole<E>>(rows, overwrite).await;
        let slots = <Graph<E> as Track>::slots(tracked.iter());
        let found: HashSet<u32> = slots.iter().copied().collect();
        if !plan.is_empty() {
            let how = Adopt { over: overwrite, ..self.as_read() };
            plan.adopt(&mut self.tracker, parts, slots, how);
        }
        let arena = self.tracker.make::<E>();
        let slots: Vec<Option<u32>> = keys.iter().map(|key| arena.find(key)).collect();
        let known = |slot: Option<u32>| slot.filter(|slot| found.contains(slot));
        Ok(slots.into_iter().map(|slot| known(slot).map(|slot| self.handle_of(slot))).collect())
    }

    fn is_live<E: Entity>(&self, handle: Handle<E>) -> bool {
        let place = Place { arena: E::meta().index.get() as u32, slot: handle.raw().slot };
        let state: State = self.tracker.state(place);
        state.is_live()
    }
}

/// Collects keys.
struct Keys<E: Entity> {
    keys: Vec<E::Key>,
    /// The column at which they begin.
    at: usize,
}

impl<E: Entity> Unpin for Keys<E> {}

impl<E: Entity> Sink for Keys<E> {
    fn row(&mut self, _step: u16, row: &Row<'_>) -> Result<(), ColumnError> {
        let key = <E::Key as Key>::decode(row, self.at).map_err(|error| error.of(E::meta().name))?;
        self.keys.push(key);
        Ok(())
    }
}
