//! Sequences that are to go on behind the keys of rows that came with keys of their own.

use super::model::Table;
use crate::dialect::Dialect;
use crate::render::Writer;

/// The statements that advance the sequence of each table behind its largest key.
pub(super) fn advance(tables: &[Table], dialect: &Dialect) -> Vec<String> {
    let tables = if dialect.key_sequences { tables } else { &[] };
    let keys = tables.iter().flat_map(|table| {
        let keys = table.columns.iter().filter(|column| column.auto_key);
        keys.map(move |column| (table.name, column.name))
    });
    keys.map(|(table, column)| advance_one(table, column, dialect)).collect()
}

/// Where the sequence is not behind, or there is none or no row, no row is found and nothing is set. It never goes back: what it
/// would give next is looked at once more while it is set.
fn advance_one(table: &str, column: &str, dialect: &Dialect) -> String {
    let mut quoted = String::new();
    dialect.identifier(table, &mut quoted);
    let mut out = Writer::new(dialect);
    out.push(r#"SELECT setval("sequence", greatest("key", nextval("sequence"))) FROM (SELECT "#);
    out.push("pg_get_serial_sequence(").text_literal(&quoted).push(", ").text_literal(column);
    out.push(r#")::regclass AS "sequence", max("#).name(column).push(r#") AS "key" FROM "#).name(table);
    out.push(r#") AS "largest" WHERE "key" > coalesce(pg_sequence_last_value("sequence"), 0)"#).text()
}
