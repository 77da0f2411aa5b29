//! Texts that are the same for every statement about an entity: written once for the process.

use std::borrow::Cow;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use super::EntityMeta;
use crate::dialect::Dialect;
use crate::program::StatementShape;
use crate::render;
use crate::shapes;

/// So many statements that write rows are kept for an entity: one for each set of columns that are changed together.
const MOST_WRITES: usize = 32;

/// What was written of an entity so far. In one dialect, the first that asks: a process rarely speaks two.
#[derive(Debug, Default)]
pub struct EntityTexts {
    columns: OnceLock<(&'static str, Box<str>)>,
    by_key: OnceLock<(&'static str, Arc<StatementShape>)>,
    /// Those of any dialect.
    writes: Mutex<Vec<(RowWrite<'static>, Arc<StatementShape>)>>,
}

/// Which statement writes a row.
#[derive(Clone, Debug, PartialEq, Eq)]
struct RowWrite<'a> {
    dialect: &'static str,
    kind: WriteKind,
    columns: Cow<'a, [usize]>,
    returning: Cow<'a, [usize]>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum WriteKind {
    Insert { with_key: bool },
    Update { versioned: bool },
    Delete { versioned: bool },
}

impl EntityTexts {
    /// None so far.
    pub const fn new() -> Self {
        Self { columns: OnceLock::new(), by_key: OnceLock::new(), writes: Mutex::new(Vec::new()) }
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

    /// [`shapes::insert_columns`], shared by all who ask.
    pub fn insert_columns(
        &self,
        dialect: &Dialect,
        columns: &[usize],
        with_key: bool,
        returning: &[usize],
    ) -> Arc<StatementShape> {
        self.write_of(dialect, WriteKind::Insert { with_key }, columns, returning)
    }

    /// [`shapes::update_columns`], shared by all who ask.
    ///
    /// # Panics
    /// As that does.
    pub fn update_columns(
        &self,
        dialect: &Dialect,
        columns: &[usize],
        versioned: bool,
        returning: &[usize],
    ) -> Arc<StatementShape> {
        self.write_of(dialect, WriteKind::Update { versioned }, columns, returning)
    }

    /// [`shapes::delete`], shared by all who ask.
    ///
    /// # Panics
    /// As that does.
    pub fn delete_row(&self, dialect: &Dialect, versioned: bool) -> Arc<StatementShape> {
        self.write_of(dialect, WriteKind::Delete { versioned }, &[], &[])
    }

    /// What is kept for a write, or written now and kept if there is room.
    fn write_of(
        &self,
        dialect: &Dialect,
        kind: WriteKind,
        columns: &[usize],
        returning: &[usize],
    ) -> Arc<StatementShape> {
        let wanted =
            RowWrite { dialect: dialect.name, kind, columns: columns.into(), returning: returning.into() };
        let mut kept = self.texts.writes.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, shape)) = kept.iter().find(|(write, _)| *write == wanted) {
            return Arc::clone(shape);
        }
        let shape = Arc::new(match kind {
            WriteKind::Insert { with_key } => {
                shapes::insert_columns(self, dialect, columns, with_key, returning)
            }
            WriteKind::Update { versioned } => {
                shapes::update_columns(self, dialect, columns, versioned, returning)
            }
            WriteKind::Delete { versioned } => shapes::delete(self, dialect, versioned),
        });
        if kept.len() < MOST_WRITES {
            kept.push((wanted.into_owned(), Arc::clone(&shape)));
        }
        shape
    }
}

impl RowWrite<'_> {
    fn into_owned(self) -> RowWrite<'static> {
        let Self { dialect, kind, columns, returning } = self;
        let (columns, returning) = (columns.into_owned().into(), returning.into_owned().into());
        RowWrite { dialect, kind, columns, returning }
    }
}
