//! UPDATE and DELETE as SQL.

use super::Writer;
use super::insert::insert;
use super::select::filter;
use crate::dialect::Joined;
use crate::expr::Node;
use crate::stmt::{Body, DeleteBody, Source, UpdateBody};

/// Adds a statement that writes.
pub(super) fn write(out: &mut Writer<'_>, body: &Body) {
    let before = out.tables.len();
    match body {
        Body::Insert(write) => insert(out, write),
        Body::Update(write) => update(out, write),
        Body::Delete(write) => delete(out, write),
        _ => {}
    }
    out.tables.truncate(before);
}

fn update(out: &mut Writer<'_>, write: &UpdateBody) {
    let entity = write.entity;
    enter(out, entity.table, &write.from);
    out.push("UPDATE ").name(entity.table);
    let tables_first = out.dialect.joined_writes == Joined::Tables && !write.from.is_empty();
    if tables_first {
        for source in &write.from {
            out.push(" CROSS JOIN ").read_from(source);
        }
    }
    super::insert::in_order(out, entity, &write.set);
    out.push(" SET ");
    out.separated(", ", &write.set, |out, (position, value)| {
        match tables_first {
            true => out.column(entity.table, entity.columns[*position].name),
            false => out.name(entity.columns[*position].name),
        };
        out.push(" = ").node(value);
    });
    if !tables_first && !write.from.is_empty() {
        out.push(" FROM ").separated(", ", &write.from, |out, source| out.read_from(source));
    }
    filter(out, &write.filter);
    returning(out, &write.returning, out.dialect.returning_of_updates);
}

fn delete(out: &mut Writer<'_>, write: &DeleteBody) {
    let table = write.entity.table;
    enter(out, table, &write.using);
    out.push("DELETE FROM ").name(table);
    match out.dialect.joined_writes {
        _ if write.using.is_empty() => filter(out, &write.filter),
        Joined::From { using: true } => {
            out.push(" USING ").separated(", ", &write.using, |out, source| out.read_from(source));
            filter(out, &write.filter);
        }
        Joined::Tables if write.returning.is_empty() => {
            out.push(" USING ").name(table).push(", ");
            out.separated(", ", &write.using, |out, source| out.read_from(source));
            filter(out, &write.filter);
        }
        // The same rows: a delete is not about how often a row is found.
        Joined::Tables | Joined::From { using: false } => {
            out.push(" WHERE EXISTS (SELECT 1 FROM ");
            out.separated(", ", &write.using, |out, source| out.read_from(source));
            filter(out, &write.filter);
            out.push(")");
        }
    }
    returning(out, &write.returning, out.dialect.returning);
}

fn enter(out: &mut Writer<'_>, table: &'static str, sources: &[Source]) {
    out.tables.push((table, None));
    out.tables.extend(sources.iter().filter_map(|source| Some((source.own_table()?.table, None))));
}

pub(super) fn returning(out: &mut Writer<'_>, nodes: &[Node], is_there: bool) {
    if nodes.is_empty() {
        return;
    }
    if !is_there {
        out.lacks(
            "RETURNING for this statement",
            "read the rows in the same transaction: before it, with `.for_update()`, or after it by their keys",
        );
    }
    out.push(" RETURNING ").separated(", ", nodes, |out, node| out.node(node));
}
