//! CTEs that read from themselves.

use super::Sourced;
use crate::stmt::{Rowset, RowsetOf};

/// A CTE that is made of a query for where to begin, and one that goes on from what was found before, until it finds
/// nothing new: trees, chains, series. Both have the same type of rows. A row that was found before is not found again, so
/// that circles come to an end.
///
/// The second query reads from what the closure is given, and from other tables.
///
/// # Example
/// ```
/// # use orm_blog::*;
/// # run(async |engine| {
/// use anyorm::prelude::*;
///
/// use anyorm::{recursive, values};
///
/// let numbers = recursive(values([1_i64]).select(), |numbers| {
///     let n = numbers.columns();
///     numbers.select().filter(n.lt(5)).columns(n + 1)
/// });
/// assert_eq!(engine.all(numbers.select()).await?, [1, 2, 3, 4, 5]);
/// # Ok(()) });
/// ```
pub fn recursive<B, N>(
    base: B,
    step: impl FnMut(&<B::Shape as Sourced>::Source) -> N,
) -> <B::Shape as Sourced>::Source
where
    B: Rowset<Shape: Sourced>,
    N: RowsetOf<B::Shape>,
{
    recursion(false, base, step)
}

/// As [`recursive`], with rows that were found before: UNION ALL, for data without circles.
///
/// # Example
/// ```
/// # use orm_blog::*;
/// # run(async |engine| {
/// use anyorm::prelude::*;
///
/// use anyorm::{recursive_all, values};
///
/// // The sum of the numbers to 4, by steps.
/// let sums = recursive_all(values([(1_i64, 1_i64)]).select(), |sums| {
///     let (n, sum) = sums.columns();
///     sums.select().filter(n.lt(4)).columns((n + 1, sum + n + 1))
/// });
/// let (_, sum) = sums.columns();
/// assert_eq!(engine.scalar(sums.select().columns(max(sum))).await?, Some(10));
/// # Ok(()) });
/// ```
pub fn recursive_all<B, N>(
    base: B,
    step: impl FnMut(&<B::Shape as Sourced>::Source) -> N,
) -> <B::Shape as Sourced>::Source
where
    B: Rowset<Shape: Sourced>,
    N: RowsetOf<B::Shape>,
{
    recursion(true, base, step)
}

fn recursion<B, N>(
    all: bool,
    base: B,
    mut step: impl FnMut(&<B::Shape as Sourced>::Source) -> N,
) -> <B::Shape as Sourced>::Source
where
    B: Rowset<Shape: Sourced>,
    N: RowsetOf<B::Shape>,
{
    <B::Shape as Sourced>::recursion(all, base.into_rowset(), &mut |itself| step(itself).into_rowset())
}
