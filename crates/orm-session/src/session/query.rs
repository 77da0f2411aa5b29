//! Reading through a session: autoflush, the query's own hop, rows into handles.

use std::panic::Location;

use futures_lite::future::yield_now;
use orm_core::entity::{Entity, KeyArg};
use orm_core::error::{NotFoundError, RowCountError};
use orm_core::program::Program;
use orm_core::query::{FromRow, Query, Shape, Values, Whole};
use orm_core::relation::{IntoPath, Leg};
use orm_core::row::{ColumnError, Row};
use orm_core::{Cells, Error, Handle, Reads, Result, Sink, Statement};
use orm_exec::Operation;

use super::{Session, left};
use crate::arena::Adopt;
use crate::load::{self, LoadPlan};
use crate::query::Track;
use crate::state::State;
use crate::tracker::Place;

/// Rows that are adopted between two polls of the executor.
const ADOPT_AT_ONCE: usize = 1_024;

impl Session {
    /// The entity of a key: from the identity map without any I/O, or else from the database. `None` if there is no
    /// such row, or this session deleted it.
    ///
    /// Dropped: nothing happened, but for an autoflush that was sent (see [`flush`](Self::flush)).
    ///
    /// # Errors
    /// Of the database, or of an autoflush.
    ///
    /// # Example
    /// ```
    /// # use orm_blog::*;
    /// # run(async |engine| {
    /// use anyorm::prelude::*;
    ///
    /// let mut session = engine.session();
    /// let ada = session.get::<User>(1).await?; // SELECT .. WHERE id = ?
    /// assert_eq!(session.get::<User>(1).await?, ada); // the identity map answers: no SQL
    /// assert_eq!(session.get::<User>(99).await?, None);
    /// # Ok(()) });
    /// ```
    #[track_caller]
    pub fn get<E: Entity>(&mut self, key: impl KeyArg<E::Key>) -> Operation<'_, Option<Handle<E>>> {
        let (location, key) = (Location::caller(), key.into_key());
        Operation::named("session.get", left::TAKEN_OVER, async move { self.find(key, location).await })
    }

    /// The entity of a key, as [`get`](Self::get).
    ///
    /// # Errors
    /// [`Error::NotFound`] naming entity and key if there is none.
    ///
    /// # Example
    /// ```
    /// # use orm_blog::*;
    /// # run(async |engine| {
    /// use anyorm::prelude::*;
    ///
    /// let mut session = engine.session();
    /// let ada = session.get_one::<User>(1).await?;
    /// assert_eq!(session[ada].name, "Ada");
    ///
    /// let error = session.get_one::<User>(99).await.unwrap_err();
    /// assert!(matches!(&error, anyorm::Error::NotFound(missing) if missing.key == "99"));
    /// # Ok(()) });
    /// ```
    #[track_caller]
    pub fn get_one<E: Entity>(&mut self, key: impl KeyArg<E::Key>) -> Operation<'_, Handle<E>> {
        let (location, key) = (Location::caller(), key.into_key());
        Operation::named("session.get_one", left::TAKEN_OVER, async move {
            let found = self.find::<E>(key.clone(), location).await?;
            found.ok_or_else(|| not_found::<E>(&key))
        })
    }

    async fn find<E: Entity>(
        &mut self,
        key: E::Key,
        location: &'static Location<'static>,
    ) -> Result<Option<Handle<E>>> {
        self.ready().await?;
        if let Some(known) = self.known::<E>(&key) {
            return Ok(known);
        }
        if self.tracker.is_touched() {
            self.autoflush(&self.reads_of_key::<E>(), location).await?;
            if let Some(known) = self.known::<E>(&key) {
                return Ok(known);
            }
        }
        let (_, sink) = self.run(self.row_of_key::<E>(&key, false)?, rows_of::<E>(), location).await?;
        let rows = sink.rows;
        Ok(self.adopt_all::<Whole<E>>(rows, false).await.into_iter().next())
    }

    /// What the identity map says of a key: `Some(None)` for an entity that this session deletes.
    fn known<E: Entity>(&self, key: &E::Key) -> Option<Option<Handle<E>>> {
        let slot = self.tracker.of::<E>()?.find(key)?;
        let state = self.tracker.state(Place { arena: E::meta().index.get() as u32, slot });
        Some(state.is_live().then(|| self.handle_of(slot)))
    }

    /// The row of a key, whatever the filters say: who has a handle names the row.
    async fn select_by_key<E: Entity>(
        &mut self,
        key: &E::Key,
        location: &'static Location<'static>,
    ) -> Result<Vec<E>> {
        let shape = E::meta().select_by_key(self.engine.dialect());
        let mut input = Cells::default();
        orm_core::Key::encode(key, &mut input);
        let (_, sink) = self.run(Program::single(shape, input), rows_of::<E>(), location).await?;
        Ok(sink.rows)
    }

    /// Reads the row of an entity again. Pending changes of this entity are gone, a pending delete too, and its
    /// collections are not loaded.
    ///
    /// Dropped: nothing happened.
    ///
    /// # Errors
    /// [`Error::NotFound`] if the row is gone: nothing is changed then. Of the database.
    ///
    /// # Panics
    /// If the handle is stale or of another session.
    ///
    /// # Example
    /// ```
    /// # use orm_blog::*;
    /// # run(async |engine| {
    /// use anyorm::prelude::*;
    ///
    /// let mut session = engine.session();
    /// let ada = session.get_one::<User>(1).await?;
    /// engine.execute(User::update().set(User::AGE, 37).filter(User::ID.eq(1))).await?;
    /// assert_eq!(session[ada].age, Some(36)); // as it was read
    /// session.refresh(ada).await?;
    /// assert_eq!(session[ada].age, Some(37));
    /// # Ok(()) });
    /// ```
    #[track_caller]
    pub fn refresh<E: Entity>(&mut self, handle: Handle<E>) -> Operation<'_, ()> {
        let location = Location::caller();
        let place = self.place(handle);
        Operation::named("session.refresh", left::TAKEN_OVER, async move {
            self.ready().await?;
            let Some(key) = self.tracker.of::<E>().and_then(|arena| arena.key_of_row::<E::Key>(place.slot))
            else {
                let message = match self.tracker.state(place) {
                    State::Deleted => "it is deleted: there is no row to read",
                    _ => "it is not stored yet: flush before you refresh it",
                };
                return Err(self.tracker.fault(place, message));
            };
            let rows = self.select_by_key::<E>(&key, location).await?;
            let Some(row) = rows.into_iter().next() else { return Err(not_found::<E>(&key)) };
            let uncommitted = self.uncommitted();
            self.tracker.refresh(place, row, uncommitted);
            Ok(())
        })
    }

    /// All rows of a query. Entities become handles: one that the session has keeps its value and its handle. Other
    /// shapes are plain values.
    ///
    /// Dropped: the query is stopped; nothing happened, but for an autoflush that was sent.
    ///
    /// # Errors
    /// If the query cannot be built, of the database, of an autoflush, or if a value does not fit its type.
    ///
    /// # Example
    /// ```
    /// # use orm_blog::*;
    /// # run(async |engine| {
    /// use anyorm::prelude::*;
    ///
    /// let mut session = engine.session();
    /// let posts = session.all(Post::select().order_by(Post::TITLE).with(Post::AUTHOR)).await?; // handles
    /// for post in posts {
    ///     let author = session[post].author.handle().expect("loaded with the post");
    ///     assert_eq!(session[author].name, "Ada");
    /// }
    /// let titles = session.all(Post::select().columns(Post::TITLE).order_by(Post::TITLE)).await?; // plain values
    /// assert_eq!(titles, ["Letters", "Notes"]);
    /// # Ok(()) });
    /// ```
    #[track_caller]
    pub fn all<Q>(&mut self, query: Q) -> Operation<'_, Vec<<Q::Shape as Track>::Tracked>>
    where
        Q: Query<Shape: Track>,
    {
        let (location, statement) = (Location::caller(), query.statement());
        Operation::named("session.all", left::TAKEN_OVER, async move {
            self.read::<Q::Shape>(statement?, location).await.map(|(rows, _)| rows)
        })
    }

    /// The first row of a query, or `None`. As [`all`](Self::all).
    ///
    /// # Errors
    /// As [`all`](Self::all).
    ///
    /// # Example
    /// ```
    /// # use orm_blog::*;
    /// # run(async |engine| {
    /// use anyorm::prelude::*;
    ///
    /// let mut session = engine.session();
    /// let oldest = session.first(User::select().order_by(User::AGE.desc())).await?.expect("there are users");
    /// assert_eq!(session[oldest].name, "Ada");
    /// assert_eq!(session.first(User::select().filter(User::AGE.gt(100))).await?, None);
    /// # Ok(()) });
    /// ```
    #[track_caller]
    pub fn first<Q>(&mut self, query: Q) -> Operation<'_, Option<<Q::Shape as Track>::Tracked>>
    where
        Q: Query<Shape: Track>,
    {
        let (location, statement) = (Location::caller(), query.statement());
        Operation::named("session.first", left::TAKEN_OVER, async move {
            let (rows, _) = self.read::<Q::Shape>(statement?.with_limit(1), location).await?;
            Ok(rows.into_iter().next())
        })
    }

    /// The only row of a query. As [`all`](Self::all).
    ///
    /// # Errors
    /// [`Error::RowCount`] if there is none, or more than one. As [`all`](Self::all).
    ///
    /// # Example
    /// ```
    /// # use orm_blog::*;
    /// # run(async |engine| {
    /// use anyorm::prelude::*;
    ///
    /// let mut session = engine.session();
    /// let ada = session.one(User::select().filter(User::EMAIL.eq("ada@example.org"))).await?;
    /// assert_eq!(session[ada].name, "Ada");
    ///
    /// let two = session.one(User::select()).await;
    /// assert!(matches!(two, Err(anyorm::Error::RowCount(_))));
    /// # Ok(()) });
    /// ```
    #[track_caller]
    pub fn one<Q>(&mut self, query: Q) -> Operation<'_, <Q::Shape as Track>::Tracked>
    where
        Q: Query<Shape: Track>,
    {
        let (location, statement) = (Location::caller(), query.statement());
        Operation::named("session.one", left::TAKEN_OVER, async move {
            let (rows, sql) = self.read::<Q::Shape>(statement?.with_limit(2), location).await?;
            only(rows, sql)
        })
    }

    /// The only value of a query that answers one row.
    ///
    /// Dropped: as [`all`](Self::all).
    ///
    /// # Errors
    /// As [`one`](Self::one).
    ///
    /// # Example
    /// ```
    /// # use orm_blog::*;
    /// # run(async |engine| {
    /// use anyorm::prelude::*;
    ///
    /// let mut session = engine.session();
    /// let oldest: Option<i32> = session.scalar(User::select().columns(max(User::AGE))).await?;
    /// assert_eq!(oldest, Some(36));
    /// # Ok(()) });
    /// ```
    #[track_caller]
    pub fn scalar<Q, T>(&mut self, query: Q) -> Operation<'_, T>
    where
        Q: Query<Shape = Values<T>>,
        T: FromRow,
    {
        self.one(query)
    }

    /// How many rows a query has.
    ///
    /// Dropped: as [`all`](Self::all).
    ///
    /// # Errors
    /// As [`all`](Self::all).
    ///
    /// # Example
    /// ```
    /// # use orm_blog::*;
    /// # run(async |engine| {
    /// use anyorm::prelude::*;
    ///
    /// let mut session = engine.session();
    /// session.add(Tag { name: "engines".into(), ..Default::default() });
    /// assert_eq!(session.count(Tag::select()).await?, 3); // what is pending is flushed before
    /// # Ok(()) });
    /// ```
    #[track_caller]
    pub fn count<Q: Query>(&mut self, query: Q) -> Operation<'_, u64> {
        let (location, statement) = (Location::caller(), query.statement());
        Operation::named("session.count", left::TAKEN_OVER, async move {
            let (rows, sql) = self.read::<Values<i64>>(statement?.into_count(), location).await?;
            only(rows, sql).map(|count| count as u64)
        })
    }

    /// Whether a query has any row.
    ///
    /// Dropped: as [`all`](Self::all).
    ///
    /// # Errors
    /// As [`all`](Self::all).
    ///
    /// # Example
    /// ```
    /// # use orm_blog::*;
    /// # run(async |engine| {
    /// use anyorm::prelude::*;
    ///
    /// let mut session = engine.session();
    /// assert!(session.exists(Post::select().filter(Post::TITLE.eq("Notes"))).await?);
    /// assert!(!session.exists(User::select().filter(User::AGE.gt(100))).await?);
    /// # Ok(()) });
    /// ```
    #[track_caller]
    pub fn exists<Q: Query>(&mut self, query: Q) -> Operation<'_, bool> {
        let (location, statement) = (Location::caller(), query.statement());
        Operation::named("session.exists", left::TAKEN_OVER, async move {
            let (rows, sql) = self.read::<Values<bool>>(statement?.into_exists(), location).await?;
            only(rows, sql)
        })
    }

    /// Executes an insert, update, delete or raw SQL in the session's transaction, opening one if need be, and answers
    /// the number of affected rows. What is pending is flushed before, unless autoflush is off.
    ///
    /// Tracked entities follow a typed update or delete by criteria: those whose rows are deleted are deleted, those
    /// whose rows are changed get the new columns, but for columns that the program has written since the last flush.
    /// What raw SQL does is not known: [`refresh`](Self::refresh) what it changed.
    ///
    /// Dropped: the statement runs on in the transaction, which stays open; tracked entities do not follow it.
    ///
    /// # Errors
    /// If the statement cannot be built, of the database, of the flush before it. A failed statement leaves the
    /// transaction open.
    ///
    /// # Example
    /// ```
    /// # use orm_blog::*;
    /// # run(async |engine| {
    /// use anyorm::prelude::*;
    ///
    /// let mut session = engine.session();
    /// let ada = session.get_one::<User>(1).await?;
    /// let older = User::update().set(User::AGE, User::AGE + 1).filter(User::AGE.is_not_null());
    /// assert_eq!(session.execute(older).await?, 1);
    /// assert_eq!(session[ada].age, Some(37));
    /// session.commit().await?;
    /// # Ok(()) });
    /// ```
    #[track_caller]
    pub fn execute<Q: Query>(&mut self, query: Q) -> Operation<'_, u64> {
        let (location, statement) = (Location::caller(), query.statement());
        Operation::named("session.execute", left::TAKEN_OVER, async move {
            self.execute_statement(statement?, location).await
        })
    }

    /// Loads a relation, or a path of them, of entities that the session has. Collections that are loaded already, and
    /// links whose target the session has, are left as they are.
    ///
    /// Dropped: the query is stopped; nothing happened.
    ///
    /// # Errors
    /// Of the database or of an autoflush.
    ///
    /// # Panics
    /// If a handle is stale or of another session.
    ///
    /// # Example
    /// ```
    /// # use orm_blog::*;
    /// # run(async |engine| {
    /// use anyorm::prelude::*;
    ///
    /// let mut session = engine.session();
    /// let users = session.all(User::select().order_by(User::ID)).await?;
    /// assert!(!session[users[0]].posts.is_loaded());
    /// session.load(&users, User::POSTS.then(Post::TAGS)).await?; // a statement for each relation, not for each user
    /// assert_eq!(session[users[0]].posts.len(), 2);
    /// assert!(session[users[1]].posts.is_empty());
    /// # Ok(()) });
    /// ```
    #[track_caller]
    pub fn load<E: Entity>(
        &mut self,
        handles: &[Handle<E>],
        relation: impl IntoPath<E>,
    ) -> Operation<'_, ()> {
        let location = Location::caller();
        let mut slots: Vec<u32> = handles.iter().map(|&handle| self.place(handle).slot).collect();
        let mut path = relation.into_path().into_legs();
        Operation::named("session.load", left::TAKEN_OVER, async move {
            path.iter().try_for_each(Leg::check)?;
            self.filters().check()?;
            path.iter_mut().for_each(|leg| self.filters().narrow(leg));
            self.ready().await?;
            let mut tables = Vec::new();
            path.iter().for_each(|leg| leg.reads(&mut tables));
            self.autoflush(&Reads::Tables(tables), location).await?;
            for leg in &path {
                slots = self.load_relation(leg, slots, load::Fill::Values, location).await?;
            }
            Ok(())
        })
    }

    /// Runs a query with the relations that it loads, and tracks its rows.
    async fn read<S: Track>(
        &mut self,
        statement: Statement,
        location: &'static Location<'static>,
    ) -> Result<(Vec<S::Tracked>, std::sync::Arc<str>)> {
        self.ready().await?;
        let statement = statement.filtered(self.filters())?;
        let overwrite = statement.populates_existing();
        self.check_ctes(&statement)?;
        if statement.writes().is_some() {
            // What an insert, update or delete finds depends on everything that is pending.
            self.autoflush(&Reads::Any, location).await?;
            let criteria = statement.criteria().filter(|criteria| self.tracker.knows(criteria.entity));
            if let Some(criteria) = criteria {
                return self.read_criteria::<S>(criteria, overwrite, location).await;
            }
        } else if !overwrite {
            self.autoflush(&statement.reads(), location).await?;
        }
        let compiled = statement.compile(self.engine.dialect())?;
        let sql = std::sync::Arc::clone(&compiled.shape.sql);
        let mut program = Program::from(compiled);
        let plan = LoadPlan::new(statement.loads(), &mut program, &self.tracker, self.engine.dialect())?;
        let sink = Rows::<S>::new(0, plan.parts(&mut self.tracker));
        let (_, sink) = self.run(program, sink, location).await?;
        let tracked = self.adopt_all::<S>(sink.rows, overwrite).await;
        if !plan.is_empty() {
            let roots = S::slots(tracked.iter());
            let how = Adopt { over: overwrite, ..self.as_read() };
            plan.adopt(&mut self.tracker, sink.parts, roots, how);
        }
        Ok((tracked, sql))
    }

    /// Entities could not follow what a CTE writes, as they follow a statement that writes and nothing else.
    fn check_ctes(&self, statement: &Statement) -> Result<()> {
        let written = statement.writing_ctes();
        match written.iter().find(|entity| self.tracker.knows(entity)) {
            Some(entity) => Err(Error::build(format!(
                "a CTE of this query writes {}, of which this session has entities that would not follow: run the write by \
                 itself, or the whole on the engine or a transaction of its own",
                entity.name
            ))),
            None => Ok(()),
        }
    }

    /// Tracks rows, leaving the thread to others now and then.
    pub(super) async fn adopt_all<S: Track>(
        &mut self,
        rows: Vec<S::Plain>,
        overwrite: bool,
    ) -> Vec<S::Tracked> {
        let mut tracked = Vec::with_capacity(rows.len());
        S::prepare(rows.len(), self);
        let mut rows = rows.into_iter();
        loop {
            S::track(rows.by_ref().take(ADOPT_AT_ONCE), overwrite, self, &mut tracked);
            if rows.len() == 0 {
                return tracked;
            }
            yield_now().await;
        }
    }

    /// Takes in rows that were read.
    pub(crate) fn adopt<E: Entity>(
        &mut self,
        rows: impl Iterator<Item = E>,
        overwrite: bool,
        handles: &mut Vec<Handle<E>>,
    ) {
        let (session, first) = (self.id(), handles.len());
        let how = Adopt { over: overwrite, ..self.as_read() };
        let arena = self.tracker.make::<E>();
        handles.extend(rows.map(|row| {
            let slot = arena.adopt(row, how);
            Handle::from_raw(arena.handle(slot, session))
        }));
        if overwrite {
            for &handle in handles[first..].iter() {
                let place = self.place(handle);
                self.tracker.drop_expressions(place);
            }
        }
    }

    /// Loads one relation of some slots of its source. Answers the slots it leads to.
    pub(super) async fn load_relation(
        &mut self,
        leg: &Leg,
        slots: Vec<u32>,
        into: load::Fill,
        location: &'static Location<'static>,
    ) -> Result<Vec<u32>> {
        let mut request = load::Request::new(&mut self.tracker, leg, slots, into);
        if let Some(program) = request.program(&self.tracker, self.engine.dialect())? {
            let parts = request.parts(&mut self.tracker, program.steps.len());
            let (_, parts) = self.run(program, parts, location).await?;
            let how = self.as_read();
            request.adopt(&mut self.tracker, parts, how);
        }
        let how = self.as_read();
        Ok(request.targets(&mut self.tracker, how))
    }
}

