//! CREATE TABLE, CREATE INDEX, DROP TABLE.

use super::model::{ForeignKey, Index, Table, TableColumn};
use super::order::Ordered;
use crate::dialect::Dialect;
use crate::entity::OnDelete;
use crate::render::Writer;
use crate::types::{ColumnType, EnumType};

/// The statements that create the types and then the tables, each followed by its indexes; last come the references that had to wait.
pub(super) fn create(tables: &[Ordered], dialect: &Dialect) -> Vec<String> {
    let mut statements: Vec<String> =
        enum_types(tables, dialect).map(|ty| create_type(ty, dialect)).collect();
    for Ordered { table, forward } in tables {
        let later: &[usize] = if dialect.forward_references { &[] } else { forward };
        statements.push(create_table(table, later, dialect));
        statements.extend(table.indexes.iter().map(|index| create_index(table, index, dialect)));
    }
    for (table, key) in late(tables, dialect) {
        let [before, after] = dialect.add_constraint;
        let mut out = Writer::new(dialect);
        out.push(before).push("ALTER TABLE ").name(table.name).push(" ADD ");
        foreign_key(&mut out, table, key);
        statements.push(out.push(after).text());
    }
    statements
}

/// The statements that drop the tables, those created last first, and then the types.
pub(super) fn drop(tables: &[Ordered], dialect: &Dialect) -> Vec<String> {
    let mut statements = Vec::new();
    if let (Some(first), true) = (dialect.drop_circle, tables.iter().any(|table| !table.forward.is_empty())) {
        statements.push(first.to_owned());
    }
    for (table, key) in late(tables, dialect) {
        let mut out = Writer::new(dialect);
        out.push("ALTER TABLE IF EXISTS ").name(table.name).push(" DROP CONSTRAINT IF EXISTS ");
        statements.push(out.name(&constraint_name(table, key, dialect)).text());
    }
    statements.extend(tables.iter().rev().map(|ordered| {
        let mut out = Writer::new(dialect);
        out.push("DROP TABLE IF EXISTS ").name(ordered.table.name).text()
    }));
    statements.extend(enum_types(tables, dialect).map(|ty| {
        let mut out = Writer::new(dialect);
        let [before, after] = dialect.keep_used;
        out.push(before).push("DROP TYPE IF EXISTS ").name(ty.name).push(after).text()
    }));
    statements
}

/// The enum types of all columns, each once.
fn enum_types(tables: &[Ordered], dialect: &Dialect) -> impl Iterator<Item = &'static EnumType> + use<> {
    let tables = if dialect.enum_types { tables } else { &[] };
    let mut types: Vec<&'static EnumType> = Vec::new();
    for ty in
        tables.iter().flat_map(|ordered| &ordered.table.columns).filter_map(|column| column.ty.enum_type())
    {
        if !types.contains(&ty) {
            types.push(ty);
        }
    }
    types.into_iter()
}

fn create_type(ty: &EnumType, dialect: &Dialect) -> String {
    let mut out = Writer::new(dialect);
    let [before, after] = dialect.add_constraint;
    out.push(before).push("CREATE TYPE ").name(ty.name).push(" AS ENUM (");
    out.separated(", ", ty.labels, |out, label| {
        out.text_literal(label);
    });
    out.push(")").push(after).text()
}

/// The references that are added after all tables.
fn late<'a>(
    tables: &'a [Ordered],
    dialect: &Dialect,
) -> impl Iterator<Item = (&'a Table, &'a ForeignKey)> + use<'a> {
    let tables = if dialect.forward_references { &[] } else { tables };
    tables.iter().flat_map(|ordered| {
        ordered.forward.iter().map(|&at| (&ordered.table, &ordered.table.foreign_keys[at]))
    })
}

