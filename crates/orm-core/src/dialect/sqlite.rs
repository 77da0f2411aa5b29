//! SQLite 3.51 and later.

use std::borrow::Cow;

use super::{Dialect, GeneratedKey, Joined, JsonForms, Placeholder, TextSearch, Upsert};
use crate::expr::{Function, TimePart, TimeType};
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
    far_years: false,
    row_list: "VALUES ",
    next_key: "NULL",
    no_limit: Some("-1"),
    for_update: "",
    text_search: TextSearch::Binary,
    typed_parameters: false,
    arrays: false,
    copies: false,
    numeric_aggregates: false,
    quote: "\"",
    backslash_escapes: false,
    groups_in_having: true,
    bool_extremes: ["min", "max"],
    decimals: false,
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
    locks_by_name: false,
    short_averages: false,
    values_of_any_size: true,
    typed_values: false,
    with_before_writes: true,
    writing_ctes: false,
    joined_writes: Joined::From { using: false },
    returning_of_updates: true,
    assigns_in_order: false,
    limited_in: true,
    distinct_texts: false,
    upsert: Upsert::OnConflict,
    json: JsonForms {
        by_path: true,
        forms: [
            // Numbers and booleans would stay what they are.
            "(CASE json_type({0}, {path}) WHEN 'true' THEN 'true' WHEN 'false' THEN 'false' ELSE CAST({0} ->> {path} AS TEXT) END)",
            "CAST({0} ->> {path} AS INTEGER)",
            "CAST({0} ->> {path} AS REAL)",
            "CAST({0} ->> {path} AS INTEGER)",
            "({0} -> {path})",
            "(json_type({0}, {path}) IS NOT NULL)",
            "(CASE json_type({0}, {path}) WHEN 'array' THEN json_array_length({0}, {path}) END)",
        ],
    },
    excluded: ["excluded.", ""],
};

/// The whole seconds of microseconds, also before 1970.
macro_rules! of_instant {
    ($format:literal) => {
        concat!(
            "CAST(strftime('",
            $format,
            "', ({0} - 999999 * ({0} < 0)) / 1000000, 'unixepoch') AS INTEGER)"
        )
    };
}

macro_rules! start_of {
    ($modifier:literal) => {
        concat!("(unixepoch(({0} - 999999 * ({0} < 0)) / 1000000, 'unixepoch', ", $modifier, ") * 1000000)")
    };
}

fn function(function: Function) -> Option<&'static str> {
    Some(match function {
        Function::Coalesce => "coalesce({..})",
        Function::NullIf => "nullif({0}, {1})",
        Function::Same => "({0} IS {1})",
        Function::Abs => "abs({0})",
        Function::Round => "round({0})",
        // Whole numbers stay what they are, as CAST does not leave them.
        Function::Floor => "(round({0} - 0.5) + (round({0} - 0.5) + 1 <= {0}))",
        Function::Ceiling => "(round({0} + 0.5) - (round({0} + 0.5) - 1 >= {0}))",
        // CAST does it.
        Function::WholePart => "{0}",
        Function::RoundDecimal => return None,
        Function::RemainderOfFloats => "({0} - {1} * CAST({0} / {1} AS INTEGER))",
        Function::Lower => "lower({0})",
        Function::Upper => "upper({0})",
        Function::Length => "length({0})",
        Function::Trim => "trim({0})",
        Function::TrimStart => "ltrim({0})",
        Function::TrimEnd => "rtrim({0})",
        Function::Substring => "substr({0}, {1}, {2})",
        Function::Replace => "replace({0}, {1}, {2})",
        Function::Concatenate => "({0} || {1})",
        Function::Position => "instr({0}, {1})",
        Function::Now => "CAST(unixepoch('subsec') * 1000000 AS INTEGER)",
        Function::Part(part, TimeType::Instant) => match part {
            TimePart::Year => of_instant!("%Y"),
            TimePart::Month => of_instant!("%m"),
            TimePart::Day => of_instant!("%d"),
            TimePart::Weekday => of_instant!("%u"),
            TimePart::Hour => of_instant!("%H"),
            TimePart::Minute => of_instant!("%M"),
            TimePart::Second => of_instant!("%S"),
        },
        Function::Part(part, TimeType::Civil) => match part {
            TimePart::Year => "CAST(strftime('%Y', {0}) AS INTEGER)",
            TimePart::Month => "CAST(strftime('%m', {0}) AS INTEGER)",
            TimePart::Day => "CAST(strftime('%d', {0}) AS INTEGER)",
            TimePart::Weekday => "CAST(strftime('%u', {0}) AS INTEGER)",
            TimePart::Hour => "CAST(strftime('%H', {0}) AS INTEGER)",
            TimePart::Minute => "CAST(strftime('%M', {0}) AS INTEGER)",
            TimePart::Second => "CAST(strftime('%S', {0}) AS INTEGER)",
        },
        Function::Truncate(part, TimeType::Instant) => match part {
            TimePart::Year => start_of!("'start of year'"),
            TimePart::Month => start_of!("'start of month'"),
            TimePart::Day | TimePart::Weekday => start_of!("'start of day'"),
            TimePart::Hour => "({0} - (({0} % 3600000000) + 3600000000) % 3600000000)",
            TimePart::Minute => "({0} - (({0} % 60000000) + 60000000) % 60000000)",
            TimePart::Second => "({0} - (({0} % 1000000) + 1000000) % 1000000)",
        },
        Function::Truncate(_, TimeType::Civil) => return None,
        Function::Plus => "({0} + {1})",
        Function::Microseconds => "({0} - {1})",
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
        // In a form that is ordered as what it means.
        ColumnType::Date | ColumnType::Time | ColumnType::DateTime => "TEXT",
        // Not NUMERIC, which would make a float of it.
        ColumnType::Numeric | ColumnType::Uuid | ColumnType::Inet | ColumnType::Enum(_) => "TEXT",
        // Refused before a table is created.
        ColumnType::Array(_) => "TEXT",
    })
}
