//! Values on their way to SQLite: no copy but SQLite's own.

use orm_core::value::wire::{civil, timestamp};
use orm_core::{Cell, Cells, ValueRef, WireType};
use rusqlite::types::{Null, ToSql, ToSqlOutput, Value as RawValue, ValueRef as Raw};
use rusqlite::{Result, Statement};

/// Binds a value to a placeholder, counted from 0.
#[inline]
pub(super) fn bind(statement: &mut Statement<'_>, index: usize, value: ValueRef<'_>) -> Result<()> {
    statement.raw_bind_parameter(index + 1, Bound(value))
}

/// Binds a plain cell, as [`bind`] does its value. Most are integers, texts or NULL: those go straight to SQLite, where
/// a [`ValueRef`] would be put together in memory and waited for.
#[inline]
pub(super) fn bind_cell(
    statement: &mut Statement<'_>,
    index: usize,
    cells: &Cells,
    cell: usize,
) -> Result<()> {
    match cells.as_slice()[cell] {
        Cell::Int(value) => statement.raw_bind_parameter(index + 1, value),
        Cell::Text { start, len } => {
            let text = &cells.bytes()[start as usize..][..len as usize];
            statement.raw_bind_parameter(index + 1, Bound(ValueRef::Text(text)))
        }
        Cell::Null => statement.raw_bind_parameter(index + 1, Null),
        _ => bind(statement, index, cells.value(cell)),
    }
}

pub(super) struct Bound<'a>(pub(super) ValueRef<'a>);

impl ToSql for Bound<'_> {
    #[inline]
    fn to_sql(&self) -> Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self.0 {
            ValueRef::Null => Raw::Null,
            ValueRef::Int(value) => Raw::Integer(value),
            ValueRef::Float(value) => Raw::Real(value),
            ValueRef::Bool(value) => Raw::Integer(i64::from(value)),
            ValueRef::Text(value) => Raw::Text(value),
            ValueRef::Bytes(value) => Raw::Blob(value),
            ValueRef::Wire(ty, form) => return Ok(ToSqlOutput::Owned(stored(ty, form))),
        }))
    }
}

/// What SQLite stores of a value of a type that it has not: a point in time as its microseconds since the Unix epoch, all
/// else as text. That of dates and times is ordered as what it means.
pub(super) fn stored(ty: WireType, form: &[u8]) -> RawValue {
    if ty == WireType::Timestamp
        && let Some(unix) = timestamp::read(form).and_then(timestamp::to_unix)
    {
        return RawValue::Integer(unix);
    }
    let mut sortable = Vec::new();
    let text = civil::write_sortable(ty, form, &mut sortable).and_then(|()| String::from_utf8(sortable).ok());
    RawValue::Text(text.unwrap_or_else(|| ty.text(form)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_sqlite_has_not_is_stored_in_a_form_that_is_ordered() {
        let text = |ty, form: &[u8]| match stored(ty, form) {
            RawValue::Text(text) => text,
            other => panic!("{other:?}"),
        };
        assert_eq!(text(WireType::Date, &59_i32.to_be_bytes()), "2000-02-29");
        assert_eq!(text(WireType::Time, &49_500_000_000_i64.to_be_bytes()), "13:45:00.000000");
        assert_eq!(text(WireType::DateTime, &(-1_i64).to_be_bytes()), "1999-12-31 23:59:59.999999");
        assert_eq!(stored(WireType::Timestamp, &0_i64.to_be_bytes()), RawValue::Integer(timestamp::EPOCH));
        assert_eq!(text(WireType::Uuid, &[0x5a; 16]), "5a5a5a5a-5a5a-5a5a-5a5a-5a5a5a5a5a5a");
    }
}
