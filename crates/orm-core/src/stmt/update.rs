//! UPDATE by a condition.

use std::fmt;
use std::marker::PhantomData;

use super::scope::{self, Scope};
use super::source::{IntoSource, Source};
use super::{Body, Statement, join_path, set};
use crate::column::Column;
use crate::entity::{Entity, EntityMeta};
use crate::error::{Error, Result};
use crate::expr::{Condition, Node, Operand};
use crate::query::{Nothing, Query, Selection, Shape, Values, Whole};
use crate::relation::IntoPath;
use crate::types::SqlType;

/// An update of the rows of `E` that meet a condition. Made by [`Entity::update`].
///
/// It raises the version of an entity that has one, so that others notice, unless the update sets it or says
/// [`keep_version`](Self::keep_version). On an engine it changes the database only; entities that a session tracks follow
/// an update that the session executes.
///
/// # Example
/// ```
/// # use orm_blog::*;
/// # run(async |engine| {
/// use anyorm::prelude::*;
///
/// let interest = Account::update().set(Account::BALANCE, Account::BALANCE + 5).filter(Account::BALANCE.gt(0));
/// assert_eq!(engine.execute(interest).await?, 1); // how many rows it changed
/// let balances = engine.all(Account::select().columns(Account::BALANCE).order_by(Account::ID)).await?;
/// assert_eq!(balances, [55, 0]);
/// # Ok(()) });
/// ```
#[must_use = "an update does nothing until it is run"]
pub struct Update<E, S = Nothing> {
    pub(super) body: UpdateBody,
    types: PhantomData<fn() -> (E, S)>,
}

/// An update without its types.
#[derive(Clone, Debug)]
pub(crate) struct UpdateBody {
    pub(crate) entity: &'static EntityMeta,
    pub(crate) set: Vec<(usize, Node)>,
    /// What else it reads.
    pub(crate) from: Vec<Source>,
    pub(crate) filter: Vec<Node>,
    pub(crate) everything: bool,
    /// Whether default filters of the session are left out.
    pub(crate) unfiltered: bool,
    /// Whether the version stays as it is.
    pub(crate) keep_version: bool,
    pub(crate) returning: Vec<Node>,
}

impl<E: Entity> Update<E> {
    pub(crate) fn new() -> Self {
        Self::of(UpdateBody {
            entity: E::meta(),
            set: Vec::new(),
            from: Vec::new(),
            filter: Vec::new(),
            everything: false,
            unfiltered: false,
            keep_version: false,
            returning: Vec::new(),
        })
    }
}

impl<E: Entity, S> Update<E, S> {
    pub(super) fn of(body: UpdateBody) -> Self {
        Self { body, types: PhantomData }
    }

    pub(super) fn into_body(mut self) -> UpdateBody {
        self.body.raise_version();
        self.body
    }

    /// Sets a column to a value or an expression: `.set(Account::BALANCE, Account::BALANCE + 1)`.
    ///
    /// # Example
    /// ```
    /// # use orm_blog::*;
    /// # run(async |engine| {
    /// use anyorm::prelude::*;
    ///
    /// let update = User::update().set(User::AGE, User::AGE + 1).set(User::NAME, "Ada Lovelace");
    /// let ada = engine.one(update.filter(User::ID.eq(1)).returning_all()).await?;
    /// assert_eq!((&*ada.name, ada.age), ("Ada Lovelace", Some(37)));
    /// # Ok(()) });
    /// ```
    pub fn set<T: SqlType, V: Operand<T::Base>>(mut self, column: Column<E, T>, value: V) -> Self {
        self.body.set.push((column.position(), value.operand()));
        self
    }

    /// Changes the rows that meet a condition. Repeated, all of the conditions.
    ///
    /// # Example
    /// ```
    /// # use orm_blog::*;
    /// # run(async |engine| {
    /// use anyorm::prelude::*;
    ///
    /// let written = User::POSTS.any(Post::TITLE.eq("Notes")); // a question about other tables
    /// assert_eq!(engine.execute(User::update().set(User::AGE, 37).filter(written)).await?, 1);
    /// # Ok(()) });
    /// ```
    pub fn filter(mut self, condition: impl Condition) -> Self {
        self.body.filter.push(condition.condition());
        self
    }

    /// Reads another source too, whose columns can be named in `set` and `filter`: UPDATE .. FROM. Tie it to the rows by a
    /// condition; along a relation, [`join`](Self::join) does that. A row that finds several partners is written once, by any
    /// one of them.
    ///
    /// # Example
    /// ```
    /// # use orm_blog::*;
    /// # run(async |engine| {
    /// use anyorm::prelude::*;
    ///
    /// use anyorm::values;
    ///
    /// let wages = values([(1_i64, 5_i64), (2, 7)]);
    /// let (id, wage) = wages.columns();
    /// let pay = Account::update().set(Account::BALANCE, Account::BALANCE + wage).from(&wages);
    /// assert_eq!(engine.execute(pay.filter(id.eq(Account::ID))).await?, 2);
    /// # Ok(()) });
    /// ```
    pub fn from(mut self, source: impl IntoSource) -> Self {
        self.body.from.push(source.into_source().0);
        self
    }

    /// Reads the rows that relations lead to as well. Not along a table of links: use [`Relation::any`](crate::Relation::any).
    ///
    /// # Example
    /// ```
    /// # use orm_blog::*;
    /// # run(async |engine| {
    /// use anyorm::prelude::*;
    ///
    /// let signed = Post::update().join(Post::AUTHOR).set(Post::TITLE, User::NAME).filter(Post::ID.eq(1));
    /// assert_eq!(engine.all(signed.returning(Post::TITLE)).await?, ["Ada"]);
    /// # Ok(()) });
    /// ```
    pub fn join(mut self, path: impl IntoPath<E>) -> Self {
        join_path(path.into_path().into_legs(), &mut self.body.from, &mut self.body.filter);
        self
    }

