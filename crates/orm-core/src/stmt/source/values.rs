//! Lists of values to read from.

use super::cte::RowsetArgument;
use super::{Derived, Fields, Sourced};
use crate::cells::Cells;
use crate::query::Values;
use crate::stmt::Body;
use crate::types::ColumnType;

/// Rows of bound values.
#[derive(Clone, Debug)]
pub(crate) struct ValuesBody {
    pub(crate) cells: Cells,
    pub(crate) types: Vec<ColumnType>,
}

/// Rows of values, to join or to select from as from a table. A list without rows is a table without rows.
///
/// # Example
/// ```
/// # use orm_blog::*;
/// # run(async |engine| {
/// use anyorm::prelude::*;
///
/// use anyorm::values;
///
/// let wanted = values([(1_i64, "first".to_owned()), (99, "lost".to_owned())]);
/// let (id, word) = wanted.columns();
/// let found = User::select().join_on(&wanted, id.eq(User::ID)).columns((User::NAME, word));
/// assert_eq!(engine.all(found).await?, [("Ada".to_owned(), "first".to_owned())]);
/// # Ok(()) });
/// ```
pub fn values<T: Fields>(rows: impl IntoIterator<Item = T>) -> Derived<T> {
    let mut body = ValuesBody { cells: Cells::default(), types: Vec::with_capacity(T::WIDTH) };
    T::types(&mut body.types);
    rows.into_iter().for_each(|row| row.encode(&mut body.cells));
    <Values<T> as Sourced>::with(RowsetArgument(Body::Values(Box::new(body))))
}
