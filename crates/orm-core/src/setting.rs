//! What is set for one transaction only: `SET LOCAL`, with a bound value.

use std::sync::Arc;

use crate::cells::Cells;
use crate::dialect::Dialect;
use crate::error::{Error, Result};
use crate::program::{Program, Returns, StatementShape};

/// A setting that ends with its transaction: of the server, or one that the program and its policies have agreed on, whose
/// name has a dot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// Its name: `app.tenant`, `statement_timeout`.
    pub name: Arc<str>,
    /// Its value, as text.
    pub value: Arc<str>,
}

impl Setting {
    /// A setting of this name.
    pub fn new(name: &str, value: impl ToString) -> Self {
        Self { name: name.into(), value: value.to_string().into() }
    }

    /// The statement, with the name and the value as its parameters.
    ///
    /// # Errors
    /// If the database has no such settings. Nothing is sent.
    pub fn sql(&self, dialect: &Dialect) -> Result<&'static str> {
        dialect.set_local.ok_or_else(|| {
            Error::build(format!(
                "{} has no settings of a transaction, so `{}` cannot be set: to keep tenants apart, give the sessions a \
                 default filter with `SessionFactory::filter`, or each tenant a database",
                dialect.name, self.name
            ))
        })
    }

    /// Refuses a setting that the database does not take, before anything is sent.
    ///
    /// # Errors
    /// As [`sql`](Self::sql), and for text that no database takes.
    pub fn verify(&self, dialect: &Dialect) -> Result<()> {
        let sql = self.sql(dialect)?;
        let cells = self.cells();
        match cells.fault().map(|fault| (fault.cell, fault.reason.clone())) {
            Some((cell, reason)) => Err(Error::value(cell, &reason, sql)),
            None => Ok(()),
        }
    }

    /// Its parameters.
    pub fn cells(&self) -> Cells {
        let mut cells = Cells::default();
        cells.text(&self.name);
        cells.text(&self.value);
        cells
    }

    /// It as a statement on its own, inside a transaction that is open.
    ///
    /// # Errors
    /// As [`sql`](Self::sql).
    pub fn program(&self, dialect: &Dialect) -> Result<Program> {
        let shape = StatementShape {
            sql: self.sql(dialect)?.into(),
            parameters: 2,
            returns: Returns::Count,
            // A transaction that only reads has settings, too.
            reads_only: true,
            cheap: false,
            list: None,
            outline: None,
        };
        Ok(Program::single(shape.into(), self.cells()))
    }
}
