//! The outlines of the statements for rows, where the dialect has a use for them.

use std::sync::Arc;

use crate::dialect::Dialect;
use crate::entity::{EntityMeta, LinkTable};
use crate::outline::{Action, Outline, Parameter};

/// What goes into [`StatementShape::outline`](crate::program::StatementShape::outline).
type Outlined = Option<Arc<Outline>>;

pub(super) fn insert(
    meta: &EntityMeta,
    dialect: &Dialect,
    columns: &[usize],
    with_key: bool,
    returning: &[usize],
) -> Outlined {
    outlined(dialect, || Outline {
        parameters: columns.iter().map(|&at| own(meta, at)).collect(),
        key: (!with_key).then(|| meta.key_columns().next().map(Parameter::matched)).flatten(),
        ..outline(Action::Insert, meta, returning)
    })
}

pub(super) fn update(
    meta: &EntityMeta,
    dialect: &Dialect,
    columns: &[usize],
    versioned: bool,
    returning: &[usize],
) -> Outlined {
    outlined(dialect, || {
        let set = columns.iter().map(|&at| Parameter::set(&meta.columns[at]));
        Outline {
            parameters: set.chain(row(meta, versioned)).collect(),
            in_order: columns.iter().any(|&at| meta.is_in_unique_value(at)),
            ..outline(Action::Update, meta, returning)
        }
    })
}

pub(super) fn delete(meta: &EntityMeta, dialect: &Dialect, versioned: bool) -> Outlined {
    outlined(dialect, || Outline {
        parameters: row(meta, versioned).collect(),
        ..outline(Action::Delete, meta, &[])
    })
}

pub(super) fn null_foreign_key(meta: &EntityMeta, dialect: &Dialect, fk_columns: &[usize]) -> Outlined {
    outlined(dialect, || Outline {
        parameters: fk_columns.iter().map(|&at| Parameter::matched(&meta.columns[at])).collect(),
        ..outline(Action::SetNull, meta, &[])
    })
}

pub(super) fn insert_link(dialect: &Dialect, through: &LinkTable, ends: [&EntityMeta; 2]) -> Outlined {
    outlined(dialect, || links(Action::InsertMissing, through, &[through.source, through.target], &ends))
}

pub(super) fn delete_link(dialect: &Dialect, through: &LinkTable, ends: [&EntityMeta; 2]) -> Outlined {
    outlined(dialect, || links(Action::Delete, through, &[through.source, through.target], &ends))
}

pub(super) fn delete_links_of(dialect: &Dialect, through: &LinkTable, source: &EntityMeta) -> Outlined {
    outlined(dialect, || links(Action::Delete, through, &[through.source], &[source]))
}

fn outlined(dialect: &Dialect, make: impl FnOnce() -> Outline) -> Outlined {
    dialect.arrays.then(|| Arc::new(make()))
}

/// An outline without parameters yet.
fn outline(action: Action, meta: &EntityMeta, returning: &[usize]) -> Outline {
    let returning = super::named(meta, returning).collect();
    Outline { action, table: meta.table, parameters: Vec::new(), key: None, returning, in_order: false }
}

/// A column of a new row.
fn own(meta: &EntityMeta, at: usize) -> Parameter {
    Parameter { matched: meta.key.contains(&at), ..Parameter::set(&meta.columns[at]) }
}

/// What a row is found by.
fn row(meta: &EntityMeta, versioned: bool) -> impl Iterator<Item = Parameter> {
    let version = meta.version.filter(|_| versioned);
    meta.key.iter().copied().chain(version).map(|at| Parameter::matched(&meta.columns[at]))
}

/// Pairs of keys. A table of links has the columns of the keys that it refers to.
fn links(
    action: Action,
    through: &LinkTable,
    sides: &[&'static [&'static str]],
    ends: &[&EntityMeta],
) -> Outline {
    let side = |(names, end): (&&'static [&'static str], &&EntityMeta)| {
        let parts = names.iter().zip(end.key_columns());
        parts.map(|(&name, key)| Parameter { name, ..Parameter::matched(key) })
    };
    let parameters = sides.iter().zip(ends).flat_map(side).collect();
    Outline { action, table: through.table, parameters, key: None, returning: Vec::new(), in_order: false }
}
