//! Statements as SQL. Everything was checked when they were built: what is written here is in scope.

use super::Writer;
use super::insert::insert;
use crate::dialect::Dialect;
use crate::entity::{EntityMeta, RelationMeta};
use crate::error::{Error, Result};
use crate::expr::{Node, Order};
use crate::program::Returns;
use crate::stmt::{Body, Compiled, DeleteBody, Loads, SelectBody, UpdateBody, hops};

/// The text of a statement with its parameters.
///
/// # Errors
/// If it has more parameters than the database takes, or counts the rows of what is no query.
pub(crate) fn statement(body: &Body, loads: &Loads, dialect: &Dialect) -> Result<Compiled> {
    let mut out = Writer::new(dialect);
    match body {
        Body::Raw(raw) => return raw.compile(dialect),
        Body::Insert(write) => {
            insert(&mut out, write);
            return out.compiled(answer(&write.returning), false);
        }
        Body::Update(write) => {
            update(&mut out, write);
            return out.compiled(answer(&write.returning), false);
        }
        Body::Delete(write) => {
            delete(&mut out, write);
            return out.compiled(answer(&write.returning), false);
        }
        Body::Select(_) | Body::Count(_) | Body::Exists(_) => query(&mut out, body, loads)?,
    }
    out.compiled(Returns::Rows, true)
}

/// Adds a query that reads, which is not raw SQL.
pub(super) fn query(out: &mut Writer<'_>, body: &Body, loads: &Loads) -> Result<()> {
    match body {
        Body::Select(query) => {
            out.cheap = query.is_cheap() && loads.joined().all(|(_, load)| load.leg.is_cheap());
            select_joined(out, query, loads);
        }
        Body::Count(inner) => match &**inner {
            Body::Select(query) => select_count(out, query),
            Body::Raw(raw) => {
                out.push("SELECT count(*) FROM (");
                raw.write(out)?;
                out.push(") AS \"counted\"");
            }
            _ => return Err(no_query("count")),
        },
        Body::Exists(inner) => {
            out.push("SELECT EXISTS (");
            match &**inner {
                Body::Select(query) => {
                    out.cheap = query.is_cheap_to_find();
                    select_any(out, query);
                }
                Body::Raw(raw) => raw.write(out)?,
                _ => return Err(no_query("exists")),
            }
            out.push(")");
        }
        Body::Raw(_) | Body::Insert(_) | Body::Update(_) | Body::Delete(_) => {}
    }
    Ok(())
}

#[cold]
fn no_query(verb: &str) -> Error {
    Error::build(format!("`{verb}` needs a query, and this is an insert, update or delete: use `execute`"))
}

fn answer(returning: &[Node]) -> Returns {
    if returning.is_empty() { Returns::Count } else { Returns::Rows }
}

/// Adds a whole query.
pub(super) fn select(out: &mut Writer<'_>, query: &SelectBody) {
    out.push(if query.distinct { "SELECT DISTINCT " } else { "SELECT " });
    selected(out, query);
    from(out, query);
    rest(out, query, true);
}

/// Adds a whole query with the columns of the targets that ride in its rows. Each has a name of its own, so that it is
/// none of the tables that the query names.
fn select_joined(out: &mut Writer<'_>, query: &SelectBody, loads: &Loads) {
    let mut joined = loads.joined().peekable();
    if joined.peek().is_none() {
        return select(out, query);
    }
    out.push(if query.distinct { "SELECT DISTINCT " } else { "SELECT " });
    selected(out, query);
    for (at, load) in loads.joined() {
        let (name, target) = (joined_name(at), (load.leg.relation.target)());
        for column in target.columns {
            out.push(", ").column(&name, column.name);
        }
    }
    from(out, query);
    for (at, load) in joined {
        let (name, source) = (joined_name(at), load.parent.map(joined_name));
        let source = source.as_deref().unwrap_or(query.entity.table);
        for hop in hops(load.leg.relation).unwrap_or_default() {
            out.push(" LEFT JOIN ").name(hop.table).push(" AS ").name(&name).push(" ON ");
            out.separated(" AND ", &hop.on, |out, (column, (_, other))| {
                out.column(&name, column).push(" = ").column(source, other);
            });
        }
        if let Some(narrow) = &load.leg.narrow {
            out.renamed = Some(((load.leg.relation.target)().table, name));
            further(out, &narrow.filter);
            out.renamed = None;
        }
    }
    rest(out, query, true);
}

fn joined_name(at: usize) -> String {
    format!("joined_{}", at + 1)
}

/// Adds a query that has a row if and only if this one has.
pub(super) fn select_any(out: &mut Writer<'_>, query: &SelectBody) {
    if query.columns.is_some() || query.distinct {
        return select(out, query);
    }
    out.push("SELECT 1");
    from(out, query);
    // The order decides which row comes first, not whether one does.
    rest(out, query, false);
}

/// Adds a query that answers how many rows this one has.
pub(super) fn select_count(out: &mut Writer<'_>, query: &SelectBody) {
    out.push("SELECT count(*)");
    let whole_rows = query.columns.is_none() && !query.distinct;
    if whole_rows && query.limit.is_none() && query.offset.is_none() {
        from(out, query);
        rest(out, query, false);
    } else {
        out.push(" FROM (");
        select(out, query);
        out.push(") AS \"counted\"");
    }
}

fn selected(out: &mut Writer<'_>, query: &SelectBody) {
    match &query.columns {
        Some(columns) => out.separated(", ", columns, |out, node| out.node(node)),
        None => every_column(out, query.entity),
    };
}

