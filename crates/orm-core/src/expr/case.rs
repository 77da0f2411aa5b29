//! CASE.

use std::marker::PhantomData;

use super::{Condition, Expr, Holds, Kind, Node, Operand};
use crate::types::SqlType;

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
pub(super) fn typed<T: SqlType>(node: Node) -> Node {
    match node.0 {
        Kind::Value(value) => Node(Kind::Typed(value, T::TYPE)),
        kind => Node(kind),
    }
}
