//! What a statement answers, as types: whole entities, entities with relations, or a projection.

mod dynamic;
mod structs;

pub use dynamic::DynamicRow;
pub(crate) use structs::Projected;
#[doc(hidden)]
pub use structs::{Gives, NestedProjection, NestedRow, RowField, RowStruct, read_struct};
pub use structs::{Projection, RowOf};

use std::marker::PhantomData;

use crate::column::Column;
use crate::entity::Entity;
use crate::error::Result;
use crate::expr::{Aggregate, Expr, Field, Node};
use crate::row::{ColumnError, Row};
use crate::stmt::Statement;
use crate::types::SqlType;

/// What each row of an answer becomes.
pub trait Shape: Send + 'static {
    /// The plain value.
    type Plain: Send + 'static;

    /// Reads one row.
    ///
    /// # Errors
    /// If a value does not fit.
    fn decode(row: &Row<'_>) -> Result<Self::Plain, ColumnError>;
}

/// Shapes with rows: all but [`Nothing`].
#[diagnostic::on_unimplemented(
    message = "this statement answers no rows",
    label = "no rows to read",
    note = "run it with `execute(..)`, or add `.returning(..)`, which says what to read"
)]
pub trait Rows: Shape {}
impl<E: Entity> Rows for Whole<E> {}
impl<E: Entity> Rows for Graph<E> {}
impl<T: FromRow> Rows for Values<T> {}

/// Shapes that make sense without a session. [`Graph`] does not: its relations are handles.
#[diagnostic::on_unimplemented(
    message = "`.with(..)` loads relations as handles, and `.populate_existing()` overwrites entities: both need a session",
    label = "needs a session",
    note = "run the query with `session.all(..)`, or leave them out for plain values"
)]
pub trait Detached: Shape {}

/// Whole entities: all their columns.
#[derive(Debug)]
pub struct Whole<E>(PhantomData<fn() -> E>);

/// Entities for a session: with the relations that `.with(..)` names, or by `.populate_existing()`.
#[derive(Debug)]
pub struct Graph<E>(PhantomData<fn() -> E>);

/// Plain values: a column, or a tuple of columns and expressions.
#[derive(Debug)]
pub struct Values<T>(PhantomData<fn() -> T>);

/// No rows: a statement that is only executed.
#[derive(Debug)]
pub enum Nothing {}

impl Shape for Nothing {
    type Plain = ();

    fn decode(_row: &Row<'_>) -> Result<(), ColumnError> {
        Ok(())
    }
}

impl<E: Entity> Shape for Whole<E> {
    type Plain = E;

    fn decode(row: &Row<'_>) -> Result<E, ColumnError> {
        E::decode(row).map_err(|error| error.of_row(E::meta(), row))
    }
}

impl Detached for Nothing {}
impl<E: Entity> Detached for Whole<E> {}

impl<E: Entity> Shape for Graph<E> {
    type Plain = E;

    fn decode(row: &Row<'_>) -> Result<E, ColumnError> {
        <Whole<E> as Shape>::decode(row)
    }
}

impl<T: FromRow> Shape for Values<T> {
    type Plain = T;

    fn decode(row: &Row<'_>) -> Result<T, ColumnError> {
        T::from_row(row)
    }
}

impl<T: FromRow> Detached for Values<T> {}

/// A value made of the columns of a row: one [`SqlType`], a tuple of up to sixteen, a struct that derives it, or a
/// [`DynamicRow`].
///
/// # Example
/// ```
/// # use orm_blog::*;
/// # run(async |engine| {
/// use anyorm::prelude::*;
///
/// let row = sql("SELECT name, age, 7 FROM users WHERE id = 2");
/// let (name, age, seven) = engine.one(row.returning::<(String, Option<i32>, i64)>()).await?;
/// assert_eq!((&*name, age, seven), ("Grace", None, 7));
/// # Ok(()) });
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be read from a row",
    note = "read one column as an i64, String, Option<..>; several as a tuple of up to sixteen, or as a struct with \
            `#[derive(FromRow)]`"
)]
pub trait FromRow: Sized + Send + 'static {
    /// Reads the row.
    ///
    /// # Errors
    /// If a value does not fit.
    fn from_row(row: &Row<'_>) -> Result<Self, ColumnError>;
}

impl<T: SqlType> FromRow for T {
    #[inline]
    fn from_row(row: &Row<'_>) -> Result<Self, ColumnError> {
        row.get(0)
    }
}

/// What a query selects instead of whole entities: a column, an expression, or a tuple of up to sixteen.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be selected",
    label = "not a column, an expression, or a tuple of up to sixteen of these",
    note = "select columns like `User::NAME` and expressions like `count(Post::ID)`; a window function is one after `.over(..)`"
)]
pub trait Selection {
    /// What each row becomes.
    type Output: FromRow;

    /// Adds its parts.
    fn nodes(self, out: &mut Vec<Node>);
}

impl<E: Entity, T: SqlType> Selection for Column<E, T> {
    type Output = T;

    fn nodes(self, out: &mut Vec<Node>) {
        out.push(Expr::<T>::from(self).into_node());
    }
}

impl<T: SqlType> Selection for Field<T> {
    type Output = T;

    fn nodes(self, out: &mut Vec<Node>) {
        out.push(self.into_node());
    }
}

impl<T: SqlType> Selection for Aggregate<T> {
    type Output = T;

    fn nodes(self, out: &mut Vec<Node>) {
        out.push(self.into_node());
    }
}

impl<T: SqlType> Selection for Expr<T> {
    type Output = T;

    fn nodes(self, out: &mut Vec<Node>) {
        out.push(self.into_node());
    }
}

macro_rules! tuple {
    ($($part:ident $at:tt),*) => {
        impl<$($part: SqlType),*> FromRow for ($($part,)*) {
            #[inline]
            fn from_row(row: &Row<'_>) -> Result<Self, ColumnError> {
                Ok(($(row.get::<$part>($at)?,)*))
            }
        }

        impl<$($part: Selection<Output: SqlType>),*> Selection for ($($part,)*) {
            type Output = ($($part::Output,)*);

            fn nodes(self, out: &mut Vec<Node>) {
                $(self.$at.nodes(out);)*
            }
        }
    };
}

crate::each_tuple!(tuple);
tuple!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9, K 10, L 11, M 12);
tuple!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9, K 10, L 11, M 12, N 13);
tuple!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9, K 10, L 11, M 12, N 13, O 14);
tuple!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9, K 10, L 11, M 12, N 13, O 14, P 15);

/// Anything that can be run and says what its rows become.
///
/// # Example
/// ```
/// # use orm_blog::*;
/// # run(async |engine| {
/// use anyorm::prelude::*;
///
/// use anyorm::Query;
///
/// async fn has_several(engine: &Engine, query: impl Query) -> anyorm::Result<bool> {
///     Ok(engine.count(query).await? > 1)
/// }
///
/// assert!(has_several(&engine, Post::select().filter(Post::AUTHOR_ID.eq(1))).await?);
/// assert!(!has_several(&engine, sql("SELECT 1").returning::<i64>()).await?);
/// # Ok(()) });
/// ```
pub trait Query: Send {
    /// What its rows become.
    type Shape: Shape;

    /// The statement.
    ///
    /// # Errors
    /// If it contradicts itself: a column of a table that is not in FROM, say. Nothing is sent.
    fn statement(self) -> Result<Statement>;
}