pub(super) fn every_column<'a, 'd>(out: &'a mut Writer<'d>, entity: &EntityMeta) -> &'a mut Writer<'d> {
    entity.with_columns(out.dialect, |columns| {
        out.push(columns);
    });
    out
}

/// `"users"."id", "users"."name"`: all columns of an entity.
pub(crate) fn columns_of(entity: &EntityMeta, dialect: &Dialect) -> String {
    let mut out = Writer::new(dialect);
    out.separated(", ", entity.columns, |out, column| {
        out.column(entity.table, column.name);
    });
    out.text()
}

fn from(out: &mut Writer<'_>, query: &SelectBody) {
    out.push(" FROM ").name(query.entity.table);
    for join in &query.joins {
        // Checked when the statement was built.
        let hops = hops(join.relation).unwrap_or_default();
        match &hops[..] {
            // Together: a pair whose target is left out is no row.
            [pairs, target] if join.left && !join.on.is_empty() => {
                out.push(" LEFT JOIN (").name(pairs.table).push(" JOIN ").name(target.table).push(" ON ");
                ties(out, target.table, &target.on);
                further(out, &join.on);
                ties(out.push(") ON "), pairs.table, &pairs.on);
            }
            hops => {
                for hop in hops {
                    out.push(if join.left { " LEFT JOIN " } else { " JOIN " }).name(hop.table).push(" ON ");
                    ties(out, hop.table, &hop.on);
                }
                further(out, &join.on);
            }
        }
    }
}

/// Adds conditions behind others.
fn further(out: &mut Writer<'_>, conditions: &[Node]) {
    for condition in conditions {
        out.push(" AND ").further_condition(condition);
    }
}

fn ties(out: &mut Writer<'_>, table: &str, on: &[(&str, (&str, &str))]) {
    out.separated(" AND ", on, |out, (column, (other, other_column))| {
        out.column(table, column).push(" = ").column(other, other_column);
    });
}

fn rest(out: &mut Writer<'_>, query: &SelectBody, ordered: bool) {
    filter(out, &query.filter);
    if !query.group_by.is_empty() {
        out.push(" GROUP BY ").separated(", ", &query.group_by, |out, node| out.node(node));
    }
    if !query.having.is_empty() {
        out.push(" HAVING ").conditions(&query.having);
    }
    if ordered && !query.order_by.is_empty() {
        out.push(" ORDER BY ").separated(", ", &query.order_by, order);
    }
    limits(out, query);
}

/// Adds one part of ORDER BY.
pub(super) fn order(out: &mut Writer<'_>, order: &Order) {
    out.node(&order.node);
    if order.descending {
        out.push(" DESC");
    }
    match order.nulls_first {
        Some(true) => out.push(" NULLS FIRST"),
        Some(false) => out.push(" NULLS LAST"),
        None => out,
    };
}

/// Literals, never parameters: SQLite prepares a statement again whenever a bound limit changes.
fn limits(out: &mut Writer<'_>, query: &SelectBody) {
    match (query.limit, query.offset, out.dialect.no_limit) {
        (Some(limit), _, _) => {
            out.push(" LIMIT ").number(whole(limit));
        }
        (None, Some(_), Some(none)) => {
            out.push(" LIMIT ").push(none);
        }
        _ => {}
    }
    if let Some(offset) = query.offset {
        out.push(" OFFSET ").number(whole(offset));
    }
}

/// The most rows that a database can count.
pub(super) fn whole(rows: u64) -> u64 {
    rows.min(i64::MAX as u64)
}

fn filter(out: &mut Writer<'_>, conditions: &[Node]) {
    if !conditions.is_empty() {
        out.push(" WHERE ").conditions(conditions);
    }
}

/// Adds `EXISTS (SELECT 1 FROM target WHERE ..)` for the rows that a relation leads to.
pub(super) fn related(out: &mut Writer<'_>, relation: &'static RelationMeta, condition: Option<&Node>) {
    // Checked when the statement was built.
    let hops = hops(relation).unwrap_or_default();
    out.push("EXISTS (SELECT 1");
    for (at, hop) in hops.iter().enumerate() {
        out.push(if at == 0 { " FROM " } else { " JOIN " }).name(hop.table);
        if at > 0 {
            out.push(" ON ");
            ties(out, hop.table, &hop.on);
        }
    }
    if let Some(first) = hops.first() {
        out.push(" WHERE ");
        ties(out, first.table, &first.on);
    }
    if let Some(condition) = condition {
        out.push(" AND ");
        out.further_condition(condition);
    }
    out.push(")");
}

fn update(out: &mut Writer<'_>, write: &UpdateBody) {
    let entity = write.entity;
    out.push("UPDATE ").name(entity.table).push(" SET ");
    out.separated(", ", &write.set, |out, (position, value)| {
        out.name(entity.columns[*position].name).push(" = ");
        out.node(value);
    });
    filter(out, &write.filter);
    returning(out, &write.returning);
}

fn delete(out: &mut Writer<'_>, write: &DeleteBody) {
    out.push("DELETE FROM ").name(write.entity.table);
    filter(out, &write.filter);
    returning(out, &write.returning);
}

pub(super) fn returning(out: &mut Writer<'_>, nodes: &[Node]) {
    if !nodes.is_empty() {
        out.push(" RETURNING ").separated(", ", nodes, |out, node| out.node(node));
    }
}
