//! The contract between a Rust type and a column: encode, decode, what NULL means.

/// What else a type needs that can stand in lists and keys.
macro_rules! list_and_key {
    ($($type:ty)*) => {$(
        impl crate::types::Element for $type {}

        impl crate::entity::KeyArg<$type> for $type {
            fn into_key(self) -> Self {
                self
            }
        }
    )*};
}

mod array;
#[cfg(feature = "bigdecimal")]
mod bigdecimal;
#[cfg(feature = "chrono")]
mod chrono;
#[cfg(any(feature = "chrono", feature = "jiff", feature = "time"))]
mod civil;
mod inet;
#[cfg(feature = "ipnetwork")]
mod ipnetwork;
#[cfg(feature = "jiff")]
mod jiff;
mod json;
mod made;
mod numeric;
#[cfg(feature = "rust_decimal")]
mod rust_decimal;
mod scalar;
mod stored_as;
#[cfg(feature = "time")]
mod time;
mod timestamp;
#[cfg(feature = "uuid")]
mod uuid;

pub use array::Element;
pub use inet::{InvalidNetwork, IpNetwork};
pub use json::Json;
#[doc(hidden)]
pub use made::made_uuid;
pub use numeric::{InvalidNumeric, Numeric};
#[doc(hidden)]
pub use stored_as::{decode_as, encode_as};
pub use timestamp::Timestamp;

use crate::cells::Cells;
use crate::row::{ColumnError, Misfit, Row, RowSource};
use crate::value::ValueRef;

/// The kind of column that a Rust type is stored in. A dialect gives each its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ColumnType {
    /// 8 or 16 bits: `i8`, `i16`, `u8`.
    SmallInt,
    /// 32 bits: `i32`, `u16`.
    Int,
    /// 64 bits: `i64`, `u32`, and what fits of `u64`.
    BigInt,
    /// `f32`.
    Real,
    /// `f64`.
    Double,
    /// `bool`.
    Bool,
    /// `String`.
    Text,
    /// `Vec<u8>`.
    Bytes,
    /// [`Json<T>`].
    Json,
    /// `uuid::Uuid`.
    Uuid,
    /// A point in time: [`Timestamp`], `SystemTime`, types of the crates `chrono`, `time` and `jiff`.
    Timestamp,
    /// A date of the calendar: of the crates `chrono`, `time` and `jiff`, as the two that follow.
    Date,
    /// A time of day.
    Time,
    /// A date and time without a zone: what calendar and clock show somewhere.
    DateTime,
    /// A decimal number: [`Numeric`], types of the crates `rust_decimal` and `bigdecimal`.
    Numeric,
    /// A network address: [`IpNetwork`], `IpAddr`.
    Inet,
    /// One of several names, of an enum type that the database has: `#[sql_type(name = "..")]`.
    Enum(&'static EnumType),
    /// A list of values of a type that is no list: `Vec<T>` and `Vec<Option<T>>` of an [`Element`].
    Array(&'static ColumnType),
}

impl ColumnType {
    /// Whether it holds whole numbers.
    pub(crate) fn is_integer(self) -> bool {
        matches!(self, Self::SmallInt | Self::Int | Self::BigInt)
    }

    /// Whether it holds floats.
    pub(crate) fn is_float(self) -> bool {
        matches!(self, Self::Real | Self::Double)
    }

    /// The enum type of the column, or of its elements.
    pub(crate) fn enum_type(self) -> Option<&'static EnumType> {
        match self {
            Self::Enum(ty) => Some(ty),
            Self::Array(element) => element.enum_type(),
            _ => None,
        }
    }
}

/// A type of the database whose values are names, in the order in which they are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct EnumType {
    /// Its name.
    pub name: &'static str,
    /// Its values.
    pub labels: &'static [&'static str],
}

