//! UUIDs, with the cargo feature `uuid`.

use uuid::Uuid;

use super::{ColumnType, SqlType};
use crate::cells::Cells;
use crate::row::Misfit;
use crate::value::ValueRef;
use crate::value::wire::WireType;

/// SQLite stores the text, with hyphens. Text and 16 bytes are read as well.
impl SqlType for Uuid {
    type Base = Self;
    const TYPE: ColumnType = ColumnType::Uuid;

    #[inline]
    fn encode(&self, cells: &mut Cells) {
        cells.wire(WireType::Uuid, self.as_bytes());
    }

    #[inline]
    fn same(&self, other: &Self) -> bool {
        self == other
    }

    #[inline]
    fn decode(value: ValueRef<'_>) -> Result<Self, Misfit> {
        const EXPECTED: &str = "a UUID";
        let uuid = match value {
            ValueRef::Wire(WireType::Uuid, bytes) | ValueRef::Bytes(bytes) => Self::from_slice(bytes),
            ValueRef::Text(text) => Self::try_parse_ascii(text),
            other => return Err(Misfit::kind(EXPECTED, other)),
        };
        uuid.map_err(|_| Misfit { expected: EXPECTED, found: value.to_value().to_string() })
    }
}

list_and_key!(Uuid);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uuids_are_read_in_each_form() {
        let uuid = Uuid::from_u128(0x0123_4567_89ab_cdef_0123_4567_89ab_cdef);
        let mut cells = Cells::default();
        uuid.encode(&mut cells);
        let text = cells.value(0).to_value().to_string();
        assert_eq!(text, uuid.to_string());
        for value in [cells.value(0), ValueRef::Text(text.as_bytes()), ValueRef::Bytes(uuid.as_bytes())] {
            assert_eq!(Uuid::decode(value), Ok(uuid));
        }
        let misfit = Uuid::decode(ValueRef::Text(b"none")).expect_err("no UUID");
        assert_eq!(misfit.found, "none");
    }
}