fn create_table(table: &Table, later: &[usize], dialect: &Dialect) -> String {
    let mut out = Writer::new(dialect);
    out.push("CREATE TABLE IF NOT EXISTS ").name(table.name).push(" (\n    ");
    out.separated(",\n    ", &table.columns, |out, one| column(out, table, one));
    if table.key.len() > 1 {
        out.push(",\n    PRIMARY KEY (").names(table.key.iter().copied()).push(")");
    }
    for (at, key) in table.foreign_keys.iter().enumerate() {
        if !later.contains(&at) {
            out.push(",\n    ");
            foreign_key(&mut out, table, key);
        }
    }
    out.push("\n)").text()
}

fn column(out: &mut Writer<'_>, table: &Table, column: &TableColumn) {
    out.name(column.name).push(" ");
    if column.auto_key {
        let declaration = out.dialect.auto_key;
        out.push(declaration);
        return;
    }
    match out.dialect.indexed_text.filter(|_| column.ty == ColumnType::Text && is_indexed(table, column)) {
        Some(name) => out.push(name),
        None => out.type_name(column.ty),
    };
    if let Some(expression) = column.generated {
        out.push(" GENERATED ALWAYS AS (").push(expression).push(") STORED");
    }
    if !column.nullable && (column.generated.is_none() || out.dialect.computed_not_null) {
        out.push(" NOT NULL");
    }
    if table.key == [column.name] {
        out.push(" PRIMARY KEY");
    }
    if column.unique {
        out.push(" UNIQUE");
    }
    if let Some(default) = column.default {
        let default = out.dialect.default_literal(default, column.ty);
        out.push(" DEFAULT ").push(default);
    }
}

fn is_indexed(table: &Table, column: &TableColumn) -> bool {
    let has = |columns: &[&str]| columns.contains(&column.name);
    column.unique
        || has(&table.key)
        || table.indexes.iter().any(|index| has(&index.columns))
        || table.foreign_keys.iter().any(|key| has(&key.columns))
}

fn foreign_key(out: &mut Writer<'_>, table: &Table, key: &ForeignKey) {
    let name = constraint_name(table, key, out.dialect);
    out.push("CONSTRAINT ").name(&name);
    out.push(" FOREIGN KEY (").names(key.columns.iter().copied()).push(") REFERENCES ");
    out.name(key.target).push(" (").names(key.target_columns.iter().copied()).push(")");
    out.push(match key.on_delete {
        Some(OnDelete::Cascade) => " ON DELETE CASCADE",
        Some(OnDelete::SetNull) => " ON DELETE SET NULL",
        Some(OnDelete::Restrict) => " ON DELETE RESTRICT",
        None => "",
    });
    out.push(if key.follows { " ON UPDATE CASCADE" } else { "" });
}

fn create_index(table: &Table, index: &Index, dialect: &Dialect) -> String {
    let mut out = Writer::new(dialect);
    out.push(if index.unique { "CREATE UNIQUE INDEX IF NOT EXISTS " } else { "CREATE INDEX IF NOT EXISTS " });
    match index.name {
        Some(name) => out.name(name),
        None => out.name(&made_name(table.name, &index.columns, "idx", dialect)),
    };
    out.push(" ON ").name(table.name).push(" (").names(index.columns.iter().copied()).push(")").text()
}

fn constraint_name(table: &Table, key: &ForeignKey, dialect: &Dialect) -> String {
    made_name(table.name, &key.columns, "fkey", dialect)
}

/// `posts_author_id_fkey`. A name longer than the database keeps is shortened to one that is still its own: cut off
/// by the database, two could become the same.
fn made_name(table: &str, columns: &[&str], suffix: &str, dialect: &Dialect) -> String {
    let mut name = format!("{table}_{}", columns.join("_"));
    let room = dialect.max_name - suffix.len() - 1;
    if name.len() > room {
        let hash = format!("_{:08x}", fnv1a(name.as_bytes()));
        let mut end = room - hash.len();
        while !name.is_char_boundary(end) {
            end -= 1;
        }
        name.truncate(end);
        name.push_str(&hash);
    }
    format!("{name}_{suffix}")
}

/// A hash that is the same on every machine and in every version of Rust: it becomes part of the database.
fn fnv1a(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x811c_9dc5, |hash, &byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}
