//! What a write does, as data: from it a driver writes the statement in other forms than the one for a single row.
//!
//! | form | what it is for |
//! |---|---|
//! | [`StatementShape::guarded`] | one row, checked by the server, which raises if it was not there |
//! | [`Outline::many`] | many rows as one statement, an array for each parameter |
//! | [`Outline::many_guarded`] | the same, checked by the server: each row must be there |
//! | [`Outline::keyed`] | an insert whose key was made beforehand, by [`NEXT_KEYS`] |
//! | [`Outline::many_keyed`] | many of those |
//! | [`Outline::copy_in`] | very many rows of an insert, as a stream of text |
//!
//! A check on the server is what lets COMMIT travel with the statement. [`parse_guard`] reads what it raised.

mod copy;
mod guard;
mod keys;
mod many;

pub use copy::MAY_COPY;
pub use guard::{Unmatched, parse_guard};
pub use keys::NEXT_KEYS;

use std::sync::Arc;

use crate::dialect::Dialect;
use crate::entity::ColumnMeta;
use crate::program::{Returns, StatementShape};
use crate::render::Writer;
use crate::types::ColumnType;

/// What a write does, for dialects with [`arrays`](Dialect::arrays).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outline {
    /// What it does.
    pub action: Action,
    /// The table.
    pub table: &'static str,
    /// The parameters of a row, in their order.
    pub parameters: Vec<Parameter>,
    /// The key that an insert leaves to the database and answers. The keyed forms take it as their first parameter.
    pub key: Option<Parameter>,
    /// The columns that it answers of each row, after that key.
    pub returning: Vec<&'static str>,
    /// Whether a row may take a unique value that one before it gives up. A statement for many rows writes them in an order
    /// of its own, and each is unique at once.
    pub in_order: bool,
}

/// What a write does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// INSERT.
    Insert,
    /// INSERT .. ON CONFLICT DO NOTHING.
    InsertMissing,
    /// UPDATE of the columns that are not matched.
    Update,
    /// UPDATE of the columns that are matched, to NULL.
    SetNull,
    /// DELETE.
    Delete,
}

/// One parameter: a column of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parameter {
    /// The name of the column.
    pub name: &'static str,
    /// Its type: in a form for many rows, what the array is made of.
    pub ty: ColumnType,
    /// Whether the row is found by it. Of an insert: whether it is part of the key.
    pub matched: bool,
}

impl Parameter {
    /// A column that is written.
    pub(crate) fn set(column: &ColumnMeta) -> Self {
        Self { name: column.name, ty: column.ty, matched: false }
    }

    /// A column that the row is found by.
    pub(crate) fn matched(column: &ColumnMeta) -> Self {
        Self { matched: true, ..Self::set(column) }
    }
}

impl Outline {
    /// Many rows in one statement: `INSERT INTO "users" ("name") SELECT * FROM unnest($1::TEXT[])`.
    ///
    /// There is an array for each parameter, of its type, all of one length, which is not 0. It answers what the
    /// statement for one row answers: the number of rows, or the rows, in the order of the parameters. A row of an INSERT
    /// that is skipped by a trigger is not answered.
    ///
    /// `None` if there is no such form: for an insert without parameters, one that answers a key or whose rows could not
    /// be put in order, an update [`in_order`](Self::in_order), and for a parameter that is an array itself. Then rows are
    /// sent one by one.
    pub fn many(&self, dialect: &Dialect) -> Option<String> {
        match self.action {
            Action::Insert | Action::InsertMissing if self.key.is_some() => None,
            Action::Insert | Action::InsertMissing => many::insert(self, &self.parameters, dialect),
            Action::Update | Action::SetNull | Action::Delete => many::change(self, false, dialect),
        }
    }

    /// The same for an UPDATE or DELETE whose rows must all be there: each set of parameters matches one row, and no row is
    /// matched by two, or the server raises what [`parse_guard`] reads. It answers the columns that the statement for
    /// one row answers, or, if those are none, one row with the number of rows.
    pub fn many_guarded(&self, dialect: &Dialect) -> Option<String> {
        match self.action {
            Action::Insert | Action::InsertMissing | Action::SetNull => None,
            Action::Update | Action::Delete => many::change(self, true, dialect),
        }
    }

