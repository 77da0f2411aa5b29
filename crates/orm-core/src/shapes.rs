//! The statements that a session needs for an entity, written from its metadata: one shape serves every row.
//!
//! Each function documents the SQL it writes, in SQLite's form. A shape with a list (`IN (..)`) has nothing between
//! the parentheses: once its length is known, [`StatementShape::with_list`] writes the placeholders there, for an
//! element of one column as `?, ?`, for one of more as `(?, ?), (?, ?)`. A list without elements is the element NULL
//! (`NULL`, or `(NULL, NULL)`), which matches no row.

mod outlined;
mod row;

pub use row::{Parameter, RowStatement, Write, insert_row, select_columns, update_row};

use crate::cells::Cells;
use crate::dialect::{Dialect, GeneratedKey};
use crate::entity::{ColumnMeta, EntityMeta, LinkTable, Members};
use crate::expr::Node;
use crate::program::{Returns, StatementShape};
use crate::render::Writer;
use crate::types::ColumnType;

/// `INSERT INTO "users" ("id", "name") VALUES (?, ?)`: all columns, in the order of the metadata,
/// but for those that the database computes.
///
/// Without the key, `INSERT INTO "users" ("name") VALUES (?)`: all but the key that the database assigns, which the
/// statement answers ([`Returns::GeneratedKey`]; with `RETURNING "id"` where the dialect needs it). Parameters are
/// the written columns. A table that has no other column takes `INSERT INTO "users" DEFAULT VALUES`.
///
/// # Panics
/// If the key is left out of an entity whose key the database does not assign.
pub fn insert(meta: &EntityMeta, dialect: &Dialect, with_key: bool) -> StatementShape {
    assert!(with_key || meta.auto_key, "the key of {} is not assigned by the database", meta.name);
    let written = (0..meta.columns.len())
        .filter(|at| (with_key || !meta.key.contains(at)) && !meta.generated.contains(at));
    insert_columns(meta, dialect, &written.collect::<Vec<_>>(), with_key, &[])
}

/// `INSERT INTO "users" ("name") VALUES (?) RETURNING "id", "created_at"`: the given columns of a row.
///
/// Without `returning` it answers as [`insert`] does. With it, one row: the key, unless `with_key`, then those columns.
pub fn insert_columns(
    meta: &EntityMeta,
    dialect: &Dialect,
    columns: &[usize],
    with_key: bool,
    returning: &[usize],
) -> StatementShape {
    let written: Vec<&str> = named(meta, columns).collect();
    let mut out = Writer::new(dialect);
    out.push("INSERT INTO ").name(meta.table);
    if written.is_empty() {
        out.push(" DEFAULT VALUES");
    } else {
        values(&mut out, &written);
    }
    let returns = answer_of_insert(&mut out, meta, with_key, returning);
    let outline = outlined::insert(meta, dialect, columns, with_key, returning);
    StatementShape { outline, ..out.shape(returns, false) }
}

/// What an insert answers: nothing, the key that the database gave, or a row.
fn answer_of_insert(out: &mut Writer<'_>, meta: &EntityMeta, with_key: bool, returning: &[usize]) -> Returns {
    if with_key {
        return answer(out, meta, returning);
    }
    if out.dialect.generated_key == GeneratedKey::Returning || !returning.is_empty() {
        out.push(" RETURNING ").names(key_names(meta).chain(named(meta, returning)));
    }
    if returning.is_empty() { Returns::GeneratedKey } else { Returns::Rows }
}

fn answer(out: &mut Writer<'_>, meta: &EntityMeta, returning: &[usize]) -> Returns {
    if returning.is_empty() {
        return Returns::Count;
    }
    out.push(" RETURNING ").names(named(meta, returning));
    Returns::Rows
}

/// `UPDATE "posts" SET "title" = ?, "version" = ? WHERE "id" = ? AND "version" = ?`: the given columns of one row.
///
/// Parameters are the columns in the order given, then the key, then, if `versioned`, the version that the row must
/// still have. To write a new version, give its column among the others.
///
/// # Panics
/// If no columns are given, or the row must have a version and the entity has none.
pub fn update(meta: &EntityMeta, dialect: &Dialect, columns: &[usize], versioned: bool) -> StatementShape {
    update_columns(meta, dialect, columns, versioned, &[])
}

