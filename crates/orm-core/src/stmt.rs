//! Statements: what the builders make and a dialect turns into text.

mod raw;

pub use raw::{Raw, sql};

use std::sync::Arc;

use crate::cells::Cells;
use crate::dialect::Dialect;
use crate::entity::RelationMeta;
use crate::error::Result;
use crate::program::StatementShape;

/// A finished statement, without types.
#[derive(Clone, Debug)]
pub struct Statement {
    pub(crate) body: Body,
    /// The relations to load with the rows, each a path from the selected entity.
    pub(crate) loads: Vec<Vec<&'static RelationMeta>>,
}

#[derive(Clone, Debug)]
pub(crate) enum Body {
    Raw(raw::RawBody),
}

/// A statement as text with its parameters.
#[derive(Clone, Debug)]
pub struct Compiled {
    /// The text and what it takes and answers.
    pub shape: Arc<StatementShape>,
    /// The parameters.
    pub input: Cells,
}

/// The tables that a statement reads, for autoflush.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reads {
    /// These tables.
    Tables(Vec<&'static str>),
    /// Raw SQL that does not say: any table.
    Any,
}

impl Statement {
    /// The text of the statement in a dialect, with its parameters.
    ///
    /// # Errors
    /// If the dialect cannot say it.
    pub fn compile(&self, _dialect: &Dialect) -> Result<Compiled> {
        match &self.body {
            Body::Raw(raw) => Ok(raw.compile()),
        }
    }

    /// The tables it reads, those of its subqueries and of the relations to load included.
    pub fn reads(&self) -> Reads {
        match &self.body {
            Body::Raw(raw) => raw.reads(),
        }
    }

    /// The table it writes, if it is a typed insert, update or delete.
    pub fn writes(&self) -> Option<&'static str> {
        None
    }

    /// The relations to load with its rows, each a path from the selected entity.
    pub fn loads(&self) -> &[Vec<&'static RelationMeta>] {
        &self.loads
    }
}
