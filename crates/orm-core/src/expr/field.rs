//! Columns of what has no name of its own in Rust: an alias of a table, a subquery, a CTE, a list of values.

use std::fmt;
use std::marker::PhantomData;

use super::{Expr, Kind, Node};
use crate::stmt::{FieldColumn, SourceId};

/// A column of type `T` of an [`Alias`](crate::Alias) or of a [`Derived`](crate::Derived) table. It has all that a
/// [`Column`](crate::Column) has, but cannot be written.
///
/// # Example
/// ```
/// # use orm_blog::*;
/// # run(async |engine| {
/// use anyorm::prelude::*;
///
/// let other = User::alias();
/// let age = other.column(User::AGE); // of the other one
/// let older = User::select().join_on(&other, age.gt(User::AGE)).columns(User::NAME);
/// assert_eq!(engine.all(older).await?, Vec::<String>::new()); // nobody has two ages to compare
/// # Ok(()) });
/// ```
pub struct Field<T> {
    source: SourceId,
    column: FieldColumn,
    type_: PhantomData<fn() -> T>,
}

impl<T> Field<T> {
    pub(crate) fn new(source: SourceId, column: FieldColumn) -> Self {
        Self { source, column, type_: PhantomData }
    }

    pub(crate) fn into_node(self) -> Node {
        Node(Kind::Field { source: self.source, column: self.column })
    }
}

impl<T> Clone for Field<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Field<T> {}

impl<T> fmt::Debug for Field<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Field").field("source", &self.source).field("column", &self.column).finish()
    }
}

impl<T> From<Field<T>> for Expr<T> {
    fn from(field: Field<T>) -> Self {
        Self::new(field.into_node())
    }
}
