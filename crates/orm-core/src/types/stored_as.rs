//! Types of a program's own that are stored as another type, with a check on the way back.

use std::fmt::Display;

use super::SqlType;
use crate::cells::Cells;
use crate::row::Misfit;
use crate::value::ValueRef;

/// Makes a type of your own one that a column can hold: `stored_as!(Type as Stored, to, from)`.
///
/// It is stored as `Stored`, which is a type that a column can hold already. `to` makes one of a reference to your type, and
/// `from` makes your type again, or says why not: a `Result` whose error can be shown. It is shown to whoever reads a row with
/// such a value, with the table and the key of the row.
///
/// The type can stand in keys, in comparisons, in `Option` and in lists then. A struct around one value that may be any needs no
/// more than `#[derive(SqlType)]`, and so does an enum. A type of another crate is put into a struct of your own.
///
/// # Example
/// ```
/// # use orm_blog::*;
/// # run(async |engine| {
/// use anyorm::prelude::*;
///
/// #[derive(Clone, Copy, Debug, Default, PartialEq)]
/// struct Percent(u8);
///
/// anyorm::stored_as!(Percent as u8, |percent| percent.0, |number| match number {
///     0..=100 => Ok(Percent(number)),
///     _ => Err("a percentage ends at 100"),
/// });
///
/// #[derive(Clone, Debug, Default, Entity)]
/// struct Discount {
///     #[key(auto)]
///     id: i64,
///     off: Percent, // SMALLINT
/// }
///
/// engine.create_all(&schema![Discount]).await?;
/// engine.insert_many([Discount { off: Percent(15), ..Default::default() }]).await?;
/// assert_eq!(engine.one(Discount::select().filter(Discount::OFF.ge(Percent(10)))).await?.off, Percent(15));
///
/// engine.execute(sql("UPDATE discount SET off = 115")).await?; // by another program
/// let error = engine.all(Discount::select()).await.unwrap_err().to_string();
/// assert!(error.starts_with("cannot read Discount.off: expected a value of the type `Percent`"));
/// assert!(error.contains("found 115: a percentage ends at 100, in the row of discount with id 1"));
/// # Ok(()) });
/// ```
#[macro_export]
macro_rules! stored_as {
    ($type:ty as $stored:ty, $to:expr, $from:expr $(,)?) => {
        impl $crate::SqlType for $type {
            type Base = Self;
            const TYPE: $crate::ColumnType = {
                assert!(
                    !<$stored as $crate::SqlType>::NULLABLE,
                    "a column type is never NULL by itself: write `Option` in the entity"
                );
                <$stored as $crate::SqlType>::TYPE
            };

            fn encode(&self, cells: &mut $crate::Cells) {
                $crate::types::encode_as::<Self, $stored>(self, cells, $to);
            }

            fn decode(value: $crate::ValueRef<'_>) -> ::core::result::Result<Self, $crate::row::Misfit> {
                const EXPECTED: &str =
                    ::core::concat!("a value of the type `", ::core::stringify!($type), "`");
                $crate::types::decode_as::<Self, $stored, _>(value, EXPECTED, $from)
            }
        }

        impl $crate::Element for $type {}

        impl $crate::KeyArg<$type> for $type {
            fn into_key(self) -> Self {
                self
            }
        }
    };
}

#[doc(hidden)]
pub fn encode_as<T, S: SqlType>(value: &T, cells: &mut Cells, to: impl FnOnce(&T) -> S) {
    to(value).encode(cells);
}

#[doc(hidden)]
pub fn decode_as<T, S: SqlType, E: Display>(
    value: ValueRef<'_>,
    expected: &'static str,
    from: impl FnOnce(S) -> Result<T, E>,
) -> Result<T, Misfit> {
    from(S::decode(value)?)
        .map_err(|error| Misfit { expected, found: format!("{}: {error}", value.to_value()) })
}
