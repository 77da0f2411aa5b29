//! Numbers: rounding.

use super::{Aggregate, Expr, Field, Function, Kind, Node, Number};
use crate::column::Column;
use crate::entity::Entity;
use crate::types::{ColumnType, SqlType};

macro_rules! numbers {
    ([$($generics:tt)*] $of:ty) => {
        impl<$($generics)*> $of {
            /// The nearest whole number; halves go away from zero.
            ///
            /// # Example
            /// ```
            /// # use orm_blog::*;
            /// # run(async |engine| {
            /// use anyorm::prelude::*;
            ///
            /// use anyorm::values;
            ///
            /// let numbers = values([2.5, -2.5, 1.2]);
            /// let number = numbers.columns();
            /// let rounded = numbers.select().columns((number.round(), number.floor(), number.ceil()));
            /// assert_eq!(engine.all(rounded).await?, [(3.0, 2.0, 3.0), (-3.0, -3.0, -2.0), (1.0, 1.0, 2.0)]);
            /// # Ok(()) });
            /// ```
            pub fn round(self) -> Expr<T>
            where
                T: SqlType<Base: Number>,
            {
                whole(Function::Round, self.into_node())
            }

            /// The next whole number below.
            pub fn floor(self) -> Expr<T>
            where
                T: SqlType<Base: Number>,
            {
                whole(Function::Floor, self.into_node())
            }

            /// The next whole number above.
            pub fn ceil(self) -> Expr<T>
            where
                T: SqlType<Base: Number>,
            {
                whole(Function::Ceiling, self.into_node())
            }
        }
    };
}

numbers!([T] Expr<T>);
numbers!([T] Field<T>);
numbers!([T] Aggregate<T>);
numbers!([E: Entity, T] Column<E, T>);

/// A whole number is one already.
fn whole<T: SqlType>(function: Function, of: Node) -> Expr<T> {
    let function = match T::TYPE {
        ty if ty.is_integer() => return Expr::new(of),
        ColumnType::Numeric if function == Function::Round => Function::RoundDecimal,
        _ => function,
    };
    Expr::calculated(Kind::Call { function, arguments: vec![of] })
}
