//! A row of PostgreSQL as the core reads it: values are looked at where the answer has them.

use std::error::Error;

use orm_core::{RowSource, ValueRef};
use tokio_postgres::Row;
use tokio_postgres::types::{FromSql, Type};

use super::codec::decode;

/// A row of an answer.
pub(super) struct PostgresRow<'a>(pub(super) &'a Row);

/// Any value, as it came. `None` is NULL.
struct Raw<'a>(Option<&'a [u8]>);

impl<'a> FromSql<'a> for Raw<'a> {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(Self(Some(raw)))
    }

    fn from_sql_null(_: &Type) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(Self(None))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

impl RowSource for PostgresRow<'_> {
    fn width(&self) -> usize {
        self.0.len()
    }

    #[inline]
    fn value(&self, index: usize) -> ValueRef<'_> {
        // The caller checked the index against the width, and any value is accepted.
        match self.0.try_get::<_, Raw<'_>>(index) {
            Ok(raw) => decode(raw.0, self.0.columns()[index].type_()),
            Err(_) => ValueRef::Null,
        }
    }

    fn name(&self, index: usize) -> String {
        self.0.columns().get(index).map(|column| column.name().to_owned()).unwrap_or_default()
    }
    fn is_named(&self, index: usize, name: &str) -> bool {
        self.0.columns().get(index).is_some_and(|column| column.name() == name)
    }
}
