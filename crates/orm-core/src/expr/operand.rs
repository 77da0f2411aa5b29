//! What can stand on the other side of an operator: values, columns, expressions.

use super::{Aggregate, Expr, Field, Kind, Node};
use crate::column::Column;
use crate::entity::Entity;
use crate::types::SqlType;
use crate::value::Value;

/// What a column of base type `B` can be compared with or set to: a `B`, an `Option<B>`, a column or an expression
/// that holds one. Text also takes `&str`, bytes also `&[u8]`.
///
/// There is exactly one integer type for each `B`, so that `User::AGE.ge(18)` needs no suffix, and exactly one
/// `Option`, so that `eq(None)` needs no type.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be compared with, or stored in, a column of type `{B}`",
    label = "the column holds `{B}`",
    note = "give `{B}`, `Option<{B}>`, or a column or expression of one of these types"
)]
pub trait Operand<B> {
    /// The value or expression as a part of a statement.
    fn operand(self) -> Node;
}

/// Types that hold a `B`: `B` itself and `Option<B>`.
#[diagnostic::on_unimplemented(
    message = "a column or expression of type `{Self}` does not hold `{B}`",
    label = "its type is `{Self}`, `{B}` is needed here"
)]
pub trait Holds<B> {}

impl<T: SqlType<Base = T>> Holds<T> for T {}
impl<T: SqlType<Base = T>> Holds<T> for Option<T> {}

impl<T: SqlType<Base = T>> Operand<T> for T {
    fn operand(self) -> Node {
        Node::bound(&self)
    }
}

impl<T: SqlType<Base = T>> Operand<T> for Option<T> {
    fn operand(self) -> Node {
        match self {
            Some(value) => value.operand(),
            None => Node(Kind::Value(Value::Null)),
        }
    }
}

impl<B, E: Entity, T: Holds<B>> Operand<B> for Column<E, T> {
    fn operand(self) -> Node {
        self.node()
    }
}

impl<B, T: Holds<B>> Operand<B> for Expr<T> {
    fn operand(self) -> Node {
        self.into_node()
    }
}

impl<B, T: Holds<B>> Operand<B> for Field<T> {
    fn operand(self) -> Node {
        self.into_node()
    }
}

impl<B, T: Holds<B>> Operand<B> for Aggregate<T> {
    fn operand(self) -> Node {
        self.into_node()
    }
}

impl Operand<String> for &str {
    fn operand(self) -> Node {
        Node(Kind::Value(Value::Text(self.to_owned())))
    }
}

impl Operand<String> for &String {
    fn operand(self) -> Node {
        self.as_str().operand()
    }
}

impl Operand<Vec<u8>> for &[u8] {
    fn operand(self) -> Node {
        Node(Kind::Value(Value::Bytes(self.to_vec())))
    }
}

impl Operand<Vec<u8>> for &Vec<u8> {
    fn operand(self) -> Node {
        self.as_slice().operand()
    }
}

impl<const N: usize> Operand<Vec<u8>> for &[u8; N] {
    fn operand(self) -> Node {
        self.as_slice().operand()
    }
}

/// What a row either meets or not: an `Expr<bool>`, or a boolean column.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a condition",
    label = "not a condition",
    note = "compare something: `User::AGE.ge(18)`; combine conditions with `&`, `|` and `!`, not `&&` and `||`"
)]
pub trait Condition {
    /// The condition as a part of a statement.
    fn condition(self) -> Node;
}

impl<T: Holds<bool>> Condition for Expr<T> {
    fn condition(self) -> Node {
        self.into_node()
    }
}

impl<T: Holds<bool>> Condition for Field<T> {
    fn condition(self) -> Node {
        self.into_node()
    }
}

impl<E: Entity, T: Holds<bool>> Condition for Column<E, T> {
    fn condition(self) -> Node {
        self.node()
    }
}

/// Types to calculate with.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a number",
    label = "not a number",
    note = "sums, averages and `+ - * /` are for columns of integers, floats and decimals"
)]
pub trait Number: SqlType {
    /// The type of a sum: `i64` of integers, `f64` of floats, that of the column of decimals.
    type Sum: SqlType<Base = Self::Sum>;
    /// The type of an average: `f64` of integers and floats, that of the column of decimals.
    type Average: SqlType<Base = Self::Average>;
}

macro_rules! number {
    ($($type:ty => $sum:ty),*) => {$(
        impl Number for $type {
            type Sum = $sum;
            type Average = f64;
        }
    )*};
}

number!(i8 => i64, i16 => i64, i32 => i64, i64 => i64, u8 => i64, u16 => i64, u32 => i64, u64 => i64, f32 => f64, f64 => f64);
