//! `+ - * / %` and `-` on numbers, `&`, `|` and `!` on conditions.

use std::ops::{Add, BitAnd, BitOr, Div, Mul, Neg, Not, Rem, Sub};

use super::{
    Aggregate, Arithmetic, Condition, Expr, Field, Function, Holds, Kind, Logic, Node, Number, Operand,
};
use crate::column::Column;
use crate::entity::Entity;
use crate::types::SqlType;

macro_rules! calculated {
    ([$($generics:tt)*] $of:ty: $trait:ident $method:ident $op:expr) => {
        impl<$($generics)*, V: Operand<T::Base>> $trait<V> for $of
        where
            T: SqlType<Base: Number>,
        {
            type Output = Expr<T>;

            fn $method(self, right: V) -> Expr<T> {
                calculate($op, self.into_node(), right.operand())
            }
        }
    };
}

macro_rules! arithmetic {
    ($($trait:ident $method:ident $op:expr),*) => {$(
        calculated!([T] Expr<T>: $trait $method $op);
        calculated!([T] Field<T>: $trait $method $op);
        calculated!([T] Aggregate<T>: $trait $method $op);
        calculated!([E: Entity, T] Column<E, T>: $trait $method $op);
    )*};
}

arithmetic!(
    Add add Arithmetic::Add,
    Sub sub Arithmetic::Subtract,
    Mul mul Arithmetic::Multiply,
    Div div division::<T>(),
    Rem rem Arithmetic::Remainder
);

/// Integers are divided as in Rust, everywhere.
fn division<T: SqlType>() -> Arithmetic {
    if T::TYPE.is_integer() { Arithmetic::DivideIntegers } else { Arithmetic::Divide }
}

fn calculate<T: SqlType>(op: Arithmetic, left: Node, right: Node) -> Expr<T> {
    // Of floats, `%` means something else in each database, or nothing.
    if op == Arithmetic::Remainder && T::TYPE.is_float() {
        return Expr::of(Kind::Call { function: Function::RemainderOfFloats, arguments: vec![left, right] });
    }
    Expr::calculated(Kind::Arithmetic { op, left: left.boxed(), right: right.boxed() })
}

macro_rules! combined {
    ([$($generics:tt)*] $of:ty: $trait:ident $method:ident $op:ident) => {
        impl<$($generics)*, C: Condition> $trait<C> for $of
        where
            T: Holds<bool>,
        {
            type Output = Expr<bool>;

            fn $method(self, right: C) -> Expr<bool> {
                Expr::new(self.into_node().logic(Logic::$op, right.condition()))
            }
        }
    };
}

macro_rules! logic {
    ($($trait:ident $method:ident $op:ident),*) => {$(
        combined!([T] Expr<T>: $trait $method $op);
        combined!([T] Field<T>: $trait $method $op);
        combined!([E: Entity, T] Column<E, T>: $trait $method $op);
    )*};
}

logic!(BitAnd bitand And, BitOr bitor Or);

macro_rules! unary {
    ([$($generics:tt)*] $of:ty) => {
        impl<$($generics)*> Not for $of
        where
            T: Holds<bool>,
        {
            type Output = Expr<bool>;

            fn not(self) -> Expr<bool> {
                negate(self.into_node())
            }
        }

        impl<$($generics)*> Neg for $of
        where
            T: SqlType<Base: Number>,
        {
            type Output = Expr<T>;

            fn neg(self) -> Expr<T> {
                Expr::calculated(Kind::Negative(self.into_node().boxed()))
            }
        }
    };
}

unary!([T] Expr<T>);
unary!([T] Field<T>);
unary!([E: Entity, T] Column<E, T>);

fn negate(node: Node) -> Expr<bool> {
    match node.0 {
        Kind::Not(of) => Expr::new(*of),
        kind => Expr::of(Kind::Not(Node(kind).boxed())),
    }
}
