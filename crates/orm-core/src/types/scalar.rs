//! Integers, floats, booleans, text and bytes.

use super::{ColumnType, SqlType};
use crate::cells::Cells;
use crate::row::{Misfit, RowSource};
use crate::value::ValueRef;

macro_rules! integer {
    ($($type:ty, $column:ident, $expected:literal;)*) => {$(
        impl SqlType for $type {
            type Base = $type;
            const TYPE: ColumnType = ColumnType::$column;

            #[inline]
            fn encode(&self, cells: &mut Cells) {
                cells.int(i64::from(*self));
            }

            #[inline]
            fn same(&self, other: &Self) -> bool {
                self == other
            }

            #[inline]
            fn decode(value: ValueRef<'_>) -> Result<Self, Misfit> {
                match value {
                    ValueRef::Int(wide) => Self::try_from(wide)
                        .map_err(|_| Misfit { expected: $expected, found: format!("the integer {wide}") }),
                    other => Err(Misfit::kind($expected, other)),
                }
            }

            #[inline]
            fn direct(source: &dyn RowSource, index: usize) -> Option<Self> {
                source.int(index).and_then(|wide| Self::try_from(wide).ok())
            }
        }
    )*};
}

integer! {
    i8, SmallInt, "an integer that fits i8";
    i16, SmallInt, "an integer that fits i16";
    i32, Int, "an integer that fits i32";
    i64, BigInt, "an integer";
    u8, SmallInt, "an integer that fits u8";
    u16, Int, "an integer that fits u16";
    u32, BigInt, "an integer that fits u32";
}

/// Up to the largest integer that a database has. One that is larger is refused before any I/O.
impl SqlType for u64 {
    type Base = u64;
    const TYPE: ColumnType = ColumnType::BigInt;

    #[inline]
    fn encode(&self, cells: &mut Cells) {
        match i64::try_from(*self) {
            Ok(value) => cells.int(value),
            Err(_) => cells.refuse(format!(
                "the integer {self}, and the largest that a column of 64 bits holds is {}: a `Numeric` holds more",
                i64::MAX
            )),
        }
    }

    #[inline]
    fn decode(value: ValueRef<'_>) -> Result<Self, Misfit> {
        const EXPECTED: &str = "an integer that is not negative";
        match value {
            ValueRef::Int(wide) => Self::try_from(wide)
                .map_err(|_| Misfit { expected: EXPECTED, found: format!("the integer {wide}") }),
            other => Err(Misfit::kind(EXPECTED, other)),
        }
    }

    #[inline]
    fn direct(source: &dyn RowSource, index: usize) -> Option<Self> {
        source.int(index).and_then(|wide| Self::try_from(wide).ok())
    }
}

impl SqlType for f64 {
    type Base = f64;
    const TYPE: ColumnType = ColumnType::Double;

    #[inline]
    fn encode(&self, cells: &mut Cells) {
        cells.float(*self);
    }

    #[inline]
    fn decode(value: ValueRef<'_>) -> Result<Self, Misfit> {
        match value {
            ValueRef::Float(v) => Ok(v),
            // SQLite stores a whole number in a NUMERIC column as an integer.
            ValueRef::Int(v) => Ok(v as f64),
            // NULL is not NaN: SQLite stores one as the other, which is why it is not sent any.
            other => Err(Misfit::kind("a float", other)),
        }
    }
}

impl SqlType for f32 {
    type Base = f32;
    const TYPE: ColumnType = ColumnType::Real;

    #[inline]
    fn encode(&self, cells: &mut Cells) {
        cells.float(f64::from(*self));
    }

    #[inline]
    fn decode(value: ValueRef<'_>) -> Result<Self, Misfit> {
        f64::decode(value).map(|wide| wide as f32)
    }
}

impl SqlType for bool {
    type Base = bool;
    const TYPE: ColumnType = ColumnType::Bool;

    #[inline]
    fn encode(&self, cells: &mut Cells) {
        cells.bool(*self);
    }

    #[inline]
    fn same(&self, other: &Self) -> bool {
        self == other
    }

    #[inline]
    fn decode(value: ValueRef<'_>) -> Result<Self, Misfit> {
        match value {
            ValueRef::Bool(v) => Ok(v),
            ValueRef::Int(v @ (0 | 1)) => Ok(v == 1),
            ValueRef::Int(v) => {
                Err(Misfit { expected: "a boolean (0 or 1)", found: format!("the integer {v}") })
            }
            other => Err(Misfit::kind("a boolean", other)),
        }
    }
}

impl SqlType for String {
    type Base = String;
    const TYPE: ColumnType = ColumnType::Text;

    #[inline]
    fn encode(&self, cells: &mut Cells) {
        cells.text(self);
    }

    #[inline]
    fn same(&self, other: &Self) -> bool {
        self == other
    }

    #[inline]
    fn decode(value: ValueRef<'_>) -> Result<Self, Misfit> {
        match value {
            ValueRef::Text(bytes) => match std::str::from_utf8(bytes) {
                Ok(text) => Ok(text.to_owned()),
                Err(_) => Err(Misfit { expected: "text", found: "text that is not UTF-8".to_owned() }),
            },
            other => Err(Misfit::kind("text", other)),
        }
    }

    #[inline]
    fn direct(source: &dyn RowSource, index: usize) -> Option<Self> {
        std::str::from_utf8(source.text(index)?).ok().map(str::to_owned)
    }
}

impl SqlType for Vec<u8> {
    type Base = Vec<u8>;
    const TYPE: ColumnType = ColumnType::Bytes;

    #[inline]
    fn encode(&self, cells: &mut Cells) {
        cells.blob(self);
    }

    #[inline]
    fn same(&self, other: &Self) -> bool {
        self == other
    }

    #[inline]
    fn decode(value: ValueRef<'_>) -> Result<Self, Misfit> {
        match value {
            ValueRef::Bytes(bytes) => Ok(bytes.to_vec()),
            other => Err(Misfit::kind("bytes", other)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::edges::{again, refused};

    #[test]
    fn integers_that_no_column_holds_are_refused() {
        for value in [0, 1, i64::MAX as u64] {
            assert_eq!(again(&value), value);
        }
        for value in [i64::MAX as u64 + 1, u64::MAX] {
            let reason = refused(&value);
            assert!(
                reason.contains(&value.to_string()) && reason.contains("9223372036854775807"),
                "{reason}"
            );
        }
        assert_eq!(u64::decode(ValueRef::Int(-1)).expect_err("negative").found, "the integer -1");
    }
}
