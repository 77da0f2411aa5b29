//! How databases differ, as data: the rest of the crate asks a capability, never which database it is.

mod postgres;
mod sqlite;

pub use postgres::POSTGRES;
pub use sqlite::SQLITE;

use std::fmt::Write;

use crate::types::ColumnType;

/// What a database can do and how it writes it.
#[derive(Debug)]
pub struct Dialect {
    /// Its name, for messages: `SQLite`.
    pub name: &'static str,
    /// How parameters are written.
    pub placeholder: Placeholder,
    /// The most parameters one statement takes.
    pub max_parameters: usize,
    /// The statement that opens a transaction that will write.
    pub begin_write: &'static str,
    /// How an insert learns the key that the database assigned.
    pub generated_key: GeneratedKey,
    /// How a column whose key the database assigns is declared, after its name.
    pub auto_key: &'static str,
    /// Whether a table can be created with a reference to one that does not exist yet. Where not, references in a
    /// circle of tables are added after all tables.
    pub forward_references: bool,
    /// The name of each column type.
    pub type_name: fn(ColumnType) -> &'static str,
    /// How `true` and `false` are written.
    pub booleans: [&'static str; 2],
    /// What stands before the rows of `(a, b) IN (..)`: `VALUES ` where a list of rows must be a subquery. Where it
    /// need not be, it must not: PostgreSQL takes the parameters of VALUES for text.
    pub row_list: &'static str,
}

/// How parameters are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placeholder {
    /// `?`
    Question,
    /// `$1`
    Dollar,
}

/// How an insert learns its generated key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GeneratedKey {
    /// The driver asks the connection: SQLite's `last_insert_rowid`, four times faster than RETURNING.
    LastInsertId,
    /// The statement ends in `RETURNING key`.
    Returning,
}

impl Dialect {
    /// Writes an identifier in quotes.
    pub fn identifier(&self, name: &str, out: &mut String) {
        out.push('"');
        for part in name.split_inclusive('"') {
            out.push_str(part);
            if part.ends_with('"') {
                out.push('"');
            }
        }
        out.push('"');
    }

    /// Writes the placeholder of a parameter, counted from 0.
    pub fn placeholder(&self, index: usize, out: &mut String) {
        match self.placeholder {
            Placeholder::Question => out.push('?'),
            Placeholder::Dollar => {
                // Writing to a String cannot fail.
                let _ = write!(out, "${}", index + 1);
            }
        }
    }
}
