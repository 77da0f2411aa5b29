//! What stands in a batch: queries, and what is wanted of the rows of each.
//!
//! A query alone stands for all its rows; [`first`], [`one`], [`count`] and [`exists`] ask for less.
//!
//! # Example
//! ```
//! # use orm_blog::*;
//! # run(async |engine| {
//! use anyorm::batch;
//! use anyorm::prelude::*;
//!
//! let oldest = batch::first(User::select().order_by(User::AGE.desc()));
//! let (oldest, posts, tags) = engine.batch((oldest, batch::count(Post::select()), Tag::select())).await?;
//! assert_eq!(oldest.map(|user| user.name).as_deref(), Some("Ada"));
//! assert_eq!((posts, tags.len()), (2, 2)); // of one state of the database
//! # Ok(()) });
//! ```

use std::sync::Arc;

use crate::error::{Error, Result, RowCountError};
use crate::query::{Detached, Query, Rows, Shape, Values};
use crate::row::{ColumnError, Row};
use crate::stmt::Statement;

/// One member of a batch: a query for all its rows, or one of [`first`], [`one`], [`count`] and [`exists`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot stand in a batch",
    note = "a member is a query that answers rows, or `batch::first(..)`, `one(..)`, `count(..)`, `exists(..)`"
)]
pub trait Member: Send {
    /// What each row becomes.
    type Shape: Rows;
    /// What becomes of the rows.
    type Pick: Pick;

    /// The statement.
    ///
    /// # Errors
    /// If the query contradicts itself.
    fn statement(self) -> Result<Statement>;
}

/// What becomes of the rows of a member.
pub trait Pick: Send + 'static {
    /// The answer, of rows that became `T`.
    type Of<T: Send + 'static>: Send + 'static;

    /// Makes it.
    ///
    /// # Errors
    /// If there are too few rows, or too many.
    fn pick<T: Send + 'static>(rows: Vec<T>, sql: &Arc<str>) -> Result<Self::Of<T>>;
}

/// The answer of a member, of rows that became `T`.
pub type Answer<M, T> = <<M as Member>::Pick as Pick>::Of<T>;

/// All rows, as a list.
#[derive(Debug)]
pub enum Every {}

/// The first row, if there is one.
#[derive(Debug)]
pub enum AtMostOne {}

/// The only row.
#[derive(Debug)]
pub enum Only {}

impl Pick for Every {
    type Of<T: Send + 'static> = Vec<T>;

    fn pick<T: Send + 'static>(rows: Vec<T>, _sql: &Arc<str>) -> Result<Vec<T>> {
        Ok(rows)
    }
}

impl Pick for AtMostOne {
    type Of<T: Send + 'static> = Option<T>;

    fn pick<T: Send + 'static>(rows: Vec<T>, _sql: &Arc<str>) -> Result<Option<T>> {
        Ok(rows.into_iter().next())
    }
}

impl Pick for Only {
    type Of<T: Send + 'static> = T;

    fn pick<T: Send + 'static>(rows: Vec<T>, sql: &Arc<str>) -> Result<T> {
        let found = rows.len() as u64;
        let mut rows = rows.into_iter();
        match (rows.next(), found) {
            (Some(row), 1) => Ok(row),
            _ => Err(Error::RowCount(Arc::new(RowCountError { found, sql: sql.to_string() }))),
        }
    }
}

impl<Q: Query<Shape: Rows>> Member for Q {
    type Shape = Q::Shape;
    type Pick = Every;

    fn statement(self) -> Result<Statement> {
        Query::statement(self)
    }
}

/// Made by [`first`].
#[derive(Clone, Debug)]
pub struct First<Q>(Q);

/// Made by [`one`].
#[derive(Clone, Debug)]
pub struct OnlyRow<Q>(Q);

/// Made by [`count`].
#[derive(Clone, Debug)]
pub struct Count<Q>(Q);

/// Made by [`exists`].
#[derive(Clone, Debug)]
pub struct Exists<Q>(Q);

/// The first row of a query, or `None`.
pub fn first<Q: Query>(query: Q) -> First<Q> {
    First(query)
}

/// The only row of a query; none, or several, are [`Error::RowCount`].
pub fn one<Q: Query>(query: Q) -> OnlyRow<Q> {
    OnlyRow(query)
}

/// How many rows a query has, as a `u64`.
pub fn count<Q: Query>(query: Q) -> Count<Q> {
    Count(query)
}

/// Whether a query has rows.
pub fn exists<Q: Query>(query: Q) -> Exists<Q> {
    Exists(query)
}

impl<Q: Query<Shape: Rows>> Member for First<Q> {
    type Shape = Q::Shape;
    type Pick = AtMostOne;

    fn statement(self) -> Result<Statement> {
        Ok(self.0.statement()?.with_limit(1))
    }
}

impl<Q: Query<Shape: Rows>> Member for OnlyRow<Q> {
    type Shape = Q::Shape;
    type Pick = Only;

    fn statement(self) -> Result<Statement> {
        Ok(self.0.statement()?.with_limit(2))
    }
}

impl<Q: Query> Member for Count<Q> {
    type Shape = Counted;
    type Pick = Only;

    fn statement(self) -> Result<Statement> {
        Ok(self.0.statement()?.into_count())
    }
}

impl<Q: Query> Member for Exists<Q> {
    type Shape = Values<bool>;
    type Pick = Only;

    fn statement(self) -> Result<Statement> {
        Ok(self.0.statement()?.into_exists())
    }
}

/// A number of rows.
#[derive(Debug)]
pub enum Counted {}

impl Shape for Counted {
    type Plain = u64;

    fn decode(row: &Row<'_>) -> Result<u64, ColumnError> {
        // A count is never negative.
        row.get::<i64>(0).map(i64::unsigned_abs)
    }
}

impl Rows for Counted {}
impl Detached for Counted {}