/// The same, followed by `RETURNING "total"`: it answers these columns of the row.
///
/// # Panics
/// As [`update`].
pub fn update_columns(
    meta: &EntityMeta,
    dialect: &Dialect,
    columns: &[usize],
    versioned: bool,
    returning: &[usize],
) -> StatementShape {
    assert!(!columns.is_empty(), "an update of {} without columns is no statement", meta.name);
    let mut out = Writer::new(dialect);
    out.push("UPDATE ").name(meta.table).push(" SET ");
    out.separated(", ", named(meta, columns), |out, name| equals(out, name));
    by_key(&mut out, meta, versioned);
    let returns = answer(&mut out, meta, returning);
    let outline = outlined::update(meta, dialect, columns, versioned, returning);
    StatementShape { outline, ..out.shape(returns, false) }
}

/// `DELETE FROM "posts" WHERE "id" = ? AND "version" = ?`: one row. Parameters are the key, then, if `versioned`, the
/// version that the row must still have.
///
/// # Panics
/// If the row must have a version and the entity has none.
pub fn delete(meta: &EntityMeta, dialect: &Dialect, versioned: bool) -> StatementShape {
    let mut out = Writer::new(dialect);
    out.push("DELETE FROM ").name(meta.table);
    by_key(&mut out, meta, versioned);
    let outline = outlined::delete(meta, dialect, versioned);
    StatementShape { outline, ..out.shape(Returns::Count, false) }
}

/// `SELECT "id", "name" FROM "users" WHERE "id" = ?`: one row, all columns. Parameters are the key.
pub fn select_by_key(meta: &EntityMeta, dialect: &Dialect) -> StatementShape {
    let mut out = Writer::new(dialect);
    select_all(&mut out, meta);
    by_key(&mut out, meta, false);
    cheap(out.shape(Returns::Rows, true))
}

/// `SELECT "id", "name" FROM "users" WHERE "id" = ?`, with FOR UPDATE where rows are locked one by one: one row, locked
/// until the end of the transaction. Not for a reader.
pub fn lock_by_key(meta: &EntityMeta, dialect: &Dialect) -> StatementShape {
    let mut out = Writer::new(dialect);
    select_all(&mut out, meta);
    by_key(&mut out, meta, false);
    out.push(dialect.for_update);
    out.shape(Returns::Rows, false)
}

/// `SELECT "id", "name" FROM "users" WHERE "id" IN ()`: the rows of a list of keys, in any order. The one parameter
/// is the list; its elements are keys.
pub fn select_by_keys(meta: &EntityMeta, dialect: &Dialect) -> StatementShape {
    let mut out = Writer::new(dialect);
    select_all(&mut out, meta);
    out.push(" WHERE ").in_list(None, &key_names(meta).collect::<Vec<_>>());
    cheap(out.shape(Returns::Rows, true))
}

/// `SELECT "id", "name" FROM "users" WHERE "id" = ? AND "users"."deleted_at" IS NULL`: [`select_by_key`], or
/// [`lock_by_key`] for a row to be `locked`, with further conditions, whose parameters follow the key.
pub fn select_by_key_and(
    meta: &EntityMeta,
    dialect: &Dialect,
    conditions: &[Node],
    locked: bool,
) -> (StatementShape, Cells) {
    let mut out = Writer::new(dialect);
    select_all(out.reads(meta.table), meta);
    by_key(&mut out, meta, false);
    for condition in conditions {
        out.push(" AND ").further_condition(condition);
    }
    out.push(if locked { dialect.for_update } else { "" });
    let input = out.take_input();
    let is_cheap = !locked && conditions.iter().all(Node::is_cheap);
    (StatementShape { cheap: is_cheap, ..out.shape(Returns::Rows, !locked) }, input)
}

