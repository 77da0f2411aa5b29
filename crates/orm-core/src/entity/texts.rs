//! Texts that are the same for every statement about an entity: written once for the process.

use std::sync::{Arc, OnceLock};

use super::EntityMeta;
use crate::dialect::Dialect;
use crate::program::StatementShape;
use crate::render;
use crate::shapes;

/// What was written of an entity so far. In one dialect, the first that asks: a process rarely speaks two.
#[derive(Debug, Default)]
pub struct EntityTexts {
    columns: OnceLock<(&'static str, Box<str>)>,
    by_key: OnceLock<(&'static str, Arc<StatementShape>)>,
}

impl EntityTexts {
    /// None so far.
    pub const fn new() -> Self {
        Self { columns: OnceLock::new(), by_key: OnceLock::new() }
    }
}

impl EntityMeta {
    /// Calls `write` with `"users"."id", "users"."name"`: all columns.
    pub(crate) fn with_columns<T>(&self, dialect: &Dialect, write: impl FnOnce(&str) -> T) -> T {
        let fresh = || render::columns_of(self, dialect);
        let (name, text) = self.texts.columns.get_or_init(|| (dialect.name, fresh().into()));
        if *name == dialect.name { write(text) } else { write(&fresh()) }
    }

    /// [`shapes::select_by_key`], shared by all who ask.
    pub fn select_by_key(&self, dialect: &Dialect) -> Arc<StatementShape> {
        let fresh = || Arc::new(shapes::select_by_key(self, dialect));
        let (name, shape) = self.texts.by_key.get_or_init(|| (dialect.name, fresh()));
        if *name == dialect.name { Arc::clone(shape) } else { fresh() }
    }
}
