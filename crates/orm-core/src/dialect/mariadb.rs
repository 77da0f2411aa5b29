//! MariaDB 10.6 and later.
//!
//! Text is stored and compared as bytes are (`utf8mb4_nopad_bin`), as everywhere else, not as the database would by itself:
//! without case, and without spaces at the end. A point in time is a DATETIME(6) in UTC.

use std::borrow::Cow;

use super::{Dialect, GeneratedKey, Joined, JsonForms, Placeholder, TextSearch, Upsert};
use crate::expr::{Function, TimePart, TimeType};
use crate::types::ColumnType;

/// MariaDB: what it is told. There is no driver for it yet.
pub static MARIADB: Dialect = Dialect {
    name: "MariaDB",
    placeholder: Placeholder::Question,
    max_parameters: 65_535,
    begin_write: "START TRANSACTION",
    begin_read: "START TRANSACTION",
    // Its level is set by a statement before.
    isolation: [""; 4],
    read_only: " READ ONLY",
    deferrable: "",
    begin_reads: "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY",
    begin_loads: None,
    set_local: None,
    advisory_locks: false,
    notifications: false,
    generated_key: GeneratedKey::LastInsertId,
    key_sequences: false,
    returning: true,
    auto_key: "BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY",
    forward_references: false,
    enum_types: false,
    add_constraint: ["", ""],
    keep_used: ["", ""],
    drop_circle: None,
    max_name: 63,
    type_name,
    indexed_text: Some("VARCHAR(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin"),
    computed_not_null: false,
    booleans: ["FALSE", "TRUE"],
    stores_nan: false,
    far_years: false,
    row_list: "",
    next_key: "DEFAULT",
    no_limit: Some("18446744073709551615"),
    for_update: " FOR UPDATE",
    text_search: TextSearch::Like,
    typed_parameters: false,
    arrays: false,
    copies: false,
    numeric_aggregates: true,
    quote: "`",
    backslash_escapes: true,
    groups_in_having: false,
    bool_extremes: ["min", "max"],
    decimals: true,
    cast_name,
    function,
    escape: r" ESCAPE '\\'",
    search: [
        "left({0}, char_length({1})) = {1}",
        "right({0}, char_length({1})) = {1}",
        "instr({0}, {1}) > 0",
    ],
    like_case: " LIKE BINARY ",
    divide_integers: " DIV ",
    texts: ["group_concat", " SEPARATOR "],
    aggregate_filter: false,
    group_frames: false,
    nulls_order: false,
    distinct_on: false,
    for_share: " LOCK IN SHARE MODE",
    locks_by_name: false,
    short_averages: true,
    values_of_any_size: false,
    typed_values: true,
    with_before_writes: false,
    writing_ctes: false,
    joined_writes: Joined::Tables,
    returning_of_updates: false,
    assigns_in_order: true,
    limited_in: false,
    distinct_texts: true,
    upsert: Upsert::OnDuplicateKey,
    json: JsonForms {
        by_path: true,
        forms: [
            // Not of JSON_VALUE, which has 1 for true, and nothing for an object.
            "(CASE json_type(json_extract({0}, {path})) WHEN 'NULL' THEN NULL ELSE json_unquote(json_extract({0}, {path})) END)",
            "CAST(json_value({0}, {path}) AS SIGNED)",
            "CAST(json_value({0}, {path}) AS DOUBLE)",
            "CAST(json_value({0}, {path}) AS SIGNED)",
            "json_extract({0}, {path})",
            "(json_exists({0}, {path}) IS TRUE)",
            "(CASE json_type(json_extract({0}, {path})) WHEN 'ARRAY' THEN json_length({0}, {path}) END)",
        ],
    },
    // Unlike VALUES, it may stand in a query inside.
    excluded: ["VALUE(", ")"],
};

