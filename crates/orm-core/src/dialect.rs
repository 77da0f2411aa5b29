//! How databases differ, as data: the rest of the crate asks a capability, never which database it is.

mod mariadb;
mod postgres;
mod sqlite;

pub use mariadb::MARIADB;
pub use postgres::POSTGRES;
pub use sqlite::SQLITE;

use std::borrow::Cow;
use std::fmt::Write;

use crate::expr::Function;
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
    /// The statement that opens a transaction that only reads, where its isolation level follows.
    pub begin_read: &'static str,
    /// What follows BEGIN for each isolation level, from the weakest to the strictest: nothing where all transactions
    /// are of the strictest.
    pub isolation: [&'static str; 4],
    /// What says at the end of BEGIN that the transaction only reads, where the database is to be told.
    pub read_only: &'static str,
    /// What follows that for one that waits until it can neither fail nor be in anybody's way, where not all that only
    /// read are like that.
    pub deferrable: &'static str,
    /// The statement that opens a transaction that only reads, of one state of the database: where no level is named, and
    /// for several reads of one call.
    pub begin_reads: &'static str,
    /// The same for a query with the relations that it loads: where BEGIN and COMMIT travel along. In words of its own, so
    /// that those who look at statements can tell it from what a program asked for. `None` where the transaction would cost
    /// more than it is worth: a relation may be read as it is a moment later.
    pub begin_loads: Option<&'static str>,
    /// The statement that sets something until the end of the transaction, by its name and its value. `None` where
    /// there are no such settings.
    pub set_local: Option<&'static str>,
    /// Whether programs can lock what they have agreed on, which is no row or table.
    pub advisory_locks: bool,
    /// Whether programs can send each other messages through the database.
    pub notifications: bool,
    /// How an insert learns the key that the database assigned.
    pub generated_key: GeneratedKey,
    /// Whether keys come from sequences, which know nothing of a key that a program gave.
    pub key_sequences: bool,
    /// Whether INSERT and UPDATE answer columns of what they wrote. Where not, a SELECT follows in the same hop.
    pub returning: bool,
    /// How a column whose key the database assigns is declared, after its name.
    pub auto_key: &'static str,
    /// Whether a table can be created with a reference to one that does not exist yet. Where not, references in a
    /// circle of tables are added after all tables.
    pub forward_references: bool,
    /// Whether there are types whose values are names. They are created before the tables.
    pub enum_types: bool,
    /// What stands before and after a CREATE TYPE, or an ALTER TABLE that adds such a reference, so that it does nothing
    /// where that is there already. Unused where `forward_references` is true.
    pub add_constraint: [&'static str; 2],
    /// What stands before and after a DROP TYPE, so that it does nothing where other tables use the type. Unused where
    /// `enum_types` is false.
    pub keep_used: [&'static str; 2],
    /// What to run before tables that refer to each other in a circle are dropped.
    pub drop_circle: Option<&'static str>,
    /// The longest name in bytes.
    pub max_name: usize,
    /// The name of each column type.
    pub type_name: fn(ColumnType) -> Cow<'static, str>,
    /// The type of a text in a key or an index, where one of any length cannot stand there.
    pub indexed_text: Option<&'static str>,
    /// Whether a computed column may be declared NOT NULL.
    pub computed_not_null: bool,
    /// How `true` and `false` are written.
    pub booleans: [&'static str; 2],
    /// Whether a float can be NaN. Where not, one would become NULL, so it is not sent.
    pub stores_nan: bool,
    /// Whether it stores dates before the year 1 and after the year 9999. Where not, they are not sent.
    pub far_years: bool,
    /// What stands before the rows of `(a, b) IN (..)`: `VALUES ` where a list of rows must be a subquery. Where it
    /// need not be, it must not: PostgreSQL takes the parameters of VALUES for text.
    pub row_list: &'static str,
    /// What stands for a generated key in a row of VALUES: `NULL`, or `DEFAULT`.
    pub next_key: &'static str,
    /// The LIMIT to write with an OFFSET that has none, where OFFSET alone is no syntax.
    pub no_limit: Option<&'static str>,
    /// What a query ends in that locks its rows until the end of the transaction. Empty where the transaction that reads
    /// them, being one that may write, keeps all others from writing.
    pub for_update: &'static str,
    /// How a part of a text is found with regard to case.
    pub text_search: TextSearch,
    /// Whether the place of a parameter decides its type when the statement is prepared, so that a place that does
    /// not tell needs a CAST.
    pub typed_parameters: bool,
    /// Whether there are arrays: as columns, and as the parameters of a statement that takes many rows and can raise an
    /// error if one was not there. Where there are, the statements of a flush say as data what they write: see
    /// [`outline`](crate::outline).
    pub arrays: bool,
    /// Whether the rows of a query can be had as text, by COPY, which takes no parameters.
    pub copies: bool,
    /// What stands before and after a name.
    pub quote: &'static str,
    /// Whether a backslash in a text in quotes means something.
    pub backslash_escapes: bool,
    /// Whether HAVING knows all that a query is grouped by, not only columns.
    pub groups_in_having: bool,
    /// The functions that answer whether all, or any, of some booleans are true.
    pub bool_extremes: [&'static str; 2],
    /// Whether there are decimals to calculate with. Where not, a column of them holds text.
    pub decimals: bool,
    /// The name of each type as CAST takes it.
    pub cast_name: fn(ColumnType) -> Cow<'static, str>,
    /// How each function is written: SQL with `{0}` for its first argument, `{..}` for all of them. `None` where the database
    /// has no such function.
    pub function: fn(Function) -> Option<&'static str>,
    /// What says which character of a pattern makes the next one plain.
    pub escape: &'static str,
    /// How a text that is no value is sought at the start, at the end and anywhere in another: `{0}` has `{1}` there.
    pub search: [&'static str; 3],
    /// LIKE that minds the case.
    pub like_case: &'static str,
    /// The operator that divides integers.
    pub divide_integers: &'static str,
    /// The aggregate that puts texts together, and what stands before its separator.
    pub texts: [&'static str; 2],
    /// Whether an aggregate can have FILTER. Where not, it counts a CASE.
    pub aggregate_filter: bool,
    /// Whether a window can have a frame of GROUPS.
    pub group_frames: bool,
    /// Whether ORDER BY can say where NULLs come. Where not, `x IS NULL` comes first.
    pub nulls_order: bool,
    /// Whether there is DISTINCT ON.
    pub distinct_on: bool,
    /// What a query ends in whose rows others may lock too, but not change.
    pub for_share: &'static str,
    /// Whether a lock must name its tables where a left join adds rows that may not be there, which cannot be locked.
    pub locks_by_name: bool,
    /// Whether an average of integers has a few digits after the point, unless they are made floats first.
    pub short_averages: bool,
    /// Whether columns of VALUES hold what any row has. Where they are made for the first row, a list is queries put together.
    pub values_of_any_size: bool,
    /// Whether the types of a list of values must be said.
    pub typed_values: bool,
    /// Whether WITH can stand before UPDATE and DELETE. Where not, CTEs stand where they are read from.
    pub with_before_writes: bool,
    /// Whether a CTE can write.
    pub writing_ctes: bool,
    /// How an update or delete reads other tables.
    pub joined_writes: Joined,
    /// Whether UPDATE answers columns of what it wrote; INSERT and DELETE do where [`returning`](Self::returning) says so.
    pub returning_of_updates: bool,
    /// Whether SET assigns one column after the other, so that what follows reads the new value.
    pub assigns_in_order: bool,
    /// Whether a query with a limit can stand in IN.
    pub limited_in: bool,
    /// Whether texts are put together with each of them once.
    pub distinct_texts: bool,
    /// How an insert says what becomes of a row that is there already.
    pub upsert: Upsert,
    /// How parts of JSON values are written.
    pub json: JsonForms,
    /// What stands before and after a column, in an upsert, for the value that was to be inserted.
    pub excluded: [&'static str; 2],
    /// Whether sums and averages of integers are of a type of their own (NUMERIC) and need a CAST.
    pub numeric_aggregates: bool,
}

/// How parameters are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placeholder {
    /// `?`
    Question,
    /// `$1`
    Dollar,
}

/// How a part of a text is found with regard to case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextSearch {
    /// By the binary order of texts, and by [`Dialect::search`]: LIKE ignores case.
    Binary,
    /// By LIKE, which minds the case, and by [`Dialect::search`] for what is not a value.
    Like,
}

/// How an update or delete reads other tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Joined {
    /// `UPDATE t SET .. FROM other`, and `DELETE FROM t USING other` if there is that.
    From {
        /// Whether there is USING. Where not, a delete asks by EXISTS.
        using: bool,
    },
    /// `UPDATE t CROSS JOIN other SET ..`, `DELETE FROM t USING t, other`.
    Tables,
}

/// How parts of JSON values are written: as text, integer, float, boolean and JSON; whether there is one, and how many elements
/// it has. `{0}` is the whole value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JsonForms {
    /// Whether a part is found by a path, which is a value (`{path}`), or by an operator for each step (`{->}`, `{->>}`).
    pub by_path: bool,
    /// The forms.
    pub forms: [&'static str; 7],
}

/// How an insert says what becomes of a row that is there already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Upsert {
    /// `ON CONFLICT (columns) DO UPDATE SET ..`
    OnConflict,
    /// `ON DUPLICATE KEY UPDATE ..`, whichever key it is.
    OnDuplicateKey,
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
        let quote = self.quote;
        out.push_str(quote);
        for part in name.split_inclusive(quote) {
            out.push_str(part);
            if part.ends_with(quote) {
                out.push_str(quote);
            }
        }
        out.push_str(quote);
    }

    /// The DEFAULT of a boolean column in the dialect's own words: PostgreSQL takes no `1` for TRUE.
    pub(crate) fn default_literal<'a>(&self, default: &'a str, ty: ColumnType) -> &'a str {
        match default {
            "0" | "1" if ty == ColumnType::Bool => self.booleans[usize::from(default == "1")],
            _ if ty == ColumnType::Bool && default.eq_ignore_ascii_case("false") => self.booleans[0],
            _ if ty == ColumnType::Bool && default.eq_ignore_ascii_case("true") => self.booleans[1],
            _ => default,
        }
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