    /// Leaves the version as it is: those who read a row before do not notice that it changed.
    ///
    /// # Example
    /// ```
    /// # use orm_blog::*;
    /// # run(async |engine| {
    /// use anyorm::prelude::*;
    ///
    /// let update = Post::update().set(Post::TITLE, "Notes, again").filter(Post::ID.eq(1));
    /// engine.execute(update.clone()).await?; // .. SET title = ?, version = version + 1 ..
    /// engine.execute(update.keep_version()).await?; // .. SET title = ? ..
    /// let version = engine.scalar(Post::select().filter(Post::ID.eq(1)).columns(Post::VERSION)).await?;
    /// assert_eq!(version, 1);
    /// # Ok(()) });
    /// ```
    pub fn keep_version(mut self) -> Self {
        self.body.keep_version = true;
        self
    }

    /// Changes also rows that the default filters of the session leave out.
    ///
    /// # Example
    /// ```
    /// # use orm_blog::*;
    /// # run(async |engine| {
    /// use anyorm::prelude::*;
    ///
    /// let mut session = SessionFactory::new(engine).filter(Account::BALANCE.gt(0)).session();
    /// let empty = Account::update().set(Account::BALANCE, 5).filter(Account::BALANCE.eq(0));
    /// assert_eq!(session.execute(empty.clone()).await?, 0);
    /// assert_eq!(session.execute(empty.unfiltered()).await?, 1);
    /// # Ok(()) });
    /// ```
    pub fn unfiltered(mut self) -> Self {
        self.body.unfiltered = true;
        self
    }

    /// Changes every row of the table. Without this or a filter the update is refused.
    ///
    /// # Example
    /// ```
    /// # use orm_blog::*;
    /// # run(async |engine| {
    /// use anyorm::prelude::*;
    ///
    /// let update = Account::update().set(Account::BALANCE, 0);
    /// assert!(engine.execute(update.clone()).await.is_err()); // forgot the filter?
    /// assert_eq!(engine.execute(update.everything()).await?, 2);
    /// # Ok(()) });
    /// ```
    pub fn everything(mut self) -> Self {
        self.body.everything = true;
        self
    }

    /// Answers values of the changed rows: RETURNING.
    ///
    /// # Example
    /// ```
    /// # use orm_blog::*;
    /// # run(async |engine| {
    /// use anyorm::prelude::*;
    ///
    /// let update = Account::update().set(Account::BALANCE, Account::BALANCE - 10).filter(Account::ID.eq(1));
    /// assert_eq!(engine.one(update.returning(Account::BALANCE)).await?, 40);
    /// # Ok(()) });
    /// ```
    pub fn returning<C: Selection>(mut self, columns: C) -> Update<E, Values<C::Output>> {
        self.body.returning.clear();
        columns.nodes(&mut self.body.returning);
        Update::of(self.body)
    }

    /// Answers the changed rows as entities.
    ///
    /// # Example
    /// ```
    /// # use orm_blog::*;
    /// # run(async |engine| {
    /// use anyorm::prelude::*;
    ///
    /// let update = Account::update().set(Account::BALANCE, 7).filter(Account::ID.eq(2));
    /// let account: Account = engine.one(update.returning_all()).await?;
    /// assert_eq!((account.id, account.balance), (2, 7));
    /// # Ok(()) });
    /// ```
    pub fn returning_all(mut self) -> Update<E, Whole<E>> {
        self.body.returning = super::all_columns(E::meta());
        Update::of(self.body)
    }
}

impl<E: Entity, S: Shape> Query for Update<E, S> {
    type Shape = S;

    fn statement(mut self) -> Result<Statement> {
        self.body.check()?;
        self.body.raise_version();
        Ok(Body::Update(Box::new(self.body)).into())
    }
}

impl<E, S> Clone for Update<E, S> {
    fn clone(&self) -> Self {
        Self { body: self.body.clone(), types: PhantomData }
    }
}

impl<E, S> fmt::Debug for Update<E, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.body.fmt(f)
    }
}

impl UpdateBody {
    pub(super) fn check(&self) -> Result<()> {
        if self.set.is_empty() {
            return Err(Error::build(format!(
                "this update of {} changes nothing: say what with `.set(column, value)`",
                self.entity.name
            )));
        }
        super::check_criteria("update", self.entity, &self.filter, self.everything)?;
        set::check(self.entity, &self.set)?;
        let scope = Scope::write(self.entity, &self.from)?;
        let values = self.set.iter().map(|(_, value)| value);
        self.filter.iter().chain(values).try_for_each(|node| scope.check(node))?;
        let answered = Scope::single(self.entity);
        self.returning.iter().try_for_each(|node| answered.check(node))
    }

    fn raise_version(&mut self) {
        let is_set = |version: usize| self.set.iter().any(|(column, _)| *column == version);
        if let Some(version) = self.entity.version.filter(|&version| !self.keep_version && !is_set(version)) {
            self.set.push((version, set::next_version(self.entity, version)));
        }
    }

    /// Every expression in it.
    pub(crate) fn nodes(&self) -> impl Iterator<Item = &Node> {
        self.set.iter().map(|(_, value)| value).chain(&self.filter).chain(&self.returning)
    }

    pub(super) fn reads(&self, out: &mut Vec<&'static str>) {
        scope::add(self.entity.table, out);
        self.from.iter().for_each(|source| scope::source_reads(source, out));
        self.nodes().for_each(|node| scope::reads(node, out));
    }
}
