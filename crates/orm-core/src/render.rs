//! SQL text as it is written: identifiers, placeholders, and the parameters that go with them, in one order.

mod call;
mod compound;
mod copy;
mod fingerprint;
mod insert;
mod json;
mod known;
mod literal;
mod names;
mod narrowed;
mod node;
mod raw;
mod repeats;
mod select;
mod source;
mod statement;
mod window;
mod write;

use known::{Bind, Form};
use names::Names;
use repeats::Repeat;

pub(crate) use copy::copy_out;
pub(crate) use names::written_by_ctes;
pub(crate) use narrowed::narrowed;
pub(crate) use select::columns_of;
pub(crate) use statement::statement;

use std::fmt::Write as _;
use std::sync::Arc;

use crate::cells::Cells;
use crate::dialect::Dialect;
use crate::error::{Error, Result};
use crate::program::{ListAt, Returns, StatementShape};
use crate::stmt::{Compiled, Name, SourceId};
use crate::types::ColumnType;
use crate::value::Value;

/// The text so far. Parameters are pushed in the order in which their placeholders are written: never otherwise.
pub(crate) struct Writer<'d> {
    pub(crate) dialect: &'d Dialect,
    sql: String,
    input: Cells,
    parameters: usize,
    list: Option<ListAt>,
    /// Whether the statement is known to be cheap.
    cheap: bool,
    /// Where values are written into the text: what went wrong with one of them.
    literals: Option<Result<()>>,
    /// The names of sources that have none of their own.
    names: Names,
    /// The tables in scope under their own names, the innermost last, each with the name that its columns have instead.
    tables: Vec<(&'static str, Option<String>)>,
    /// What the queries around are grouped by, where it has values.
    repeats: Vec<Repeat>,
    /// Whether conditions of HAVING are being written.
    is_in_having: bool,
    /// Whether CTEs stand where they are read from.
    inline_ctes: bool,
    /// Whether it writes, though it looks like a query.
    writes: bool,
    /// What the dialect lacks.
    lacking: Option<Error>,
    /// What the placeholders stand for, as long as all of them are known.
    binds: Option<Vec<Bind>>,
    /// The values of the statement, by their place in memory, while that is noted.
    values: Vec<*const Value>,
}

impl<'d> Writer<'d> {
    pub(crate) fn new(dialect: &'d Dialect) -> Self {
        Self {
            dialect,
            sql: String::with_capacity(128),
            input: Cells::default(),
            parameters: 0,
            list: None,
            cheap: false,
            literals: None,
            names: Names::default(),
            tables: Vec::new(),
            repeats: Vec::new(),
            is_in_having: false,
            inline_ctes: false,
            writes: false,
            lacking: None,
            binds: None,
            values: Vec::new(),
        }
    }

    /// Adds SQL as it stands.
    pub(crate) fn push(&mut self, text: &str) -> &mut Self {
        self.sql.push_str(text);
        self
    }

    /// Adds a number as it stands.
    pub(crate) fn number(&mut self, number: u64) -> &mut Self {
        // Writing to a String does not fail.
        let _ = write!(self.sql, "{number}");
        self
    }

    /// Adds a name in quotes.
    pub(crate) fn name(&mut self, name: &str) -> &mut Self {
        self.dialect.identifier(name, &mut self.sql);
        self
    }

    /// Adds `"table"."column"`.
    pub(crate) fn column(&mut self, table: &str, column: &str) -> &mut Self {
        self.name(table).push(".").name(column)
    }

    /// Adds the name of a column type.
    pub(crate) fn type_name(&mut self, ty: ColumnType) -> &mut Self {
        self.push(&(self.dialect.type_name)(ty))
    }

    /// Adds the column of a table that may have a made name.
    pub(crate) fn named_column(&mut self, name: Name, column: &str) -> &mut Self {
        match name {
            Name::Table(table) => self.column(table, column),
            Name::Made(source) => self.source(source).push(".").name(column),
        }
    }