    /// An insert with the key that it would have left to the database: `INSERT INTO "users" ("id", "name") OVERRIDING SYSTEM
    /// VALUE VALUES ($1, $2)`. The key is the first parameter. It answers the row that it would have answered, the key
    /// included, or, if that is the key alone, nothing. `None` if it leaves no key to the database.
    pub fn keyed(&self, dialect: &Dialect) -> Option<String> {
        let parameters = self.keyed_parameters()?;
        let mut out = Writer::new(dialect);
        out.push("INSERT INTO ").name(self.table).push(" (").names(names(&parameters));
        out.push(") OVERRIDING SYSTEM VALUE VALUES (");
        out.separated(", ", &parameters, |out, _| {
            out.placeholder();
        });
        out.push(")");
        if !self.returning.is_empty() {
            out.push(" RETURNING ").names(self.key.iter().map(|key| key.name).chain(self.answered()));
        }
        Some(out.text())
    }

    /// Many of those: `INSERT INTO "users" ("id", "name") OVERRIDING SYSTEM VALUE SELECT * FROM unnest($1::BIGINT[],
    /// $2::TEXT[])`. See [`many`](Self::many) for what it takes and when it is `None`.
    pub fn many_keyed(&self, dialect: &Dialect) -> Option<String> {
        many::insert(self, &self.keyed_parameters()?, dialect)
    }

    /// The same rows as a stream of text: `COPY "users" ("id", "name") FROM STDIN`. A key that the insert leaves to the
    /// database is made beforehand, and comes first. It answers the number of rows.
    ///
    /// `None` for what is no plain INSERT, or answers columns. Whether the table takes it, [`MAY_COPY`] asks the server.
    pub fn copy_in(&self, dialect: &Dialect) -> Option<String> {
        if self.action != Action::Insert || !self.returning.is_empty() || !dialect.arrays {
            return None;
        }
        let columns = self.copied();
        if columns.is_empty() {
            return None;
        }
        let mut out = Writer::new(dialect);
        out.push("COPY ").name(self.table).push(" (").names(names(&columns)).push(") FROM STDIN");
        Some(out.text())
    }

    /// The columns of [`copy_in`](Self::copy_in), in their order.
    pub fn copied(&self) -> Vec<Parameter> {
        self.key.into_iter().chain(self.parameters.iter().copied()).collect()
    }

    /// The parameters of the keyed forms.
    fn keyed_parameters(&self) -> Option<Vec<Parameter>> {
        let key = self.key?;
        Some(std::iter::once(key).chain(self.parameters.iter().copied()).collect())
    }

    fn answered(&self) -> impl Iterator<Item = &'static str> + use<'_> {
        self.returning.iter().copied()
    }

    /// The parameters that the row is found by, with their places, from 0.
    fn matched(parameters: &[Parameter]) -> impl Iterator<Item = (usize, &Parameter)> {
        parameters.iter().enumerate().filter(|(_, parameter)| parameter.matched)
    }
}

impl StatementShape {
    /// The same for rows none of which takes a unique value that another one gives up.
    pub fn in_any_order(mut self) -> Self {
        if let Some(outline) = &mut self.outline {
            Arc::make_mut(outline).in_order = false;
        }
        self
    }

    /// An UPDATE or DELETE of one row that must be there, or the server raises what [`parse_guard`] reads. It answers the
    /// rows that the statement answers, or, if it answers none, one row with the number of rows.
    ///
    /// `None` for dialects without [`arrays`](Dialect::arrays) and for what is no such statement. Not for SQL that comes
    /// from elsewhere.
    pub fn guarded(&self, dialect: &Dialect) -> Option<String> {
        if !dialect.arrays || self.reads_only || self.list.is_some() {
            return None;
        }
        match self.returns {
            Returns::Count => Some(guard::of_count(&self.sql)),
            Returns::Rows => Some(guard::of_rows(&self.sql)),
            Returns::GeneratedKey | Returns::Copied => None,
        }
    }
}

fn names(parameters: &[Parameter]) -> impl Iterator<Item = &'static str> + use<'_> {
    parameters.iter().map(|parameter| parameter.name)
}
