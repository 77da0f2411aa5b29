//! A row of SQLite as the core reads it.

use orm_core::{RowSource, ValueRef};
use rusqlite::types::ValueRef as Raw;

/// The row that a cursor stands on. The width is asked for once per statement.
pub(super) struct SqliteRow<'a, 'stmt> {
    pub(super) row: &'a rusqlite::Row<'stmt>,
    pub(super) width: usize,
}

impl RowSource for SqliteRow<'_, '_> {
    fn width(&self) -> usize {
        self.width
    }

    #[inline]
    fn value(&self, index: usize) -> ValueRef<'_> {
        match self.row.get_ref(index) {
            Ok(Raw::Null) => ValueRef::Null,
            Ok(Raw::Integer(value)) => ValueRef::Int(value),
            Ok(Raw::Real(value)) => ValueRef::Float(value),
            Ok(Raw::Text(value)) => ValueRef::Text(value),
            Ok(Raw::Blob(value)) => ValueRef::Bytes(value),
            // The caller checked the index against the width.
            Err(_) => ValueRef::Null,
        }
    }

    #[inline]
    fn int(&self, index: usize) -> Option<i64> {
        match self.row.get_ref(index) {
            Ok(Raw::Integer(value)) => Some(value),
            _ => None,
        }
    }

    #[inline]
    fn text(&self, index: usize) -> Option<&[u8]> {
        match self.row.get_ref(index) {
            Ok(Raw::Text(value)) => Some(value),
            _ => None,
        }
    }

    fn name(&self, index: usize) -> String {
        self.row.as_ref().column_name(index).unwrap_or_default().to_owned()
    }
    fn is_named(&self, index: usize, name: &str) -> bool {
        self.row.as_ref().column_name(index).is_ok_and(|own| own == name)
    }
}
