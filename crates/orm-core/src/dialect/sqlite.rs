//! SQLite 3.51 and later.

use std::borrow::Cow;

use super::{Dialect, GeneratedKey, Joined, Placeholder, TextSearch, Upsert};
use crate::expr::Function;
use crate::types::ColumnType;

/// SQLite.
pub static SQLITE: Dialect = Dialect {
    name: "SQLite",
    placeholder: Placeholder::Question,
    max_parameters: 32_766,
    begin_write: "BEGIN IMMEDIATE",
    begin_read: "BEGIN",
    isolation: [""; 4],
    read_only: "",
    deferrable: "",
    begin_reads: "BEGIN",
    begin_loads: None,
    set_local: None,
    advisory_locks: false,
    notifications: false,
    generated_key: GeneratedKey::LastInsertId,
    key_sequences: false,
    returning: true,
    auto_key: "INTEGER PRIMARY KEY",
    forward_references: true,
    enum_types: false,
    add_constraint: ["", ""],
    keep_used: ["", ""],
    drop_circle: Some("PRAGMA defer_foreign_keys = ON"),
    // SQLite has no limit; the names are the same everywhere.
    max_name: 63,
    type_name,
    indexed_text: None,
    computed_not_null: true,
    booleans: ["0", "1"],
    stores_nan: false,
    row_list: "VALUES ",
    next_key: "NULL",
    no_limit: Some("-1"),
    for_update: "",
    text_search: TextSearch::Binary,
    typed_parameters: false,
    arrays: false,
    copies: false,
    streams_rows: false,
    numeric_aggregates: false,
    quote: "\"",
    backslash_escapes: false,
    cast_name: type_name,
    function,
    escape: r" ESCAPE '\'",
    search: [
        "substr({0}, 1, length({1})) = {1}",
        "substr({0}, length({0}) - length({1}) + 1) = {1}",
        "instr({0}, {1}) > 0",
    ],
    like_case: " LIKE ",
    divide_integers: " / ",
    texts: ["group_concat", ", "],
    aggregate_filter: true,
    group_frames: true,
    nulls_order: true,
    distinct_on: false,
    for_share: "",
    short_averages: false,
    values_of_any_size: true,
    values_row: "",
    typed_values: false,
    with_before_writes: true,
    writing_ctes: false,
    joined_writes: Joined::From { using: false },
    returning_of_updates: true,
    upsert: Upsert::OnConflict,
    excluded: ["excluded.", ""],
};

fn function(function: Function) -> Option<&'static str> {
    Some(match function {
        Function::Coalesce => "coalesce({..})",
        Function::Abs => "abs({0})",
        Function::Lower => "lower({0})",
        Function::Upper => "upper({0})",
        Function::Length => "length({0})",
    })
}

fn type_name(ty: ColumnType) -> Cow<'static, str> {
    Cow::Borrowed(match ty {
        // A point in time is its microseconds since the Unix epoch.
        ColumnType::SmallInt | ColumnType::Int | ColumnType::BigInt | ColumnType::Timestamp => "INTEGER",
        ColumnType::Real | ColumnType::Double => "REAL",
        ColumnType::Bool => "BOOLEAN",
        ColumnType::Text | ColumnType::Json => "TEXT",
        ColumnType::Bytes => "BLOB",
        // Not NUMERIC, which would make a float of it.
        ColumnType::Numeric | ColumnType::Uuid | ColumnType::Inet | ColumnType::Enum(_) => "TEXT",
        // Refused before a table is created.
        ColumnType::Array(_) => "TEXT",
    })
}
