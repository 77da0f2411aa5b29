//! INSERT.

use std::fmt;
use std::marker::PhantomData;

use super::conflict::{Columns, Conflict, Fills, OnConflict};
use super::scope::{self, Scope};
use super::{Body, Statement, set};
use crate::cells::Cells;
use crate::column::Column;
use crate::entity::{Entity, EntityMeta};
use crate::error::{Error, Result};
use crate::expr::{Node, Operand};
use crate::query::{Nothing, Query, Selection, Shape, Values, Whole};
use crate::types::SqlType;

/// An insert into the table of `E`, of whole entities or of single columns. Made by [`Entity::insert`].
///
/// It goes to the database as it is, past any session. To add entities to a session, use its `add`.
///
/// # Example
/// ```
/// # use orm_blog::*;
/// # run(async |engine| {
/// use anyorm::prelude::*;
///
/// let tags = ["engines", "looms"].map(|name| Tag { name: name.into(), ..Default::default() });
/// let keys: Vec<i64> = engine.all(Tag::insert().values(tags).returning(Tag::ID)).await?;
/// assert_eq!(keys, [3, 4]); // one statement
/// # Ok(()) });
/// ```
#[must_use = "an insert does nothing until it is run"]
pub struct Insert<E, S = Nothing> {
    pub(super) body: InsertBody,
    types: PhantomData<fn() -> (E, S)>,
}

/// An insert without its types.
#[derive(Clone, Debug)]
pub(crate) struct InsertBody {
    pub(crate) entity: &'static EntityMeta,
    pub(crate) rows: Vec<NewRow>,
    /// All columns of all rows.
    pub(crate) cells: Cells,
    /// One row by columns instead.
    pub(crate) set: Vec<(usize, Node)>,
    /// The query whose rows are inserted into the columns.
    pub(crate) query: Option<Body>,
    pub(crate) query_columns: Vec<usize>,
    pub(crate) conflict: Option<Conflict>,
    pub(crate) returning: Vec<Node>,
    /// Whether what is answered overwrites what a session has.
    pub(crate) populate_existing: bool,
}

/// What a row of an insert leaves to the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NewRow {
    /// Whether its key is set.
    pub(crate) keyed: bool,
    /// Which columns of [`EntityMeta::server_defaults`] are not.
    pub(crate) unset: u64,
}

impl<E: Entity> Insert<E> {
    pub(crate) fn new() -> Self {
        Self::of(InsertBody {
            entity: E::meta(),
            rows: Vec::new(),
            cells: Cells::default(),
            set: Vec::new(),
            query: None,
            query_columns: Vec::new(),
            conflict: None,
            returning: Vec::new(),
            populate_existing: false,
        })
    }
}

impl<E: Entity, S> Insert<E, S> {
    pub(super) fn of(body: InsertBody) -> Self {
        Self { body, types: PhantomData }
    }

    pub(super) fn into_body(self) -> InsertBody {
        self.body
    }

    /// Adds a row: every column of an entity, except a key that is not set and that the database assigns.
    ///
    /// # Example
    /// ```
    /// # use orm_blog::*;
    /// # run(async |engine| {
    /// use anyorm::prelude::*;
    ///
    /// let insert = Tag::insert().value(Tag { name: "engines".into(), ..Default::default() });
    /// assert_eq!(engine.execute(insert).await?, 1);
    /// # Ok(()) });
    /// ```
    pub fn value(mut self, entity: E) -> Self {
        self.push(entity);
        self
    }

    /// Adds a row for each entity. All rows go in one statement, which has a limit: the number of rows times the
    /// number of columns is at most 32,766 on SQLite and 65,535 on PostgreSQL.
    ///
    /// # Example
    /// ```
    /// # use orm_blog::*;
    /// # run(async |engine| {
    /// use anyorm::prelude::*;
    ///
    /// let accounts = (3..=100).map(|id| Account { id, balance: 0 });
    /// assert_eq!(engine.execute(Account::insert().values(accounts)).await?, 98);
    /// # Ok(()) });
    /// ```
    pub fn values(mut self, entities: impl IntoIterator<Item = E>) -> Self {
        for entity in entities {
            self.push(entity);
        }
        self
    }

