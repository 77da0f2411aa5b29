//! Functions of the rows of a group: `count`, `sum`, and their kin.

use std::fmt;
use std::marker::PhantomData;

use super::function::only;
use super::window::Window;
use super::{AggregateBody, AggregateFunction, Condition, Expr, Holds, Kind, Node, Number};
use crate::query::Selection;
use crate::types::{ColumnType, SqlType};

/// A function of the rows of a group, whose value is a `T`: `count(Post::ID)`, `sum(Account::BALANCE)`. Wherever an
/// [`Expr`] can stand, one of these can.
///
/// # Example
/// ```
/// # use orm_blog::*;
/// # run(async |engine| {
/// use anyorm::prelude::*;
///
/// let all_and_rich = Account::select().columns((count_all(), count_all().filter(Account::BALANCE.gt(10))));
/// assert_eq!(engine.one(all_and_rich).await?, (2, 1));
/// # Ok(()) });
/// ```
#[must_use = "an aggregate does nothing until a statement uses it"]
pub struct Aggregate<T> {
    body: AggregateBody,
    type_: PhantomData<fn() -> T>,
}

impl<T> Aggregate<T> {
    pub(super) fn new(function: AggregateFunction, of: Option<Node>, answer: Option<ColumnType>) -> Self {
        let body = AggregateBody { function, distinct: false, of, filter: Vec::new(), answer };
        Self { body, type_: PhantomData }
    }

    pub(crate) fn into_node(self) -> Node {
        Node(Kind::Aggregate(Box::new(self.body)))
    }

    /// Counts only the rows that meet a condition: FILTER, or a CASE where the database has none. Repeated, all of the
    /// conditions.
    ///
    /// # Example
    /// ```
    /// # use orm_blog::*;
    /// # run(async |engine| {
    /// use anyorm::prelude::*;
    ///
    /// let notes = count(Post::ID).filter(Post::TITLE.starts_with("N"));
    /// let rows = User::select().left_join(User::POSTS).group_by(User::NAME).order_by(User::NAME);
    /// let rows = engine.all(rows.columns((User::NAME, count(Post::ID), notes))).await?;
    /// assert_eq!(rows, [("Ada".to_owned(), 2, 1), ("Grace".to_owned(), 0, 0)]);
    /// # Ok(()) });
    /// ```
    pub fn filter(mut self, condition: impl Condition) -> Self {
        self.body.filter.push(condition.condition());
        self
    }

    /// Takes equal values once.
    ///
    /// # Example
    /// ```
    /// # use orm_blog::*;
    /// # run(async |engine| {
    /// use anyorm::prelude::*;
    ///
    /// let authors = engine.scalar(Post::select().columns(count(Post::AUTHOR_ID).distinct())).await?;
    /// assert_eq!(authors, 1); // of two posts
    /// # Ok(()) });
    /// ```
    pub fn distinct(mut self) -> Self {
        self.body.distinct = true;
        self
    }

    /// Works on a [`Window`] of the rows instead of making one row of them: a running total, a share of the whole.
    ///
    /// # Example
    /// ```
    /// # use orm_blog::*;
    /// # run(async |engine| {
    /// use anyorm::prelude::*;
    ///
    /// use anyorm::expr::window;
    ///
    /// let running = sum(Account::BALANCE).over(window().order_by(Account::ID));
    /// let totals = Account::select().columns((Account::ID, running)).order_by(Account::ID);
    /// assert_eq!(engine.all(totals).await?, [(1, Some(50)), (2, Some(50))]);
    /// # Ok(()) });
    /// ```
    pub fn over(self, window: Window) -> Expr<T> {
        if self.body.distinct {
            return Expr::of(Kind::Problem(
                "no database counts different values over a window: count them in a query with `group_by`, and join it with \
                 `.derived()`"
                    .to_owned(),
            ));
        }
        let window = Box::new(window.into_body());
        Expr::of(Kind::Over { function: self.into_node().boxed(), window })
    }
}

impl<T> Clone for Aggregate<T> {
    fn clone(&self) -> Self {
        Self { body: self.body.clone(), type_: PhantomData }
    }
}

impl<T> fmt::Debug for Aggregate<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.body.fmt(f)
    }
}

impl<T> From<Aggregate<T>> for Expr<T> {
    fn from(aggregate: Aggregate<T>) -> Self {
        Self::new(aggregate.into_node())
    }
}

/// How many rows: `count(*)`.
///
/// # Example
/// ```
/// # use orm_blog::*;
/// # run(async |engine| {
/// use anyorm::prelude::*;
///
/// let posts = Post::select().group_by(Post::AUTHOR_ID).columns((Post::AUTHOR_ID, count_all()));
/// assert_eq!(engine.all(posts).await?, [(1, 2)]);
/// # Ok(()) });
/// ```
pub fn count_all() -> Aggregate<i64> {
    Aggregate::new(AggregateFunction::Count, None, None)
}

