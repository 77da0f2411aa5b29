//! DELETE by a condition.

use std::fmt;
use std::marker::PhantomData;

use super::scope::{self, Scope};
use super::source::{IntoSource, Source};
use super::{Body, Statement, join_path};
use crate::entity::{Entity, EntityMeta};
use crate::error::Result;
use crate::expr::{Condition, Node};
use crate::query::{Nothing, Query, Selection, Shape, Values, Whole};
use crate::relation::IntoPath;

/// A delete of the rows of `E` that meet a condition. Made by [`Entity::delete`].
///
/// # Example
/// ```
/// # use orm_blog::*;
/// # run(async |engine| {
/// use anyorm::prelude::*;
///
/// assert_eq!(engine.execute(Tag::delete().filter(Tag::NAME.eq("poetry"))).await?, 1);
///
/// let error = engine.execute(Tag::delete()).await.unwrap_err(); // not sent
/// assert!(error.to_string().contains("add `.filter(..)`, or say so with `.everything()`"));
/// # Ok(()) });
/// ```
#[must_use = "a delete does nothing until it is run"]
pub struct Delete<E, S = Nothing> {
    pub(super) body: DeleteBody,
    types: PhantomData<fn() -> (E, S)>,
}

/// A delete without its types.
#[derive(Clone, Debug)]
pub(crate) struct DeleteBody {
    pub(crate) entity: &'static EntityMeta,
    /// What else it reads.
    pub(crate) using: Vec<Source>,
    pub(crate) filter: Vec<Node>,
    pub(crate) everything: bool,
    /// Whether default filters of the session are left out.
    pub(crate) unfiltered: bool,
    pub(crate) returning: Vec<Node>,
}

impl<E: Entity> Delete<E> {
    pub(crate) fn new() -> Self {
        let entity = E::meta();
        let (filter, returning) = (Vec::new(), Vec::new());
        let using = Vec::new();
        Self::of(DeleteBody { entity, using, filter, everything: false, unfiltered: false, returning })
    }
}

impl<E: Entity, S> Delete<E, S> {
    pub(super) fn of(body: DeleteBody) -> Self {
        Self { body, types: PhantomData }
    }

    pub(super) fn into_body(self) -> DeleteBody {
        self.body
    }

    /// Deletes the rows that meet a condition. Repeated, all of the conditions.
    ///
    /// # Example
    /// ```
    /// # use orm_blog::*;
    /// # run(async |engine| {
    /// use anyorm::prelude::*;
    ///
    /// let unused = Tag::delete().filter(Tag::ID.gt(1)).filter(Tag::NAME.starts_with("p"));
    /// assert_eq!(engine.execute(unused).await?, 1);
    /// # Ok(()) });
    /// ```
    pub fn filter(mut self, condition: impl Condition) -> Self {
        self.body.filter.push(condition.condition());
        self
    }

    /// Reads another source too, whose columns can be named in `filter`: DELETE .. USING, or EXISTS where there is no such
    /// thing. Tie it to the rows by a condition; along a relation, [`join`](Self::join) does that.
    ///
    /// # Example
    /// ```
    /// # use orm_blog::*;
    /// # run(async |engine| {
    /// use anyorm::prelude::*;
    ///
    /// use anyorm::values;
    ///
    /// let closed = values([2_i64, 99]);
    /// let delete = Account::delete().using(&closed).filter(closed.columns().eq(Account::ID));
    /// assert_eq!(engine.execute(delete).await?, 1);
    /// # Ok(()) });
    /// ```
    pub fn using(mut self, source: impl IntoSource) -> Self {
        self.body.using.push(source.into_source().0);
        self
    }

    /// Reads the rows that relations lead to as well. Not along a table of links: use [`Relation::any`](crate::Relation::any).
    pub fn join(mut self, path: impl IntoPath<E>) -> Self {
        join_path(path.into_path().into_legs(), &mut self.body.using, &mut self.body.filter);
        self
    }

    /// Deletes also rows that the default filters of the session leave out.
    ///
    /// # Example
    /// ```
    /// # use orm_blog::*;
    /// # run(async |engine| {
    /// use anyorm::prelude::*;
    ///
    /// let mut session = SessionFactory::new(engine).filter(Account::BALANCE.gt(0)).session();
    /// let empty = Account::delete().filter(Account::BALANCE.eq(0));
    /// assert_eq!(session.execute(empty.clone()).await?, 0);
    /// assert_eq!(session.execute(empty.unfiltered()).await?, 1);
    /// # Ok(()) });
    /// ```
    pub fn unfiltered(mut self) -> Self {
        self.body.unfiltered = true;
        self
    }

    /// Deletes every row of the table. Without this or a filter the delete is refused.
    ///
    /// # Example
    /// ```
    /// # use orm_blog::*;
    /// # run(async |engine| {
    /// use anyorm::prelude::*;
    ///
    /// assert_eq!(engine.execute(Account::delete().everything()).await?, 2);
    /// # Ok(()) });
    /// ```
    pub fn everything(mut self) -> Self {
        self.body.everything = true;
        self
    }

    /// Answers values of the deleted rows: RETURNING.
    ///
    /// # Example
    /// ```
    /// # use orm_blog::*;
    /// # run(async |engine| {
    /// use anyorm::prelude::*;
    ///
    /// let empty = Account::delete().filter(Account::BALANCE.eq(0)).returning(Account::ID);
    /// assert_eq!(engine.all(empty).await?, [2]);
    /// # Ok(()) });
    /// ```
    pub fn returning<C: Selection>(mut self, columns: C) -> Delete<E, Values<C::Output>> {
        self.body.returning.clear();
        columns.nodes(&mut self.body.returning);
        Delete::of(self.body)
    }

    /// Answers the deleted rows as entities.
    ///
    /// # Example
    /// ```
    /// # use orm_blog::*;
    /// # run(async |engine| {
    /// use anyorm::prelude::*;
    ///
    /// let gone: Vec<Account> = engine.all(Account::delete().everything().returning_all()).await?;
    /// assert_eq!(gone.iter().map(|account| account.balance).sum::<i64>(), 50);
    /// # Ok(()) });
    /// ```
    pub fn returning_all(mut self) -> Delete<E, Whole<E>> {
        self.body.returning = super::all_columns(E::meta());
        Delete::of(self.body)
    }
}

impl<E: Entity, S: Shape> Query for Delete<E, S> {
    type Shape = S;

    fn statement(self) -> Result<Statement> {
        self.body.check()?;
        Ok(Body::Delete(Box::new(self.body)).into())
    }
}

impl<E, S> Clone for Delete<E, S> {
    fn clone(&self) -> Self {
        Self { body: self.body.clone(), types: PhantomData }
    }
}

impl<E, S> fmt::Debug for Delete<E, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.body.fmt(f)
    }
}

impl DeleteBody {
    pub(super) fn check(&self) -> Result<()> {
        super::check_criteria("delete", self.entity, &self.filter, self.everything)?;
        let scope = Scope::write(self.entity, &self.using)?;
        self.filter.iter().try_for_each(|node| scope.check(node))?;
        let answered = Scope::single(self.entity);
        self.returning.iter().try_for_each(|node| answered.check(node))
    }

    pub(super) fn reads(&self, out: &mut Vec<&'static str>) {
        scope::add(self.entity.table, out);
        self.using.iter().for_each(|source| scope::source_reads(source, out));
        self.nodes().for_each(|node| scope::reads(node, out));
    }

    /// Every expression in it.
    pub(crate) fn nodes(&self) -> impl Iterator<Item = &Node> {
        self.filter.iter().chain(&self.returning)
    }
}