    fn push(&mut self, mut entity: E) {
        entity.make_key();
        self.body.rows.push(NewRow { keyed: entity.key().is_some(), unset: entity.unset() });
        for column in 0..E::meta().columns.len() {
            entity.encode(column, &mut self.body.cells);
        }
    }

    /// Sets one column of a single row, and leaves those that are never set to their defaults.
    ///
    /// # Example
    /// ```
    /// # use orm_blog::*;
    /// # run(async |engine| {
    /// use anyorm::prelude::*;
    ///
    /// let richest = Account::select().columns(max(Account::BALANCE)).subquery();
    /// let insert = Account::insert().set(Account::ID, 3).set(Account::BALANCE, anyorm::coalesce(richest, 0) + 1);
    /// let new = engine.one(insert.returning(Account::BALANCE)).await?;
    /// assert_eq!(new, 51);
    /// # Ok(()) });
    /// ```
    pub fn set<T: SqlType, V: Operand<T::Base>>(mut self, column: Column<E, T>, value: V) -> Self {
        self.body.set.push((column.position(), value.operand()));
        self
    }

    /// Inserts what a query selects into these columns; all others get their defaults.
    ///
    /// # Example
    /// ```
    /// # use orm_blog::*;
    /// # run(async |engine| {
    /// use anyorm::prelude::*;
    ///
    /// let users = User::select().columns(User::NAME);
    /// engine.execute(Tag::insert().from_select(Tag::NAME, users)).await?;
    /// let names = Tag::select().columns(Tag::NAME).order_by(Tag::ID);
    /// assert_eq!(engine.all(names).await?, ["math", "poetry", "Ada", "Grace"]);
    /// # Ok(()) });
    /// ```
    pub fn from_select<C: Columns<E>>(mut self, columns: C, query: impl Fills<E, C>) -> Self {
        self.body.query_columns = columns.positions();
        self.body.query = Some(query.into_rowset().0);
        self
    }

    /// Says what becomes of a row that is there already, told by the key or by columns that are unique: ON CONFLICT.
    ///
    /// # Example
    /// ```
    /// # use orm_blog::*;
    /// # run(async |engine| {
    /// use anyorm::prelude::*;
    ///
    /// let mut session = engine.session();
    /// let ada = session.get_one::<User>(1).await?;
    /// let form = User { email: "ada@example.org".into(), name: "Ada Lovelace".into(), ..Default::default() };
    /// let upsert = User::insert().value(form).on_conflict(User::EMAIL).do_update(User::NAME).returning_all();
    /// let handles = session.all(upsert.populate_existing()).await?;
    /// session.commit().await?;
    /// assert_eq!(handles, [ada]); // the row of this address is the entity that the session has
    /// assert_eq!(session[ada].name, "Ada Lovelace");
    /// # Ok(()) });
    /// ```
    pub fn on_conflict(self, columns: impl Columns<E>) -> OnConflict<E, S> {
        OnConflict { insert: self, target: columns.positions() }
    }

    /// In a session, rows that are answered overwrite the entities that it has of them, with their pending changes.
    /// Without it they keep their values, as with any query.
    ///
    /// # Example
    /// ```
    /// # use orm_blog::*;
    /// # run(async |engine| {
    /// use anyorm::prelude::*;
    ///
    /// let mut session = engine.session();
    /// let account = session.get_one::<Account>(1).await?;
    /// let upsert = Account::insert().value(Account { id: 1, balance: 7 }).on_conflict(Account::ID).do_update_all();
    /// session.all(upsert.clone().returning_all()).await?;
    /// assert_eq!(session[account].balance, 50); // what the session has
    /// session.all(upsert.returning_all().populate_existing()).await?;
    /// assert_eq!(session[account].balance, 7); // what is stored
    /// # Ok(()) });
    /// ```
    pub fn populate_existing(mut self) -> Self {
        self.body.populate_existing = true;
        self
    }

