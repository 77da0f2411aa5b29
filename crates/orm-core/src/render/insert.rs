//! INSERT as SQL.

use super::Writer;
use super::select::{filter, rowset};
use super::write::returning;
use crate::dialect::Upsert;
use crate::entity::EntityMeta;
use crate::expr::{Kind, Node};
use crate::stmt::{Action, Conflict, InsertBody, next_version};

/// Adds an insert of single columns, or of whole rows.
pub(super) fn insert(out: &mut Writer<'_>, write: &InsertBody) {
    let entity = write.entity;
    out.tables.push((entity.table, None));
    out.push("INSERT INTO ").name(entity.table).push(" (");
    let columns = written(write);
    if let Some(query) = &write.query {
        out.names(columns.iter().map(|&position| entity.columns[position].name)).push(") ");
        if !out.dialect.with_before_writes {
            out.with_of(query);
        }
        let is_compound = matches!(query, crate::stmt::Body::Compound(_));
        // Without a WHERE behind it, ON CONFLICT could be the ON of a join.
        let is_wrapped = is_compound && write.conflict.is_some() && out.dialect.upsert == Upsert::OnConflict;
        if is_wrapped {
            out.push("SELECT * FROM (");
        }
        rowset(out, query);
        if is_wrapped {
            out.push(") AS ").name("part").push(" WHERE ").boolean(true);
        }
        // Without it, ON CONFLICT could be the ON of a join.
        if write.conflict.is_some() && out.dialect.upsert == Upsert::OnConflict && ends_in_from(out, query) {
            out.push(" WHERE ").boolean(true);
        }
    } else if write.rows.is_empty() {
        out.names(write.set.iter().map(|(position, _)| entity.columns[*position].name)).push(") VALUES (");
        out.separated(", ", &write.set, |out, (_, value)| out.node(value)).push(")");
    } else {
        rows(out, write, &columns);
    }
    if let Some(conflict) = &write.conflict {
        on_conflict(out, write, conflict, &columns);
    }
    returning(out, &write.returning, out.dialect.returning);
}

/// Whether ON behind the query could be a part of it.
fn ends_in_from(out: &Writer<'_>, query: &crate::stmt::Body) -> bool {
    match query {
        crate::stmt::Body::Select(query) => {
            query.filter.is_empty()
                && query.group_by.is_empty()
                && query.having.is_empty()
                && query.order_by.is_empty()
                && query.limit.is_none()
                && query.offset.is_none()
                && (query.lock.is_none() || out.dialect.for_update.is_empty())
        }
        _ => false,
    }
}

/// The columns that are written, as positions. A column that every row leaves to the database is left out; one that some
/// rows set is spelled out in the others.
fn written(write: &InsertBody) -> Vec<usize> {
    let entity = write.entity;
    if write.query.is_some() {
        return write.query_columns.clone();
    }
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
    let (set, conditions) = conflict_set(write, conflict, written);
    match out.dialect.upsert {
        Upsert::OnConflict => {
            let target = conflict.target.iter().map(|&column| write.entity.columns[column].name);
            out.push(" ON CONFLICT (").names(target);
            if set.is_empty() {
                out.push(") DO NOTHING");
                return;
            }
            out.push(") DO UPDATE SET ");
            assignments(out, write, &set);
            filter(out, conditions);
        }
        Upsert::OnDuplicateKey => on_duplicate_key(out, write, conflict, written, &set, conditions),
    }
}

/// What is written into the row that is there, and on which conditions.
fn conflict_set<'a>(
    write: &InsertBody,
    conflict: &'a Conflict,
    written: &[usize],
) -> (Vec<(usize, Node)>, &'a [Node]) {
    let entity = write.entity;
    let new = |position: usize| (position, Node(Kind::Excluded { entity, position }));
    let is_target = |column: &usize| conflict.target.contains(column) || entity.key.contains(column);
    let mut conditions: &[Node] = &[];
    let mut set: Vec<(usize, Node)> = match &conflict.action {
        Action::Nothing => return (Vec::new(), conditions),
        Action::Update(columns) => columns.iter().copied().map(new).collect(),
        Action::UpdateAll => written.iter().copied().filter(|column| !is_target(column)).map(new).collect(),
        Action::Set { set, filter } => {
            conditions = filter;
            set.clone()
        }
    };
    if let Some(version) = entity.version {
        let is_chosen = !matches!(conflict.action, Action::UpdateAll)
            && set.iter().any(|(position, _)| *position == version);
        if !is_chosen {
            set.retain(|(position, _)| *position != version);
            set.push((version, next_version(entity, version)));
        }
    }
    (set, conditions)
}

fn assignments(out: &mut Writer<'_>, write: &InsertBody, set: &[(usize, Node)]) {
    out.separated(", ", set, |out, (position, value)| {
        out.name(write.entity.columns[*position].name).push(" = ").node(value);
    });
}

/// It is about any key, so that the one that is named must be the only one.
fn on_duplicate_key(
    out: &mut Writer<'_>,
    write: &InsertBody,
    conflict: &Conflict,
    written: &[usize],
    set: &[(usize, Node)],
    conditions: &[Node],
) {
    let entity = write.entity;
    let is_target = |columns: &[usize]| {
        columns.len() == conflict.target.len()
            && columns.iter().all(|column| conflict.target.contains(column))
    };
    let keyed = write.rows.iter().any(|row| row.keyed) || entity.key.iter().any(|key| written.contains(key));
    if let Some(other) = Conflict::unique_sets(entity, keyed).iter().find(|columns| !is_target(columns)) {
        let fields: Vec<_> = other.iter().map(|&at| entity.columns[at].field).collect();
        out.lacks(
            &format!(
                "`on_conflict` of one key alone, and {} has another, of {}",
                entity.name,
                fields.join(", ")
            ),
            "read the row with `.for_update()` in a transaction, then update or insert it",
        );
    }
    if !conditions.is_empty() {
        out.lacks(
            "conditions on what an upsert writes",
            "set a `case()` of the condition, the new and the old value",
        );
    }
    if matches!(conflict.action, Action::Nothing) && !write.returning.is_empty() {
        out.lacks(
            "RETURNING that leaves out rows that were there already",
            "leave `returning` out, and read the rows by their keys",
        );
    }
    in_order(out, entity, set);
    out.push(" ON DUPLICATE KEY UPDATE ");
    match (set, conflict.target.first()) {
        // Nothing, said as a value that stays as it is: IGNORE would ignore other faults too.
        ([], Some(&column)) => {
            out.name(entity.columns[column].name)
                .push(" = ")
                .column(entity.table, entity.columns[column].name);
        }
        (set, _) => assignments(out, write, set),
    }
}

/// Where columns are assigned one after the other, a value must not read one that has been assigned.
pub(super) fn in_order(out: &mut Writer<'_>, entity: &'static EntityMeta, set: &[(usize, Node)]) {
    if !out.dialect.assigns_in_order {
        return;
    }
    for (at, (_, value)) in set.iter().enumerate() {
        let read = value.own_columns(entity);
        if let Some((column, _)) = set[..at].iter().find(|(column, _)| read.contains(column)) {
            let field = entity.columns[*column].field;
            return out.lacks(
                &format!(
                    "old value of {}.{field} in a `set` that stands behind the one that changes it",
                    entity.name
                ),
                "set the column that reads it first",
            );
        }
    }
}
