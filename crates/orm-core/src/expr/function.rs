//! Functions: aggregates, `coalesce`, `abs`, `case`, conditions from lists.

use std::marker::PhantomData;

use super::{Condition, Expr, Holds, Kind, Logic, Node, Number, Operand};
use crate::query::Selection;
use crate::types::{ColumnType, SqlType};

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
pub fn count_all() -> Expr<i64> {
    Expr::of(Kind::Aggregate { name: "count", distinct: false, of: None, answer: None })
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
pub fn count(of: impl Selection<Output: SqlType>) -> Expr<i64> {
    aggregate("count", false, of, None)
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
pub fn count_distinct(of: impl Selection<Output: SqlType>) -> Expr<i64> {
    aggregate("count", true, of, None)
}

/// The sum: an `i64` of integers, an `f64` of floats; `None` of no rows.
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
pub fn sum<S, N>(of: S) -> Expr<Option<N::Sum>>
where
    S: Selection<Output: SqlType<Base = N>>,
    N: Number,
{
    aggregate("sum", false, of, Some(<N::Sum as SqlType>::TYPE))
}

/// The average; `None` of no rows.
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
pub fn avg<S, N>(of: S) -> Expr<Option<f64>>
where
    S: Selection<Output: SqlType<Base = N>>,
    N: Number,
{
    aggregate("avg", false, of, Some(ColumnType::Double))
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
pub fn min<S: Selection<Output: SqlType>>(of: S) -> Expr<Option<<S::Output as SqlType>::Base>> {
    aggregate("min", false, of, None)
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
pub fn max<S: Selection<Output: SqlType>>(of: S) -> Expr<Option<<S::Output as SqlType>::Base>> {
    aggregate("max", false, of, None)
}

fn aggregate<S: Selection<Output: SqlType>, T>(
    name: &'static str,
    distinct: bool,
    of: S,
    answer: Option<ColumnType>,
) -> Expr<T> {
    Expr::of(Kind::Aggregate { name, distinct, of: Some(only(of).boxed()), answer })
}

/// The value, or another one where it is NULL. The result is not NULL, so give one that is not.
///
/// # Example
/// ```
/// # use orm_blog::*;
/// # run(async |engine| {
/// use anyorm::prelude::*;
///
/// let ages = User::select().columns(anyorm::coalesce(User::AGE, 0)).order_by(User::ID);
/// let ages: Vec<i32> = engine.all(ages).await?;
/// assert_eq!(ages, [36, 0]);
/// # Ok(()) });
/// ```
pub fn coalesce<S, V>(of: S, otherwise: V) -> Expr<<S::Output as SqlType>::Base>
where
    S: Selection<Output: SqlType>,
    V: Operand<<S::Output as SqlType>::Base>,
{
    Expr::of(Kind::Function { name: "coalesce", arguments: vec![only(of), otherwise.operand()] })
}

/// The value without its sign.
///
/// # Example
/// ```
/// # use orm_blog::*;
/// # run(async |engine| {
/// use anyorm::prelude::*;
///
/// let distances = Account::select().columns(anyorm::expr::abs(Account::BALANCE - 20)).order_by(Account::ID);
/// assert_eq!(engine.all(distances).await?, [30, 20]);
/// # Ok(()) });
/// ```
pub fn abs<S: Selection<Output: SqlType<Base: Number>>>(of: S) -> Expr<S::Output> {
    Expr::of(Kind::Function { name: "abs", arguments: vec![only(of)] })
}

/// The node of a selection that is a single column or expression, as its `Output: SqlType` says.
fn only(of: impl Selection) -> Node {
    let mut nodes = Vec::with_capacity(1);
    of.nodes(&mut nodes);
    nodes.pop().expect("a selection of one value has one node")
}

/// All of these conditions; true if there are none. For conditions that are put together at run time.
///
/// # Example
/// ```
/// # use orm_blog::*;
/// # run(async |engine| {
/// use anyorm::prelude::*;
///
/// use anyorm::expr::all_of;
///
/// let (youngest, name) = (Some(18), None::<&str>); // what a form asked for
/// let mut conditions = Vec::new();
/// conditions.extend(youngest.map(|age| User::AGE.ge(age)));
/// conditions.extend(name.map(|name| User::NAME.eq(name)));
/// assert_eq!(engine.count(User::select().filter(all_of(conditions))).await?, 1);
/// # Ok(()) });
/// ```
pub fn all_of<C: Condition>(conditions: impl IntoIterator<Item = C>) -> Expr<bool> {
    from_list(Logic::And, conditions)
}

/// Any of these conditions; false if there are none.
///
/// # Example
/// ```
/// # use orm_blog::*;
/// # run(async |engine| {
/// use anyorm::prelude::*;
///
/// use anyorm::expr::any_of;
///
/// let found = any_of(["Gr", "Hi"].map(|start| User::NAME.starts_with(start)));
/// assert_eq!(engine.one(User::select().filter(found)).await?.name, "Grace");
/// # Ok(()) });
/// ```
pub fn any_of<C: Condition>(conditions: impl IntoIterator<Item = C>) -> Expr<bool> {
    from_list(Logic::Or, conditions)
}

fn from_list<C: Condition>(op: Logic, conditions: impl IntoIterator<Item = C>) -> Expr<bool> {
    let joined = conditions.into_iter().map(Condition::condition).reduce(|left, right| left.logic(op, right));
    // Not a bound value: PostgreSQL could not tell its type, and SQLite could not plan with it.
    Expr::new(joined.unwrap_or_else(|| Node(Kind::Logic { op, nodes: Vec::new() })))
}

/// Begins `CASE WHEN .. THEN .. END`. `T` is the type of the values, without `Option`.
///
/// # Example
/// ```
/// # use orm_blog::*;
/// # run(async |engine| {
/// use anyorm::prelude::*;
///
/// use anyorm::expr::case;
///
/// let group = case::<String>().when(User::AGE.ge(18), "adult").otherwise("not known");
/// let groups = engine.all(User::select().columns(group).order_by(User::ID)).await?;
/// assert_eq!(groups, ["adult", "not known"]);
/// # Ok(()) });
/// ```
pub fn case<T: SqlType<Base = T>>() -> Case<T> {
    Case { branches: Vec::new(), type_: PhantomData }
}

/// A CASE that is being built. Made by [`case`].
#[derive(Clone, Debug)]
#[must_use = "a case is an expression after `otherwise` or `end`"]
pub struct Case<T> {
    branches: Vec<(Node, Node)>,
    type_: PhantomData<fn() -> T>,
}

impl<T: SqlType<Base = T>> Case<T> {
    /// The value if the condition is true and none before it was.
    pub fn when<V: Operand<T>>(mut self, condition: impl Condition, value: V) -> Self {
        self.branches.push((condition.condition(), typed::<T>(value.operand())));
        self
    }

    /// The value if no condition is true. The result is not NULL, so give values that are not.
    pub fn otherwise<V: Operand<T>>(self, value: V) -> Expr<T>
    where
        T: Holds<T>,
    {
        self.finish(Some(typed::<T>(value.operand()).boxed()))
    }

    /// NULL if no condition is true.
    pub fn end(self) -> Expr<Option<T>> {
        self.finish(None)
    }

    fn finish<U>(self, otherwise: Option<Box<Node>>) -> Expr<U> {
        Expr::of(if self.branches.is_empty() {
            Kind::Problem("a `case` needs at least one `when(condition, value)`".to_owned())
        } else {
            Kind::Case { branches: self.branches, otherwise }
        })
    }
}

/// A value in a place that does not tell its type.
fn typed<T: SqlType>(node: Node) -> Node {
    match node.0 {
        Kind::Value(value) => Node(Kind::Typed(value, T::TYPE)),
        kind => Node(kind),
    }
}