/// `SELECT "id", "name" FROM "users" WHERE "users"."deleted_at" IS NULL AND "id" IN ()`: [`select_by_keys`] with further
/// conditions, whose parameters come before the list.
pub fn select_by_keys_and(
    meta: &EntityMeta,
    dialect: &Dialect,
    conditions: &[Node],
) -> (StatementShape, Cells) {
    let mut out = Writer::new(dialect);
    select_all(out.reads(meta.table), meta);
    out.push(" WHERE ");
    for condition in conditions {
        out.further_condition(condition);
        out.push(" AND ");
    }
    out.in_list(None, &key_names(meta).collect::<Vec<_>>());
    let input = out.take_input();
    (out.shape(Returns::Rows, true), input)
}

/// Whether members that were read in any order can be put into their own by whoever has read them: they are ordered by
/// nothing but their key, whose columns a database orders as [`Cells::order`] does.
pub fn is_order_of_keys(target: &EntityMeta, members: &Members) -> bool {
    let has_one_order = |column: &ColumnMeta| {
        matches!(column.ty, ColumnType::SmallInt | ColumnType::Int | ColumnType::BigInt | ColumnType::Uuid)
    };
    members.ordered_by().next().is_none() && target.key_columns().all(has_one_order)
}

/// `SELECT "id", "author_id" FROM "posts" WHERE "author_id" IN () ORDER BY "id"`: the rows that refer to a list of
/// keys by the columns given, ordered as these members of a collection are, then by their own key; without `members`, in
/// any order, without ORDER BY. The one parameter is the list; its elements are the keys referred to.
pub fn select_by_foreign_key(
    meta: &EntityMeta,
    dialect: &Dialect,
    fk_columns: &[usize],
    members: Option<&Members>,
) -> StatementShape {
    let mut out = Writer::new(dialect);
    select_all(&mut out, meta);
    out.push(" WHERE ").in_list(None, &named(meta, fk_columns).collect::<Vec<_>>());
    if let Some(members) = members {
        out.push(" ORDER BY ");
        order_terms(&mut out, members, |out, column| {
            out.name(meta.columns[column].name);
        });
        out.names(key_names(meta));
    }
    cheap(out.shape(Returns::Rows, true))
}

/// `SELECT "tags"."id", "tags"."name", "post_tags"."post_id" FROM "post_tags" JOIN "tags" ON "tags"."id" =
/// "post_tags"."tag_id" WHERE "post_tags"."post_id" IN () ORDER BY "tags"."id"`: the targets of a list of sources
/// along a table of links, ordered as these members of a collection are, then by the targets' key; without `members`, in
/// any order, without ORDER BY.
///
/// Each row has the columns of the target, then the source's key as the link has it. The one parameter is the list;
/// its elements are the sources' keys.
pub fn select_through(
    target: &EntityMeta,
    dialect: &Dialect,
    through: &LinkTable,
    members: Option<&Members>,
) -> StatementShape {
    let mut out = Writer::new(dialect);
    out.push("SELECT ");
    out.separated(", ", target.columns, |out, column| {
        out.column(target.table, column.name);
    });
    for column in through.source {
        out.push(", ").column(through.table, column);
    }
    out.push(" FROM ").name(through.table).push(" JOIN ").name(target.table).push(" ON ");
    out.separated(" AND ", key_names(target).zip(through.target), |out, (key, link)| {
        out.column(target.table, key).push(" = ").column(through.table, link);
    });
    out.push(" WHERE ").in_list(Some(through.table), through.source);
    if let Some(members) = members {
        out.push(" ORDER BY ");
        order_terms(&mut out, members, |out, column| {
            out.column(target.table, target.columns[column].name);
        });
        out.separated(", ", key_names(target), |out, key| {
            out.column(target.table, key);
        });
    }
    cheap(out.shape(Returns::Rows, true))
}

/// `INSERT INTO "post_tags" ("post_id", "tag_id") VALUES (?, ?) ON CONFLICT DO NOTHING`: one pair, which may be there
/// already: pairs are a set. Parameters are the source's key, then the target's. `ends` are both entities.
pub fn insert_link(dialect: &Dialect, through: &LinkTable, ends: [&EntityMeta; 2]) -> StatementShape {
    let mut out = Writer::new(dialect);
    out.push("INSERT INTO ").name(through.table);
    values(&mut out, &link_columns(through));
    out.push(" ON CONFLICT DO NOTHING");
    let outline = outlined::insert_link(dialect, through, ends);
    StatementShape { outline, ..out.shape(Returns::Count, false) }
}

