//! Statements that write one row with SQL expressions among its values.

use super::{by_key, equals, key_names, named};
use crate::cells::Cells;
use crate::dialect::Dialect;
use crate::entity::EntityMeta;
use crate::expr::Node;
use crate::program::{Returns, StatementShape};
use crate::render::Writer;

/// What a column of a row is set to.
#[derive(Clone, Copy, Debug)]
pub enum Write<'a> {
    /// A parameter.
    Value,
    /// An expression.
    Expression(&'a Node),
}

/// A statement for one row, with the parameters that its expressions have.
#[derive(Debug)]
pub struct RowStatement {
    /// The text and what it takes and answers.
    pub shape: StatementShape,
    /// What its parameters are, in order, those of the WHERE aside, which follow.
    pub parameters: Vec<Parameter>,
    /// The values that belong to expressions.
    pub bound: Cells,
}

/// One parameter of a [`RowStatement`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parameter {
    /// The column that it is written to.
    pub column: usize,
    /// The value that belongs to an expression, as a place in [`RowStatement::bound`]; `None` for the row's own value.
    pub bound: Option<usize>,
}

/// `INSERT INTO "users" ("name") VALUES (lower(?)) RETURNING "id", "name"`: one row. See
/// [`insert_columns`](super::insert_columns).
pub fn insert_row(
    meta: &EntityMeta,
    dialect: &Dialect,
    columns: &[(usize, Write<'_>)],
    with_key: bool,
    returning: &[usize],
) -> RowStatement {
    let mut out = Row::new(dialect);
    out.writer.push("INSERT INTO ").name(meta.table).push(" (");
    out.writer.names(columns.iter().map(|(column, _)| meta.columns[*column].name)).push(") VALUES (");
    for (at, &(column, write)) in columns.iter().enumerate() {
        out.writer.push(if at == 0 { "" } else { ", " });
        out.value(column, write);
    }
    out.writer.push(")");
    let returns = super::answer_of_insert(&mut out.writer, meta, with_key, returning);
    out.finish(returns)
}

/// `UPDATE "accounts" SET "balance" = "accounts"."balance" + ? WHERE "id" = ? RETURNING "balance"`: one row. The key
/// and the version that the row must have follow the parameters of the values.
pub fn update_row(
    meta: &EntityMeta,
    dialect: &Dialect,
    columns: &[(usize, Write<'_>)],
    versioned: bool,
    returning: &[usize],
) -> RowStatement {
    let mut out = Row::new(dialect);
    out.writer.push("UPDATE ").name(meta.table).push(" SET ");
    for (at, &(column, write)) in columns.iter().enumerate() {
        out.writer.push(if at == 0 { "" } else { ", " }).name(meta.columns[column].name).push(" = ");
        out.value(column, write);
    }
    by_key(&mut out.writer, meta, versioned);
    let returns = super::answer(&mut out.writer, meta, returning);
    out.finish(returns)
}

/// `SELECT "created_at" FROM "users" WHERE "id" = ?`: some columns of one row. Parameters are the key.
pub fn select_columns(meta: &EntityMeta, dialect: &Dialect, columns: &[usize]) -> StatementShape {
    let mut out = Writer::new(dialect);
    out.push("SELECT ").names(named(meta, columns)).push(" FROM ").name(meta.table).push(" WHERE ");
    out.separated(" AND ", key_names(meta), equals);
    super::cheap(out.shape(Returns::Rows, true))
}

/// The text so far, with what its parameters are.
struct Row<'d> {
    writer: Writer<'d>,
    parameters: Vec<Parameter>,
    bound: Cells,
}

impl<'d> Row<'d> {
    fn new(dialect: &'d Dialect) -> Self {
        Self { writer: Writer::new(dialect), parameters: Vec::new(), bound: Cells::default() }
    }

    fn value(&mut self, column: usize, write: Write<'_>) {
        match write {
            Write::Value => {
                self.writer.placeholder();
                self.parameters.push(Parameter { column, bound: None });
            }
            Write::Expression(node) => {
                self.writer.node(node);
                for value in self.writer.take_values() {
                    self.parameters.push(Parameter { column, bound: Some(self.bound.len()) });
                    self.bound.value_of(&value);
                }
            }
        }
    }

    fn finish(self, returns: Returns) -> RowStatement {
        let Self { writer, parameters, bound } = self;
        RowStatement { shape: writer.shape(returns, false), parameters, bound }
    }
}