    /// Answers values of the new rows: RETURNING.
    ///
    /// # Example
    /// ```
    /// # use orm_blog::*;
    /// # run(async |engine| {
    /// use anyorm::prelude::*;
    ///
    /// let insert = Tag::insert().value(Tag { name: "engines".into(), ..Default::default() });
    /// assert_eq!(engine.one(insert.returning((Tag::ID, Tag::NAME))).await?, (3, "engines".to_owned()));
    /// # Ok(()) });
    /// ```
    pub fn returning<C: Selection>(mut self, columns: C) -> Insert<E, Values<C::Output>> {
        self.body.returning.clear();
        columns.nodes(&mut self.body.returning);
        Insert::of(self.body)
    }

    /// Answers the new rows as entities.
    ///
    /// # Example
    /// ```
    /// # use orm_blog::*;
    /// # run(async |engine| {
    /// use anyorm::prelude::*;
    ///
    /// let insert = Tag::insert().value(Tag { name: "engines".into(), ..Default::default() });
    /// let tag: Tag = engine.one(insert.returning_all()).await?;
    /// assert_eq!(tag.id, 3);
    /// # Ok(()) });
    /// ```
    pub fn returning_all(mut self) -> Insert<E, Whole<E>> {
        self.body.returning = super::all_columns(E::meta());
        Insert::of(self.body)
    }
}

impl<E: Entity, S: Shape> Query for Insert<E, S> {
    type Shape = S;

    fn statement(self) -> Result<Statement> {
        self.body.check()?;
        Ok(Body::Insert(Box::new(self.body)).into())
    }
}

impl<E, S> Clone for Insert<E, S> {
    fn clone(&self) -> Self {
        Self { body: self.body.clone(), types: PhantomData }
    }
}

impl<E, S> fmt::Debug for Insert<E, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.body.fmt(f)
    }
}

impl InsertBody {
    pub(super) fn check(&self) -> Result<()> {
        let name = self.entity.name;
        match [!self.rows.is_empty(), !self.set.is_empty(), self.query.is_some()] {
            [false, false, false] => {
                return Err(Error::build(format!(
                    "this insert of {name} has no rows: give some with `.value(..)`, `.values(..)`, `.set(..)` or \
                     `.from_select(..)`"
                )));
            }
            [true, true, _] => {
                return Err(Error::build(format!(
                    "this insert of {name} has whole entities and single columns: use either `.value(..)` or `.set(..)`"
                )));
            }
            [true, _, true] | [_, true, true] => {
                return Err(Error::build(format!(
                    "this insert of {name} has rows of its own and those of a query: use either of them"
                )));
            }
            _ => {}
        }
        if let Some(query) = &self.query {
            set::check_columns(self.entity, &self.query_columns)?;
            query.check_in(None)?;
        }
        set::check(self.entity, &self.set)?;
        self.conflict.as_ref().map_or(Ok(()), |conflict| conflict.check(self.entity))?;
        self.set.iter().try_for_each(|(_, value)| Scope::new_row().check(value))?;
        let scope = Scope::single(self.entity);
        self.returning.iter().try_for_each(|node| scope.check(node))
    }

    /// Every expression in it.
    pub(crate) fn nodes(&self) -> impl Iterator<Item = &Node> {
        let conflict = self.conflict.iter().flat_map(Conflict::nodes);
        self.set.iter().map(|(_, value)| value).chain(conflict).chain(&self.returning)
    }

    pub(super) fn reads(&self, out: &mut Vec<&'static str>) {
        self.nodes().for_each(|node| scope::reads(node, out));
        if let Some(query) = &self.query {
            query.reads(out);
        }
    }
}
