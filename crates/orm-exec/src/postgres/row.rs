//! A row of PostgreSQL as the core reads it: values are looked at where the answer has them.

use std::error::Error;

use orm_core::{RowSource, ValueRef};
use tokio_postgres::Row;
use tokio_postgres::types::{FromSql, Type};

use super::codec::decode;

/// A row of an answer.
pub(super) struct PostgresRow<'a>(pub(super) &'a Row);

/// Any value, as it came.
struct Raw<'a>(ValueRef<'a>);

impl<'a> FromSql<'a> for Raw<'a> {
    fn from_sql(ty: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(Self(decode(Some(raw), ty)))
    }

    fn from_sql_null(_: &Type) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(Self(ValueRef::Null))
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
        self.0.try_get::<_, Raw<'_>>(index).map_or(ValueRef::Null, |raw| raw.0)
    }

    fn name(&self, index: usize) -> String {
        self.0.columns().get(index).map(|column| column.name().to_owned()).unwrap_or_default()
    }
}
