//! INSERT as SQL.

use super::Writer;
use super::statement::returning;
use crate::stmt::{Action, Conflict, InsertBody, next_version};

/// Adds an insert of single columns, or of whole rows.
pub(super) fn insert(out: &mut Writer<'_>, write: &InsertBody) {
    let entity = write.entity;
    out.push("INSERT INTO ").name(entity.table).push(" (");
    let columns = written(write);
    if write.rows.is_empty() {
        out.names(write.set.iter().map(|(position, _)| entity.columns[*position].name)).push(") VALUES (");
        out.separated(", ", &write.set, |out, (_, value)| out.node(value)).push(")");
    } else {
        rows(out, write, &columns);
    }
    if let Some(conflict) = &write.conflict {
        on_conflict(out, write, conflict, &columns);
    }
    returning(out, &write.returning);
}

/// The columns that are written, as positions. A column that every row leaves to the database is left out; one that some
/// rows set is spelled out in the others.
fn written(write: &InsertBody) -> Vec<usize> {
    let entity = write.entity;
    if write.rows.is_empty() {
        return write.set.iter().map(|(position, _)| *position).collect();
    }
    let no_key = entity.auto_key && write.rows.iter().all(|row| !row.keyed);
    let unset = write.rows.iter().fold(u64::MAX, |unset, row| unset & row.unset);
    let is_written = |position: &usize| {
        let default = entity.server_defaults.iter().position(|column| column == position);
        let is_left_out = entity.generated.contains(position) || (no_key && entity.key.contains(position));
        !is_left_out && default.is_none_or(|bit| unset & (1 << bit) == 0)
    };
    (0..entity.columns.len()).filter(is_written).collect()
}

fn rows(out: &mut Writer<'_>, write: &InsertBody, columns: &[usize]) {
    let entity = write.entity;
    if columns.is_empty() {
        // INSERT .. DEFAULT VALUES takes one row only.
        out.names(entity.key_columns().map(|column| column.name)).push(") VALUES ");
        let value = out.dialect.next_key;
        out.separated(", ", &write.rows, |out, _| {
            out.push("(").push(value).push(")");
        });
        return;
    }
    out.names(columns.iter().map(|&position| entity.columns[position].name)).push(") VALUES ");
    out.separated(", ", write.rows.iter().enumerate(), |out, (at, row)| {
        out.push("(");
        out.separated(", ", columns, |out, position| {
            let column = &entity.columns[*position];
            let default = entity.server_defaults.iter().position(|default| default == position);
            if !row.keyed && entity.auto_key && entity.key.contains(position) {
                let value = out.dialect.next_key;
                out.push(value);
            } else if default.is_some_and(|bit| row.unset & (1 << bit) != 0) {
                let default = out.dialect.default_literal(column.default.unwrap_or("NULL"), column.ty);
                // In parentheses, as an expression: not every database takes DEFAULT among values.
                out.push("(").push(default).push(")");
            } else {
                out.bind_cell(&write.cells, at * entity.columns.len() + position);
            }
        });
        out.push(")");
    });
}

fn on_conflict(out: &mut Writer<'_>, write: &InsertBody, conflict: &Conflict, written: &[usize]) {
    let entity = write.entity;
    let is_target = |column: &usize| conflict.target.contains(column) || entity.key.contains(column);
    let mut columns: Vec<usize> = match &conflict.action {
        Action::Nothing => Vec::new(),
        Action::Update(columns) => columns.clone(),
        Action::UpdateAll => written.iter().copied().filter(|column| !is_target(column)).collect(),
    };
    let chosen = matches!(&conflict.action, Action::Update(columns) if columns.iter().any(|column| entity.version == Some(*column)));
    let version = entity.version.filter(|_| !chosen && !matches!(conflict.action, Action::Nothing));
    columns.retain(|column| version != Some(*column));
    out.push(" ON CONFLICT (").names(conflict.target.iter().map(|&column| entity.columns[column].name));
    if columns.is_empty() && version.is_none() {
        out.push(") DO NOTHING");
        return;
    }
    out.push(") DO UPDATE SET ");
    out.separated(", ", columns.iter().copied().chain(version), |out, position| {
        let name = entity.columns[position].name;
        out.name(name).push(" = ");
        match version {
            Some(version) if version == position => out.node(&next_version(entity, version)),
            _ => {
                out.push("excluded.").name(name);
            }
        }
    });
}