/// A Rust type that a column can hold. `Option<T>` is the nullable form of `T`.
///
/// | Rust | PostgreSQL | SQLite |
/// |---|---|---|
/// | `i8`, `i16`, `u8` | `SMALLINT` | `INTEGER` |
/// | `i32`, `u16` | `INTEGER` | `INTEGER` |
/// | `i64`, `u32` | `BIGINT` | `INTEGER` |
/// | `u64`, up to 9,223,372,036,854,775,807: more is refused before anything is sent | `BIGINT` | `INTEGER` |
/// | `f32`, `f64` | `REAL`, `DOUBLE PRECISION` | `REAL`, without NaN |
/// | `bool` | `BOOLEAN` | 0 or 1 |
/// | `String` | `TEXT` | `TEXT` |
/// | `Vec<u8>` | `BYTEA` | `BLOB` |
/// | [`Json<T>`] of any serde type | `JSONB` | `TEXT` |
/// | `Uuid` of `uuid` | `UUID` | `TEXT`, with hyphens |
/// | [`Timestamp`], `SystemTime`; `DateTime<Utc>`, `DateTime<FixedOffset>` of `chrono`, `OffsetDateTime` of `time`, `Timestamp` of `jiff` | `TIMESTAMPTZ` | `INTEGER`: microseconds since the Unix epoch |
/// | `NaiveDate` of `chrono`, `Date` of `time`, `civil::Date` of `jiff` | `DATE` | `TEXT`: `2024-02-29` |
/// | `NaiveTime` of `chrono`, `Time` of `time`, `civil::Time` of `jiff` | `TIME` | `TEXT`: `13:45:00.000000` |
/// | `NaiveDateTime` of `chrono`, `PrimitiveDateTime` of `time`, `civil::DateTime` of `jiff` | `TIMESTAMP` | `TEXT`: `2024-02-29 13:45:00.000000` |
/// | [`Numeric`]; `Decimal` of `rust_decimal`, `BigDecimal` of `bigdecimal` | `NUMERIC` | `TEXT` |
/// | `IpAddr`, [`IpNetwork`]; `IpNetwork` of `ipnetwork` | `INET` | `TEXT` |
/// | an enum that derives it | `TEXT`, or an enum type | `TEXT` |
/// | `Vec<T>`, `Vec<Option<T>>` of an [`Element`] | arrays | none: use `Json<Vec<T>>` |
///
/// The types of a crate are there with the cargo feature of its name: `uuid`, `chrono`, `time`, `jiff`, `rust_decimal`,
/// `bigdecimal`, `ipnetwork`. What stands in a column in the other database's form is read as well: text as a UUID, say.
///
/// A struct around one value derives it, and so does an enum. For a type that is checked where it is read, there is
/// [`stored_as!`](crate::stored_as).
///
/// ```
/// # use orm_blog::*;
/// # run(async |engine| {
/// use anyorm::prelude::*;
///
/// #[derive(Clone, Debug, Default, PartialEq, SqlType)]
/// struct Celsius(f64);
///
/// #[derive(Clone, Debug, Default, Entity)]
/// struct Reading {
///     #[key(auto)]
///     id: i64,
///     outside: Celsius,
///     inside: Option<Celsius>,
/// }
///
/// engine.create_all(&schema![Reading]).await?;
/// let reading = Reading { outside: Celsius(-3.5), ..Default::default() };
/// let stored = engine.one(Reading::insert().value(reading).returning_all()).await?;
/// assert_eq!((stored.outside, stored.inside), (Celsius(-3.5), None));
/// # Ok(()) });
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be stored in a column",
    label = "no column type for `{Self}`",
    note = "columns hold i8 to i64, u8 to u64, f32, f64, bool, String, Vec<u8>, `Json<T>` for any serde type, Timestamp, \
            SystemTime, Numeric, IpAddr, lists of these, and `Option` of these; with cargo features of their names, the types of \
            uuid, chrono, time, jiff, rust_decimal, bigdecimal and ipnetwork; a type of your own derives it"
)]
pub trait SqlType: Sized + Send + Sync + 'static {
    /// The type without `Option`: what the column is compared with.
    type Base: SqlType;
    /// The kind of column.
    const TYPE: ColumnType;
    /// Whether the column may be NULL.
    const NULLABLE: bool = false;

    /// Adds the value to a parameter row.
    fn encode(&self, cells: &mut Cells);

    /// Reads the value from a row.
    ///
    /// # Errors
    /// If the value there is of another kind, out of range, or NULL for a type that is not nullable.
    fn decode(value: ValueRef<'_>) -> Result<Self, Misfit>;

    /// Whether another value would be stored as this one is: what [`encode`](Self::encode) adds decides, not equality
    /// (NaN is the same as itself, 0.0 is not -0.0). Types for which equality is as good say so here.
    #[doc(hidden)]
    #[inline]
    fn same(&self, other: &Self) -> bool {
        Cells::stores_same(|cells| self.encode(cells), |cells| other.encode(cells))
    }

    /// Reads a column of a row: [`Row::get`], for code that names the type first.
    #[doc(hidden)]
    #[inline]
    fn read(row: &Row<'_>, index: usize) -> Result<Self, ColumnError> {
        row.get(index)
    }

    /// The usual case of `decode`, straight from a row whose `index` is in range. `None` says nothing but that
    /// `decode` is to be asked.
    #[doc(hidden)]
    #[inline]
    fn direct(source: &dyn RowSource, index: usize) -> Option<Self> {
        let _ = (source, index);
        None
    }
}

