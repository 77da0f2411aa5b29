//! UNION, INTERSECT, EXCEPT.

use std::fmt;
use std::marker::PhantomData;

use super::source::{Columns, FieldColumn, RowsetArgument, SourceId};
use super::{Body, Loads, Rowset, Sourced, Statement};
use crate::error::{Error, Result};
use crate::expr::{Kind, Order, OrderBy};
use crate::query::{Query, Shape};

/// Two or more queries of one type of rows, put together. Made by [`Select::union`](super::Select::union) and its kin.
///
/// # Example
/// ```
/// # use orm_blog::*;
/// # run(async |engine| {
/// use anyorm::prelude::*;
///
/// let names = User::select().columns(User::NAME);
/// let all = names.union_all(Tag::select().columns(Tag::NAME)).order_by(|name| name).limit(2);
/// assert_eq!(engine.all(all).await?, ["Ada", "Grace"]);
/// # Ok(()) });
/// ```
#[must_use = "a query does nothing until it is run"]
pub struct Compound<S> {
    body: CompoundBody,
    shape: PhantomData<fn() -> S>,
}

#[derive(Clone, Debug)]
pub(crate) struct CompoundBody {
    pub(crate) first: Body,
    pub(crate) rest: Vec<(SetOperation, Body)>,
    pub(crate) columns: Columns,
    /// The source that stands for the rows in ORDER BY.
    pub(crate) id: SourceId,
    pub(crate) order_by: Vec<Order>,
    pub(crate) limit: Option<u64>,
    pub(crate) offset: Option<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SetOperation {
    Union,
    UnionAll,
    Intersect,
    Except,
}

impl<S: Sourced> Compound<S> {
    pub(super) fn new(first: Body, operation: SetOperation, second: Body, columns: Columns) -> Self {
        let body = CompoundBody {
            first,
            rest: vec![(operation, second)],
            columns,
            id: SourceId::new(),
            order_by: Vec::new(),
            limit: None,
            offset: None,
        };
        Self { body, shape: PhantomData }
    }

    /// What was put together so far, once more put together. Order and limit so far are those of a part.
    pub(super) fn combine(self, operation: SetOperation, second: Body) -> Self {
        let Self { mut body, .. } = self;
        let is_open = body.order_by.is_empty() && body.limit.is_none() && body.offset.is_none();
        // Databases do not agree on which of two different operations comes first: equal ones are in line, others nested.
        if is_open && body.rest.iter().all(|(known, _)| *known == operation) {
            body.rest.push((operation, second));
            return Self { body, shape: PhantomData };
        }
        let columns = body.columns;
        Self::new(Body::Compound(Box::new(body)), operation, second, columns)
    }

    /// Orders the rows by their columns, which the closure is given: a [`Field`](crate::expr::Field) or a tuple of them
    /// for values, an [`Alias`](crate::Alias) for entities.
    ///
    /// # Example
    /// ```
    /// # use orm_blog::*;
    /// # run(async |engine| {
    /// use anyorm::prelude::*;
    ///
    /// let people = User::select().columns((User::NAME, User::ID));
    /// let all = people.union(Tag::select().columns((Tag::NAME, Tag::ID))).order_by(|(name, _)| name.desc());
    /// assert_eq!(engine.all(all).await?[0].0, "poetry");
    /// # Ok(()) });
    /// ```
    pub fn order_by<O: OrderBy>(mut self, order: impl FnOnce(S::Ordered) -> O) -> Self
    where
        S: Sourced,
    {
        order(S::ordered(super::source::FieldSource(self.body.id))).orders(&mut self.body.order_by);
        self
    }

    /// At most so many rows. Repeated, the last one counts.
    pub fn limit(mut self, rows: u64) -> Self {
        self.body.limit = Some(rows);
        self
    }

    /// Leaves out the first rows.
    pub fn offset(mut self, rows: u64) -> Self {
        self.body.offset = Some(rows);
        self
    }
}

impl<S: Shape> Query for Compound<S> {
    type Shape = S;

    fn statement(self) -> Result<Statement> {
        let body = Body::Compound(Box::new(self.body));
        body.check_in(None)?;
        Ok(Statement { body, loads: Loads::default(), populate: false, dispatch: None })
    }
}

impl<S> super::rowset::Sealed for Compound<S> {}

impl<S: Shape> Rowset for Compound<S> {
    type Shape = S;

    fn into_rowset(self) -> RowsetArgument {
        RowsetArgument(Body::Compound(Box::new(self.body)))
    }
}

impl<S> Clone for Compound<S> {
    fn clone(&self) -> Self {
        Self { body: self.body.clone(), shape: PhantomData }
    }
}

impl<S> fmt::Debug for Compound<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.body.fmt(f)
    }
}

impl CompoundBody {
    /// The column that a part of ORDER BY is, by its place from 0.
    pub(crate) fn place(&self, order: &Order) -> Option<usize> {
        match order.node.0 {
            Kind::Field { source, column: FieldColumn::Made(at, _) | FieldColumn::Entity(_, at) }
                if source == self.id =>
            {
                Some(at)
            }
            _ => None,
        }
    }

    pub(super) fn check_order(&self) -> Result<()> {
        if self.order_by.iter().all(|order| self.place(order).is_some()) {
            return Ok(());
        }
        Err(Error::build(
            "a union, intersect or except is ordered by its columns alone: to order by an expression of them, read from it \
             with `.derived()`",
        ))
    }
}