    /// Adds the name of a source.
    pub(crate) fn source(&mut self, source: SourceId) -> &mut Self {
        let name = self.names.of(source);
        self.dialect.identifier(&name, &mut self.sql);
        self
    }

    /// Says that a table stands in the statement under its own name, so that a relation to it knows.
    pub(crate) fn reads(&mut self, table: &'static str) -> &mut Self {
        self.tables.push((table, None));
        self
    }

    /// Notes what the dialect lacks, and what to do instead. What is written after that is not sent.
    pub(crate) fn lacks(&mut self, what: &str, instead: &str) {
        let name = self.dialect.name;
        self.lacking.get_or_insert_with(|| Error::build(format!("{name} has no {what}: {instead}")));
    }

    /// Adds each item, with `separator` between them.
    pub(crate) fn separated<T>(
        &mut self,
        separator: &str,
        items: impl IntoIterator<Item = T>,
        mut each: impl FnMut(&mut Self, T),
    ) -> &mut Self {
        for (at, item) in items.into_iter().enumerate() {
            if at > 0 {
                self.push(separator);
            }
            each(self, item);
        }
        self
    }

    /// Adds names in quotes, with commas between them.
    pub(crate) fn names<'a>(&mut self, names: impl IntoIterator<Item = &'a str>) -> &mut Self {
        self.separated(", ", names, |out, name| {
            out.name(name);
        })
    }

    /// Adds the name of a type as CAST takes it.
    pub(crate) fn cast_name(&mut self, ty: ColumnType) -> &mut Self {
        self.push(&(self.dialect.cast_name)(ty))
    }

    /// Adds a text in quotes.
    pub(crate) fn text_literal(&mut self, text: &str) -> &mut Self {
        let mut text = text.replace('\'', "''");
        if self.dialect.backslash_escapes {
            text = text.replace('\\', r"\\");
        }
        self.push("'").push(&text).push("'")
    }

    /// Adds the placeholder of a parameter whose value comes later, row by row.
    pub(crate) fn placeholder(&mut self) -> &mut Self {
        self.dialect.placeholder(self.parameters, &mut self.sql);
        self.parameters += 1;
        self
    }

    /// Adds the value that was added last to the input: its placeholder, or where there are none, itself.
    fn bound(&mut self) -> &mut Self {
        if self.write_literal() { self } else { self.placeholder() }
    }

    /// Adds a parameter, counted from 0, that is an array: `$1::TEXT[]`.
    pub(crate) fn array(&mut self, parameter: usize, of: ColumnType) -> &mut Self {
        self.dialect.placeholder(parameter, &mut self.sql);
        self.push("::").type_name(of).push("[]")
    }

    /// Adds a placeholder and its value.
    pub(crate) fn bind(&mut self, value: &Value) -> &mut Self {
        self.note(value, Form::Plain);
        self.input.value_of(value);
        self.bound()
    }

    /// Adds a placeholder and a text that was made of a value.
    fn bind_form(&mut self, of: &Value, form: Form, text: &str) -> &mut Self {
        self.note(of, form);
        self.input.text(text);
        self.bound()
    }

    /// Notes which of the statement's values a placeholder stands for.
    fn note(&mut self, value: &Value, form: Form) {
        let Some(binds) = &mut self.binds else { return };
        // Mostly the one behind that before.
        let next = binds.last().map_or(0, |bind| bind.value as usize + 1).min(self.values.len());
        let (before, after) = self.values.split_at(next);
        let place = |known: &*const Value| std::ptr::eq(*known, value);
        let found =
            after.iter().position(place).map(|at| next + at).or_else(|| before.iter().position(place));
        match found {
            Some(at) => binds.push(Bind { value: at as u32, form }),
            // It was copied on the way.
            None => self.binds = None,
        }
    }

    /// Adds a placeholder; `encode` adds its value, exactly one cell.
    pub(crate) fn bind_with(&mut self, encode: impl FnOnce(&mut Cells)) -> &mut Self {
        self.binds = None;
        encode(&mut self.input);
        self.bound()
    }

    /// Adds a placeholder for the value of a cell of a row that was encoded before.
    pub(crate) fn bind_cell(&mut self, cells: &Cells, at: usize) -> &mut Self {
        self.binds = None;
        match cells.fault() {
            Some(fault) if fault.cell == at => self.input.refuse(fault.reason.clone()),
            _ => self.input.value_ref(cells.value(at)),
        }
        self.bound()
    }

    /// Adds a text whose placeholders are there already, with its values.
    pub(crate) fn append(&mut self, sql: &str, input: &Cells) -> &mut Self {
        self.binds = None;
        debug_assert_eq!(self.parameters, 0, "the text counts its placeholders from the first");
        if self.literals.is_some() && !input.is_empty() {
            self.literals = Some(Err(literal::raw_with_values()));
        }
        self.input = input.clone();
        self.parameters = input.len();
        // A comment at its end would swallow what follows.
        self.push(sql.trim_end().trim_end_matches(';')).push("\n")
    }

    /// Adds `columns IN (..)`, with a list of unknown length between the parentheses.
    pub(crate) fn in_list(&mut self, table: Option<&str>, columns: &[&str]) -> &mut Self {
        let qualified = |out: &mut Self, column: &str| {
            match table {
                Some(table) => out.column(table, column),
                None => out.name(column),
            };
        };
        match columns {
            [column] => {
                qualified(self, column);
                self.push(" IN (");
            }
            columns => {
                self.push("(");
                self.separated(", ", columns.iter().copied(), qualified).push(") IN (");
                self.push(self.dialect.row_list);
            }
        }
        debug_assert!(self.list.is_none(), "a shape has one list at most");
        self.list = Some(ListAt {
            byte: self.sql.len() as u32,
            parameter: self.parameters as u16,
            width: columns.len() as u16,
        });
        self.parameters += 1;
        self.push(")")
    }

    /// The values that were bound since the last call. Their placeholders stay, for values that come row by row.
    pub(crate) fn take_values(&mut self) -> Vec<Value> {
        let input = std::mem::take(&mut self.input);
        (0..input.len()).map(|at| input.value(at).to_value()).collect()
    }

    /// The parameters so far, with values.
    pub(crate) fn take_input(&mut self) -> Cells {
        std::mem::take(&mut self.input)
    }

    /// The text so far.
    pub(crate) fn text(&mut self) -> String {
        std::mem::take(&mut self.sql)
    }

    /// A shape whose values come later.
    pub(crate) fn shape(mut self, returns: Returns, reads_only: bool) -> StatementShape {
        self.take_shape(returns, reads_only)
    }

    fn take_shape(&mut self, returns: Returns, reads_only: bool) -> StatementShape {
        StatementShape {
            sql: self.sql.as_str().into(),
            parameters: self.parameters as u16,
            returns,
            reads_only,
            cheap: false,
            list: self.list,
            outline: None,
        }
    }

    /// A statement with its values.
    ///
    /// # Errors
    /// If it has more parameters than the dialect allows.
    pub(crate) fn compiled(&mut self, returns: Returns, reads_only: bool) -> Result<Compiled> {
        self.lacking.take().map_or(Ok(()), Err)?;
        few_enough(self.parameters, self.dialect)?;
        let (input, cheap) = (std::mem::take(&mut self.input), self.cheap);
        let shape = StatementShape { cheap, ..self.take_shape(returns, reads_only) };
        Ok(Compiled { shape: Arc::new(shape), input, dispatch: None })
    }
}

/// # Errors
/// If a statement has more parameters than the database takes.
pub(crate) fn few_enough(parameters: usize, dialect: &Dialect) -> Result<()> {
    let most = dialect.max_parameters;
    if parameters > most {
        return Err(Error::build(format!(
            "this statement has {parameters} parameters and {} takes {most}: split the list of values, or compare with a subquery",
            dialect.name
        )));
    }
    Ok(())
}