impl<T: SqlType<Base = T>> SqlType for Option<T> {
    type Base = T;
    const TYPE: ColumnType = T::TYPE;
    const NULLABLE: bool = true;

    #[inline]
    fn encode(&self, cells: &mut Cells) {
        match self {
            Some(value) => value.encode(cells),
            None => cells.null(),
        }
    }

    #[inline]
    fn same(&self, other: &Self) -> bool {
        match (self, other) {
            (Some(value), Some(other)) => value.same(other),
            (None, None) => true,
            _ => Cells::stores_same(|cells| self.encode(cells), |cells| other.encode(cells)),
        }
    }

    #[inline]
    fn decode(value: ValueRef<'_>) -> Result<Self, Misfit> {
        match value {
            ValueRef::Null => Ok(None),
            value => T::decode(value).map(Some),
        }
    }

    #[inline]
    fn direct(source: &dyn RowSource, index: usize) -> Option<Self> {
        T::direct(source, index).map(Some)
    }
}

/// For the tests of types: what becomes of a value on its way to a database and back.
#[cfg(test)]
#[allow(dead_code, reason = "used by types that are behind features")]
mod edges {
    use super::SqlType;
    use crate::cells::Cells;

    pub(super) fn again<T: SqlType>(value: &T) -> T {
        let mut cells = Cells::default();
        value.encode(&mut cells);
        assert_eq!(cells.fault(), None);
        T::decode(cells.value(0)).unwrap_or_else(|misfit| panic!("{misfit:?}"))
    }

    pub(super) fn refused<T: SqlType>(value: &T) -> String {
        let mut cells = Cells::default();
        value.encode(&mut cells);
        cells.fault().expect("it is refused").reason.clone()
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Debug;

    use super::*;

    /// `same` is a short cut: encoding decides.
    fn agrees<T: SqlType + Debug>(values: &[T]) {
        for (at, left) in values.iter().enumerate() {
            for (other, right) in values.iter().enumerate() {
                let stored = Cells::stores_same(|cells| left.encode(cells), |cells| right.encode(cells));
                assert_eq!(left.same(right), stored, "{left:?} and {right:?}");
                assert_eq!(stored, at == other, "{left:?} and {right:?}");
            }
        }
    }

    #[test]
    fn same_is_what_would_be_stored_the_same() {
        agrees(&[0_i64, 1, i64::MIN]);
        agrees(&[0_u8, 255]);
        agrees(&[false, true]);
        agrees(&[String::new(), "a".into(), "A".into()]);
        agrees(&[vec![], vec![0_u8], vec![0, 0]]);
        agrees(&[f64::NAN, 0.0, -0.0, 1.5]);
        agrees(&[f32::NAN, 0.0, -0.0, 1.5]);
        agrees(&[None, Some(0_i32), Some(1)]);
        agrees(&[None, Some(f64::NAN), Some(0.0), Some(-0.0)]);
        agrees(&[Json(vec![1]), Json(vec![1, 2])]);
        agrees(&[vec![], vec![0_i32], vec![1]]);
        agrees(&[vec![], vec![None], vec![Some(f64::NAN)], vec![Some(0.0)], vec![Some(-0.0)]]);
        agrees(&[Timestamp::INFINITY, Timestamp::UNIX_EPOCH, Timestamp::from_unix_micros(1)]);
        agrees(&["1.5", "1.50", "NaN"].map(|text| text.parse::<Numeric>().expect("a number")));
        agrees(&["10.0.0.0/8", "10.0.0.0"].map(|text| text.parse::<IpNetwork>().expect("a network")));
    }
}
