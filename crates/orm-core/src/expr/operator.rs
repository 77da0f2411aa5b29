//! `+ - * /` on numbers, `&`, `|` and `!` on conditions.

use std::ops::{Add, BitAnd, BitOr, Div, Mul, Not, Sub};

use super::{Condition, Expr, Holds, Kind, Logic, Node, Number, Operand};
use crate::column::Column;
use crate::entity::Entity;
use crate::types::SqlType;

macro_rules! arithmetic {
    ($($trait:ident $method:ident $op:literal),*) => {$(
        impl<T: SqlType<Base: Number>, V: Operand<T::Base>> $trait<V> for Expr<T> {
            type Output = Expr<T>;

            fn $method(self, right: V) -> Expr<T> {
                calculate($op, self.into_node(), right.operand())
            }
        }

        impl<E: Entity, T: SqlType<Base: Number>, V: Operand<T::Base>> $trait<V> for Column<E, T> {
            type Output = Expr<T>;

            fn $method(self, right: V) -> Expr<T> {
                calculate($op, self.node(), right.operand())
            }
        }
    )*};
}

arithmetic!(Add add '+', Sub sub '-', Mul mul '*', Div div '/');

fn calculate<T>(op: char, left: Node, right: Node) -> Expr<T> {
    Expr::of(Kind::Arithmetic { op, left: left.boxed(), right: right.boxed() })
}

macro_rules! logic {
    ($($trait:ident $method:ident $op:ident),*) => {$(
        impl<T: Holds<bool>, C: Condition> $trait<C> for Expr<T> {
            type Output = Expr<bool>;

            fn $method(self, right: C) -> Expr<bool> {
                Expr::new(self.into_node().logic(Logic::$op, right.condition()))
            }
        }

        impl<E: Entity, T: Holds<bool>, C: Condition> $trait<C> for Column<E, T> {
            type Output = Expr<bool>;

            fn $method(self, right: C) -> Expr<bool> {
                Expr::new(self.node().logic(Logic::$op, right.condition()))
            }
        }
    )*};
}

logic!(BitAnd bitand And, BitOr bitor Or);

impl<T: Holds<bool>> Not for Expr<T> {
    type Output = Expr<bool>;

    fn not(self) -> Expr<bool> {
        negate(self.into_node())
    }
}

impl<E: Entity, T: Holds<bool>> Not for Column<E, T> {
    type Output = Expr<bool>;

    fn not(self) -> Expr<bool> {
        negate(self.node())
    }
}

fn negate(node: Node) -> Expr<bool> {
    match node.0 {
        Kind::Not(of) => Expr::new(*of),
        kind => Expr::of(Kind::Not(Node(kind).boxed())),
    }
}
