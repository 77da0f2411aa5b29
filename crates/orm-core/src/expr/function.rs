//! Functions: aggregates, `coalesce`, `abs`, `case`, conditions from lists.

use std::marker::PhantomData;

use super::{Condition, Expr, Holds, Kind, Logic, Node, Number, Operand};
use crate::query::Selection;
use crate::types::{ColumnType, SqlType};

/// How many rows: `count(*)`.
pub fn count_all() -> Expr<i64> {
    Expr::of(Kind::Aggregate { name: "count", distinct: false, of: None, answer: None })
}

/// How many rows have a value in this column or expression, NULL aside. On a left join, it counts the rows that
/// found a partner.
///
/// ```
/// # mod entities { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/sql/entities.rs")); }
/// # use entities::*;
/// # fn main() -> orm_core::Result<()> {
/// use orm_core::{Entity, count};
///
/// let _posts_by_name = User::select()
///     .left_join(User::POSTS)
///     .group_by(User::NAME)
///     .columns((User::NAME, count(Post::ID)));
/// # Ok(())
/// # }
/// ```
pub fn count(of: impl Selection<Output: SqlType>) -> Expr<i64> {
    aggregate("count", false, of, None)
}

/// How many different values there are, NULL aside.
pub fn count_distinct(of: impl Selection<Output: SqlType>) -> Expr<i64> {
    aggregate("count", true, of, None)
}

/// The sum: an `i64` of integers, an `f64` of floats; `None` of no rows.
pub fn sum<S, N>(of: S) -> Expr<Option<N::Sum>>
where
    S: Selection<Output: SqlType<Base = N>>,
    N: Number,
{
    aggregate("sum", false, of, Some(<N::Sum as SqlType>::TYPE))
}

/// The average; `None` of no rows.
pub fn avg<S, N>(of: S) -> Expr<Option<f64>>
where
    S: Selection<Output: SqlType<Base = N>>,
    N: Number,
{
    aggregate("avg", false, of, Some(ColumnType::Double))
}

/// The smallest value; `None` of no rows.
pub fn min<S: Selection<Output: SqlType>>(of: S) -> Expr<Option<<S::Output as SqlType>::Base>> {
    aggregate("min", false, of, None)
}

/// The greatest value; `None` of no rows.
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
pub fn coalesce<S, V>(of: S, otherwise: V) -> Expr<<S::Output as SqlType>::Base>
where
    S: Selection<Output: SqlType>,
    V: Operand<<S::Output as SqlType>::Base>,
{
    Expr::of(Kind::Function { name: "coalesce", arguments: vec![only(of), otherwise.operand()] })
}

/// The value without its sign.
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
/// ```
/// use orm_core::{Expr, all_of};
/// let _everything: Expr<bool> = all_of(Vec::<Expr<bool>>::new());
/// ```
pub fn all_of<C: Condition>(conditions: impl IntoIterator<Item = C>) -> Expr<bool> {
    from_list(Logic::And, conditions)
}

/// Any of these conditions; false if there are none.
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
/// ```
/// use orm_core::{Expr, all_of, case};
/// # let is_adult: Expr<bool> = all_of(Vec::<Expr<bool>>::new());
/// let group = case::<String>().when(is_adult, "adult").otherwise("minor");
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