/// `DELETE FROM "post_tags" WHERE "post_id" = ? AND "tag_id" = ?`: one pair. Parameters are the source's key, then
/// the target's. `ends` are both entities.
pub fn delete_link(dialect: &Dialect, through: &LinkTable, ends: [&EntityMeta; 2]) -> StatementShape {
    let mut out = Writer::new(dialect);
    out.push("DELETE FROM ").name(through.table).push(" WHERE ");
    out.separated(" AND ", link_columns(through), equals);
    let outline = outlined::delete_link(dialect, through, ends);
    StatementShape { outline, ..out.shape(Returns::Count, false) }
}

/// `DELETE FROM "post_tags" WHERE "post_id" = ?`: all pairs of one source. Parameters are the source's key.
pub fn delete_links_of(dialect: &Dialect, through: &LinkTable, source: &EntityMeta) -> StatementShape {
    let mut out = Writer::new(dialect);
    out.push("DELETE FROM ").name(through.table).push(" WHERE ");
    out.separated(" AND ", through.source.iter().copied(), equals);
    let outline = outlined::delete_links_of(dialect, through, source);
    StatementShape { outline, ..out.shape(Returns::Count, false) }
}

/// `UPDATE "posts" SET "editor_id" = NULL WHERE "editor_id" = ?`: takes the reference out of every row that refers to
/// one key. Parameters are that key.
pub fn null_foreign_key(meta: &EntityMeta, dialect: &Dialect, fk_columns: &[usize]) -> StatementShape {
    let mut out = Writer::new(dialect);
    out.push("UPDATE ").name(meta.table).push(" SET ");
    out.separated(", ", named(meta, fk_columns), |out, name| {
        out.name(name).push(" = NULL");
    });
    out.push(" WHERE ").separated(" AND ", named(meta, fk_columns), equals);
    let outline = outlined::null_foreign_key(meta, dialect, fk_columns);
    StatementShape { outline, ..out.shape(Returns::Count, false) }
}

/// The columns by which members are ordered, each with a comma behind it: the key follows.
pub(crate) fn order_terms(out: &mut Writer<'_>, members: &Members, column: impl Fn(&mut Writer<'_>, usize)) {
    for (at, descending) in members.ordered_by() {
        column(out, at);
        out.push(if descending { " DESC, " } else { ", " });
    }
}

/// Finds its rows by a key, its own or one that it refers to.
fn cheap(shape: StatementShape) -> StatementShape {
    StatementShape { cheap: true, ..shape }
}

fn select_all(out: &mut Writer<'_>, meta: &EntityMeta) {
    out.push("SELECT ").names(meta.columns.iter().map(|column| column.name));
    out.push(" FROM ").name(meta.table);
}

fn by_key(out: &mut Writer<'_>, meta: &EntityMeta, versioned: bool) {
    out.push(" WHERE ").separated(" AND ", key_names(meta), equals);
    if versioned {
        let version = meta.version.unwrap_or_else(|| panic!("{} has no version", meta.name));
        out.push(" AND ");
        equals(out, meta.columns[version].name);
    }
}

fn equals(out: &mut Writer<'_>, name: &str) {
    out.name(name).push(" = ").placeholder();
}

fn values(out: &mut Writer<'_>, columns: &[&str]) {
    out.push(" (").names(columns.iter().copied()).push(") VALUES (");
    out.separated(", ", columns, |out, _| {
        out.placeholder();
    });
    out.push(")");
}

fn key_names(meta: &EntityMeta) -> impl Iterator<Item = &'static str> + use<> {
    meta.key_columns().map(|column| column.name)
}

fn named<'a>(meta: &EntityMeta, columns: &'a [usize]) -> impl Iterator<Item = &'static str> + use<'a> {
    let all: &'static [ColumnMeta] = meta.columns;
    columns.iter().map(move |&at| all[at].name)
}

fn link_columns(through: &LinkTable) -> Vec<&'static str> {
    through.source.iter().chain(through.target).copied().collect()
}