/// Collects the rows of a query in their own type, and those of the relations it loads.
#[doc(hidden)]
pub struct Rows<S: Shape> {
    /// The step of the query.
    step: u16,
    rows: Vec<S::Plain>,
    parts: load::Collectors,
}

/// What collects whole entities, without relations.
pub(super) fn rows_of<E: Entity>() -> Rows<Whole<E>> {
    Rows::new(0, load::Collectors::default())
}

impl<S: Shape> Rows<S> {
    pub(super) fn new(step: u16, parts: load::Collectors) -> Self {
        Self { step, rows: Vec::new(), parts }
    }

    pub(super) fn step(&self) -> u16 {
        self.step
    }

    pub(super) fn into_parts(self) -> (Vec<S::Plain>, load::Collectors) {
        (self.rows, self.parts)
    }

    pub(super) fn into_rows(self) -> Vec<S::Plain> {
        self.rows
    }
}

impl<S: Shape> Unpin for Rows<S> {}

impl<S: Shape> std::fmt::Debug for Rows<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rows")
            .field("step", &self.step)
            .field("rows", &self.rows.len())
            .finish_non_exhaustive()
    }
}

impl<S: Shape> Sink for Rows<S> {
    fn row(&mut self, step: u16, row: &Row<'_>) -> Result<(), ColumnError> {
        if step == self.step {
            self.rows.push(S::decode(row)?);
        }
        self.parts.row(step, row)
    }

    fn restart(&mut self) -> bool {
        self.rows.clear();
        self.parts.clear();
        true
    }
}

fn not_found<E: Entity>(key: &E::Key) -> Error {
    Error::NotFound(std::sync::Arc::new(NotFoundError { entity: E::meta().name, key: format!("{key:?}") }))
}

fn only<T>(rows: Vec<T>, sql: std::sync::Arc<str>) -> Result<T> {
    let found = rows.len() as u64;
    let mut rows = rows.into_iter();
    match (rows.next(), found) {
        (Some(row), 1) => Ok(row),
        _ => Err(Error::RowCount(std::sync::Arc::new(RowCountError { found, sql: sql.to_string() }))),
    }
}
