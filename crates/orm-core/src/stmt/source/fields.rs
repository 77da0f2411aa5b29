//! Rows of values as types: what their columns are, and how they are bound.

use super::{FieldColumn, SourceId};
use crate::cells::Cells;
use crate::expr::Field;
use crate::query::FromRow;
use crate::types::{ColumnType, SqlType};

/// A row of values: one, or a tuple of up to sixteen.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no row of values that a query could read from",
    note = "select a column or expression, or a tuple of up to sixteen of these, before `.derived()` or `.cte()`"
)]
pub trait Fields: FromRow {
    /// Its columns, to be named in a query: a [`Field`], or a tuple of them.
    type Columns;

    /// How many there are.
    #[doc(hidden)]
    const WIDTH: usize;

    /// The columns of a source.
    #[doc(hidden)]
    fn columns(of: FieldSource) -> Self::Columns;

    /// Their types.
    #[doc(hidden)]
    fn types(out: &mut Vec<ColumnType>);

    /// Adds the values.
    #[doc(hidden)]
    fn encode(&self, cells: &mut Cells);
}

/// The source whose columns are asked for.
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
pub struct FieldSource(pub(crate) SourceId);

impl FieldSource {
    fn field<T: SqlType>(self, at: usize) -> Field<T> {
        Field::new(self.0, FieldColumn::Made(at, T::NULLABLE))
    }
}

impl<T: SqlType> Fields for T {
    type Columns = Field<T>;
    const WIDTH: usize = 1;

    fn columns(of: FieldSource) -> Field<T> {
        of.field(0)
    }

    fn types(out: &mut Vec<ColumnType>) {
        out.push(T::TYPE);
    }

    fn encode(&self, cells: &mut Cells) {
        SqlType::encode(self, cells);
    }
}

macro_rules! tuple {
    ($($part:ident $at:tt),*) => {
        impl<$($part: SqlType),*> Fields for ($($part,)*) {
            type Columns = ($(Field<$part>,)*);
            const WIDTH: usize = [$($at),*].len();

            fn columns(of: FieldSource) -> Self::Columns {
                ($(of.field($at),)*)
            }

            fn types(out: &mut Vec<ColumnType>) {
                $(out.push($part::TYPE);)*
            }

            fn encode(&self, cells: &mut Cells) {
                $(SqlType::encode(&self.$at, cells);)*
            }
        }
    };
}

crate::each_tuple!(tuple);
tuple!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9, K 10, L 11, M 12);
tuple!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9, K 10, L 11, M 12, N 13);
tuple!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9, K 10, L 11, M 12, N 13, O 14);
tuple!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9, K 10, L 11, M 12, N 13, O 14, P 15);