fn type_name(ty: ColumnType) -> Cow<'static, str> {
    Cow::Borrowed(match ty {
        ColumnType::SmallInt => "SMALLINT",
        ColumnType::Int => "INT",
        ColumnType::BigInt => "BIGINT",
        // A FLOAT is equal to no DOUBLE, which is what values are bound as.
        ColumnType::Real | ColumnType::Double => "DOUBLE",
        ColumnType::Bool => "BOOLEAN",
        ColumnType::Text => "LONGTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin",
        ColumnType::Enum(_) => "VARCHAR(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin",
        ColumnType::Bytes => "LONGBLOB",
        ColumnType::Json => "JSON",
        ColumnType::Uuid => "UUID",
        ColumnType::Date => "DATE",
        ColumnType::Time => "TIME(6)",
        ColumnType::Timestamp | ColumnType::DateTime => "DATETIME(6)",
        ColumnType::Numeric => "DECIMAL(65, 30)",
        ColumnType::Inet => "VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin",
        // Refused before a table is created.
        ColumnType::Array(_) => "JSON",
    })
}

fn cast_name(ty: ColumnType) -> Cow<'static, str> {
    Cow::Borrowed(match ty {
        ColumnType::SmallInt | ColumnType::Int | ColumnType::BigInt | ColumnType::Bool => "SIGNED",
        ColumnType::Real => "FLOAT",
        ColumnType::Double => "DOUBLE",
        ColumnType::Text
        | ColumnType::Json
        | ColumnType::Enum(_)
        | ColumnType::Inet
        | ColumnType::Array(_) => "CHAR",
        ColumnType::Bytes => "BINARY",
        ColumnType::Uuid => "UUID",
        ColumnType::Date => "DATE",
        ColumnType::Time => "TIME(6)",
        ColumnType::Timestamp | ColumnType::DateTime => "DATETIME(6)",
        ColumnType::Numeric => "DECIMAL(65, 30)",
    })
}

fn function(function: Function) -> Option<&'static str> {
    Some(match function {
        Function::Coalesce => "coalesce({..})",
        Function::NullIf => "nullif({0}, {1})",
        Function::Same => "({0} <=> {1})",
        Function::Abs => "abs({0})",
        // Of a float it would take halves to the even number.
        Function::Round => "(truncate({0}, 0) + truncate(2 * ({0} - truncate({0}, 0)), 0))",
        Function::Floor => "floor({0})",
        Function::Ceiling => "ceil({0})",
        Function::WholePart => "truncate({0}, 0)",
        Function::RoundDecimal => "round({0})",
        Function::RemainderOfFloats => "({0} % {1})",
        Function::Lower => "lower({0})",
        Function::Upper => "upper({0})",
        // LENGTH counts bytes.
        Function::Length => "char_length({0})",
        Function::Trim => "trim({0})",
        Function::TrimStart => "ltrim({0})",
        Function::TrimEnd => "rtrim({0})",
        Function::Substring => "substr({0}, {1}, {2})",
        Function::Replace => "replace({0}, {1}, {2})",
        Function::Concatenate => "concat({0}, {1})",
        Function::Position => "instr({0}, {1})",
        Function::Now => "utc_timestamp(6)",
        Function::Part(part, _) => match part {
            TimePart::Year => "year({0})",
            TimePart::Month => "month({0})",
            TimePart::Day => "dayofmonth({0})",
            TimePart::Weekday => "(weekday({0}) + 1)",
            TimePart::Hour => "hour({0})",
            TimePart::Minute => "minute({0})",
            TimePart::Second => "second({0})",
        },
        Function::Truncate(part, TimeType::Instant) => match part {
            TimePart::Year => "CAST(date_format({0}, '%Y-01-01') AS DATETIME(6))",
            TimePart::Month => "CAST(date_format({0}, '%Y-%m-01') AS DATETIME(6))",
            TimePart::Day | TimePart::Weekday => "CAST(date_format({0}, '%Y-%m-%d') AS DATETIME(6))",
            TimePart::Hour => "CAST(date_format({0}, '%Y-%m-%d %H:00:00') AS DATETIME(6))",
            TimePart::Minute => "CAST(date_format({0}, '%Y-%m-%d %H:%i:00') AS DATETIME(6))",
            TimePart::Second => "CAST(date_format({0}, '%Y-%m-%d %H:%i:%s') AS DATETIME(6))",
        },
        Function::Truncate(_, TimeType::Civil) => return None,
        Function::Plus => "({0} + INTERVAL {1} MICROSECOND)",
        Function::Microseconds => "timestampdiff(MICROSECOND, {1}, {0})",
    })
}