/// How many rows have a value in this column or expression, NULL aside. On a left join, it counts the rows that
/// found a partner.
///
/// # Example
/// ```
/// # use orm_blog::*;
/// # run(async |engine| {
/// use anyorm::prelude::*;
///
/// let posts = User::select().left_join(User::POSTS).group_by(User::NAME).order_by(User::NAME);
/// let posts = engine.all(posts.columns((User::NAME, count(Post::ID)))).await?;
/// assert_eq!(posts, [("Ada".to_owned(), 2), ("Grace".to_owned(), 0)]);
/// # Ok(()) });
/// ```
pub fn count(of: impl Selection<Output: SqlType>) -> Aggregate<i64> {
    Aggregate::new(AggregateFunction::Count, Some(only(of)), None)
}

/// How many different values there are, NULL aside.
///
/// # Example
/// ```
/// # use orm_blog::*;
/// # run(async |engine| {
/// use anyorm::prelude::*;
///
/// let authors = engine.scalar(Post::select().columns(anyorm::count_distinct(Post::AUTHOR_ID))).await?;
/// assert_eq!(authors, 1); // of two posts
/// # Ok(()) });
/// ```
pub fn count_distinct(of: impl Selection<Output: SqlType>) -> Aggregate<i64> {
    count(of).distinct()
}

/// The sum: an `i64` of integers, an `f64` of floats, a decimal of decimals (where the database has those); `None` of no rows.
///
/// # Example
/// ```
/// # use orm_blog::*;
/// # run(async |engine| {
/// use anyorm::prelude::*;
///
/// let money = engine.scalar(Account::select().columns(sum(Account::BALANCE))).await?;
/// assert_eq!(money, Some(50));
/// # Ok(()) });
/// ```
pub fn sum<S, N>(of: S) -> Aggregate<Option<N::Sum>>
where
    S: Selection<Output: SqlType<Base = N>>,
    N: Number,
{
    Aggregate::new(AggregateFunction::Sum, Some(only(of)), Some(<N::Sum as SqlType>::TYPE))
}

/// The average: an `f64` of integers and floats, a decimal of decimals; `None` of no rows.
///
/// # Example
/// ```
/// # use orm_blog::*;
/// # run(async |engine| {
/// use anyorm::prelude::*;
///
/// let average = engine.scalar(Account::select().columns(avg(Account::BALANCE))).await?;
/// assert_eq!(average, Some(25.0));
/// # Ok(()) });
/// ```
pub fn avg<S, N>(of: S) -> Aggregate<Option<N::Average>>
where
    S: Selection<Output: SqlType<Base = N>>,
    N: Number,
{
    Aggregate::new(AggregateFunction::Average, Some(only(of)), Some(<N::Average as SqlType>::TYPE))
}

/// The smallest value; `None` of no rows.
///
/// # Example
/// ```
/// # use orm_blog::*;
/// # run(async |engine| {
/// use anyorm::prelude::*;
///
/// assert_eq!(engine.scalar(User::select().columns(min(User::NAME))).await?, Some("Ada".to_owned()));
/// # Ok(()) });
/// ```
pub fn min<S: Selection<Output: SqlType>>(of: S) -> Aggregate<Option<<S::Output as SqlType>::Base>> {
    extreme::<S>(AggregateFunction::Minimum, of)
}

/// The greatest value; `None` of no rows.
///
/// # Example
/// ```
/// # use orm_blog::*;
/// # run(async |engine| {
/// use anyorm::prelude::*;
///
/// let nobody = User::select().filter(User::ID.gt(99));
/// assert_eq!(engine.scalar(nobody.columns(max(User::AGE))).await?, None);
/// # Ok(()) });
/// ```
pub fn max<S: Selection<Output: SqlType>>(of: S) -> Aggregate<Option<<S::Output as SqlType>::Base>> {
    extreme::<S>(AggregateFunction::Maximum, of)
}

/// Of booleans they have names of their own in some databases.
fn extreme<S: Selection<Output: SqlType>>(
    function: AggregateFunction,
    of: S,
) -> Aggregate<Option<<S::Output as SqlType>::Base>> {
    let answer = Some(S::Output::TYPE).filter(|ty| *ty == ColumnType::Bool);
    Aggregate::new(function, Some(only(of)), answer)
}

/// The texts of a group as one, with a separator between them, in any order; `None` of no rows.
///
/// # Example
/// ```
/// # use orm_blog::*;
/// # run(async |engine| {
/// use anyorm::prelude::*;
///
/// use anyorm::expr::string_agg;
///
/// let titles = User::select().join(User::POSTS).group_by(User::NAME).columns(string_agg(Post::TITLE, ", "));
/// let titles = engine.scalar(titles).await?.expect("she wrote");
/// assert!(titles == "Notes, Letters" || titles == "Letters, Notes");
/// # Ok(()) });
/// ```
pub fn string_agg<S: Selection<Output: SqlType + Holds<String>>>(
    of: S,
    separator: &'static str,
) -> Aggregate<Option<String>> {
    Aggregate::new(AggregateFunction::Texts(separator), Some(only(of)), None)
}
