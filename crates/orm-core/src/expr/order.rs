//! The order of rows.

use super::{Aggregate, Expr, Field, Node};
use crate::column::Column;
use crate::entity::Entity;
use crate::types::SqlType;

/// One part of ORDER BY: `User::NAME.asc()`.
#[derive(Clone, Debug)]
///
/// # Example
/// ```
/// # use orm_blog::*;
/// # run(async |engine| {
/// use anyorm::prelude::*;
///
/// let oldest_first = User::select().order_by((User::AGE.desc().nulls_last(), User::NAME));
/// assert_eq!(engine.all(oldest_first.columns(User::NAME)).await?, ["Ada", "Grace"]);
/// # Ok(()) });
/// ```
#[must_use = "an order does nothing until a statement uses it"]
pub struct Order {
    pub(crate) node: Node,
    pub(crate) descending: bool,
    pub(crate) nulls_first: Option<bool>,
}

impl Order {
    fn new(node: Node, descending: bool) -> Self {
        Self { node, descending, nulls_first: None }
    }

    /// NULLs before all values. Without either, SQLite takes NULL for the smallest value, PostgreSQL for the
    /// greatest.
    pub fn nulls_first(mut self) -> Self {
        self.nulls_first = Some(true);
        self
    }

    /// NULLs after all values.
    pub fn nulls_last(mut self) -> Self {
        self.nulls_first = Some(false);
        self
    }
}

macro_rules! ordered {
    ([$($generics:tt)*] $of:ty) => {
        impl<$($generics)*> $of {
            /// Smallest first.
            pub fn asc(self) -> Order {
                Order::new(self.into_node(), false)
            }

            /// Greatest first.
            pub fn desc(self) -> Order {
                Order::new(self.into_node(), true)
            }
        }

        impl<$($generics)*> OrderBy for $of {
            fn orders(self, out: &mut Vec<Order>) {
                out.push(self.asc());
            }
        }
    };
}

ordered!([T: SqlType] Expr<T>);
ordered!([T: SqlType] Field<T>);
ordered!([T: SqlType] Aggregate<T>);
ordered!([E: Entity, T: SqlType] Column<E, T>);

/// What rows are ordered by: a column or expression (smallest first), an [`Order`], a list or a tuple of these.
#[diagnostic::on_unimplemented(
    message = "rows cannot be ordered by `{Self}`",
    label = "not a column or expression",
    note = "give a column, `User::NAME.desc()`, or a tuple of up to eight of these"
)]
pub trait OrderBy {
    /// Adds its parts, the most significant first.
    fn orders(self, out: &mut Vec<Order>);
}

impl OrderBy for Order {
    fn orders(self, out: &mut Vec<Order>) {
        out.push(self);
    }
}

impl OrderBy for Vec<Order> {
    fn orders(self, out: &mut Vec<Order>) {
        out.extend(self);
    }
}

macro_rules! tuple {
    ($($part:ident)*) => {
        impl<$($part: OrderBy),*> OrderBy for ($($part,)*) {
            #[allow(non_snake_case, reason = "one name for a type and its value")]
            fn orders(self, out: &mut Vec<Order>) {
                let ($($part,)*) = self;
                $($part.orders(out);)*
            }
        }
    };
}

tuple!(A);
tuple!(A B);
tuple!(A B C);
tuple!(A B C D);
tuple!(A B C D E);
tuple!(A B C D E F);
tuple!(A B C D E F G);
tuple!(A B C D E F G H);
