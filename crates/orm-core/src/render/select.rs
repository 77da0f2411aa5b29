//! SELECT as SQL. Everything was checked when it was built: what is written here is in scope.

use super::Writer;
use crate::dialect::Dialect;
use crate::entity::{EntityMeta, RelationMeta};
use crate::expr::{Kind, Node, Order};
use crate::stmt::{
    Body, Distinct, JoinTo, Loads, Lock, LockStrength, LockWait, Name, SelectBody, Source, SourceId,
    SourceOf, hops, hops_between,
};

/// Adds a query with rows, as it stands inside of another statement.
pub(super) fn rowset(out: &mut Writer<'_>, body: &Body) {
    match body {
        Body::Select(query) => select(out, query),
        Body::Compound(compound) => out.compound(compound, true),
        // Other statements cannot be made to stand here.
        _ => {}
    }
}

/// Adds a whole query.
pub(super) fn select(out: &mut Writer<'_>, query: &SelectBody) {
    in_scope(out, query, |out| {
        begin(out, query);
        selected(out, query);
        out.from(query);
        rest(out, query, true);
    });
}

/// Writes a query where its tables go by their own names.
fn in_scope(out: &mut Writer<'_>, query: &SelectBody, write: impl FnOnce(&mut Writer<'_>)) {
    let before = out.tables.len();
    out.tables.extend(query.sources().filter_map(|source| Some((source.own_table()?.table, None))));
    for join in &query.joins {
        if let JoinTo::Relation { relation, to: None, .. } = join.to {
            out.tables.push(((relation.target)().table, None));
        }
    }
    out.with_repeats(query, write);
    out.tables.truncate(before);
}

fn begin(out: &mut Writer<'_>, query: &SelectBody) {
    match &query.distinct {
        Distinct::None => {
            out.push("SELECT ");
        }
        Distinct::Rows => {
            out.push("SELECT DISTINCT ");
        }
        Distinct::On(nodes) if out.dialect.distinct_on => {
            out.push("SELECT DISTINCT ON (").separated(", ", nodes, |out, node| out.node(node)).push(") ");
        }
        Distinct::On(_) => out.lacks(
            "DISTINCT ON",
            "select `row_number().over(partition_by(..).order_by(..))` in a query with `.derived()`, and keep the rows where \
             it is 1",
        ),
    }
}

impl Writer<'_> {
    /// Adds a query as a table: columns that have no name of their own get one.
    pub(super) fn derived(&mut self, body: &Body, columns: crate::stmt::SourceColumns) {
        if let crate::stmt::SourceColumns::Entity(_) = columns {
            return rowset(self, body);
        }
        match body {
            Body::Select(query) => in_scope(self, query, |out| {
                begin(out, query);
                let every;
                let columns = match &query.columns {
                    Some(columns) => columns,
                    None => {
                        every = query.from.every_column();
                        &every
                    }
                };
                out.separated(", ", columns.iter().enumerate(), |out, (at, node)| {
                    out.node(node);
                    // One that is the first of several put together has its name.
                    if !matches!(node.0, Kind::Named(..)) {
                        out.push(" AS ").made_column(at);
                    }
                });
                out.from(query);
                rest(out, query, true);
            }),
            // Its columns are named by its first part, which may be anything.
            Body::Compound(compound) => self.compound_as_table(compound),
            _ => {}
        }
    }
}

/// Adds a whole query with the columns of the targets that ride in its rows. Each has a name of its own, so that it is
/// none of the tables that the query names.
pub(super) fn select_joined(out: &mut Writer<'_>, query: &SelectBody, loads: &Loads) {
    let mut joined = loads.joined().peekable();
    if joined.peek().is_none() {
        return select(out, query);
    }
    in_scope(out, query, |out| {
        begin(out, query);
        selected(out, query);
        for (at, load) in loads.joined() {
            let (name, target) = (joined_name(at), (load.leg.relation.target)());
            for column in target.columns {
                out.push(", ").column(&name, column.name);
            }
        }
        out.from(query);
        for (at, load) in joined {
            let name = joined_name(at);
            for hop in hops(load.leg.relation).unwrap_or_default() {
                out.push(" LEFT JOIN ").name(hop.table).push(" AS ").name(&name).push(" ON ");
                out.separated(" AND ", &hop.on, |out, (column, (_, other))| {
                    out.column(&name, column).push(" = ");
                    match (load.parent.map(joined_name), query.from.id) {
                        (Some(source), _) => out.column(&source, other),
                        (None, Some(id)) => out.named_column(Name::Made(id), other),
                        (None, None) => out.named_column(hop.on[0].1.0, other),
                    };
                });
            }
            if let Some(narrow) = &load.leg.narrow {
                out.tables.push(((load.leg.relation.target)().table, Some(name)));
                further(out, &narrow.filter);
                out.tables.pop();
            }
        }
        rest_behind(out, query, true, true);
    });
}

fn joined_name(at: usize) -> String {
    format!("joined_{}", at + 1)
}

/// Adds a query that has a row if and only if this one has.
pub(super) fn rowset_any(out: &mut Writer<'_>, body: &Body) {
    match body {
        Body::Select(query) if query.columns.is_none() && matches!(query.distinct, Distinct::None) => {
            in_scope(out, query, |out| {
                out.push("SELECT 1").from(query);
                // The order decides which row comes first, not whether one does.
                rest(out, query, false);
            });
        }
        // SQLite forgets DISTINCT here, and an offset counts rows.
        Body::Select(query) if query.offset.is_some() && !matches!(query.distinct, Distinct::None) => {
            out.push("SELECT 1 FROM (");
            table_of(out, body, query);
            out.push(") AS ").name("found");
        }
        // MariaDB takes the columns of `*` for one here.
        Body::Compound(compound) => {
            out.push("SELECT 1 FROM (").compound_as_table(compound);
            out.push(") AS ").name("found");
        }
        body => rowset(out, body),
    }
}

/// Adds a query that answers how many rows this one has.
pub(super) fn rowset_count(out: &mut Writer<'_>, body: &Body) {
    if let Body::Select(query) = body {
        let whole_rows = query.columns.is_none() && matches!(query.distinct, Distinct::None);
        // What is counted has no rows to lock.
        if whole_rows && query.limit.is_none() && query.offset.is_none() && query.lock.is_none() {
            return in_scope(out, query, |out| {
                out.push("SELECT count(*)").from(query);
                rest(out, query, false);
            });
        }
    }
    out.push("SELECT count(*) FROM (");
    match body {
        Body::Select(query) => table_of(out, body, query),
        Body::Compound(compound) => out.compound_as_table(compound),
        body => rowset(out, body),
    }
    out.push(") AS ").name("counted");
}

/// Columns of one name, as two tables may have, are no table.
fn table_of(out: &mut Writer<'_>, body: &Body, query: &SelectBody) {
    match query.columns.as_ref().map(Vec::len) {
        Some(width) if width > 1 => out.derived(body, crate::stmt::SourceColumns::Made(width)),
        _ => rowset(out, body),
    }
}

fn selected(out: &mut Writer<'_>, query: &SelectBody) {
    match (&query.columns, query.from.own_table()) {
        (Some(columns), _) => {
            out.separated(", ", columns, |out, node| out.node(node));
        }
        (None, Some(entity)) => every_column(out, entity),
        (None, None) => {
            out.separated(", ", &query.from.every_column(), |out, node| out.node(node));
        }
    }
}

pub(super) fn every_column(out: &mut Writer<'_>, entity: &EntityMeta) {
    entity.with_columns(out.dialect, |columns| {
        out.push(columns);
    });
}

/// `"users"."id", "users"."name"`: all columns of an entity.
pub(crate) fn columns_of(entity: &EntityMeta, dialect: &Dialect) -> String {
    let mut out = Writer::new(dialect);
    out.separated(", ", entity.columns, |out, column| {
        out.column(entity.table, column.name);
    });
    out.text()
}

/// Adds conditions behind others.
pub(super) fn further(out: &mut Writer<'_>, conditions: &[Node]) {
    for condition in conditions {
        out.push(" AND ").further_condition(condition);
    }
}

fn rest(out: &mut Writer<'_>, query: &SelectBody, ordered: bool) {
    rest_behind(out, query, ordered, query.joins.iter().any(|join| join.left));
}

/// The same behind joins; those that are `open` may add no rows.
fn rest_behind(out: &mut Writer<'_>, query: &SelectBody, ordered: bool, open: bool) {
    filter(out, &query.filter);
    if !query.group_by.is_empty() {
        out.push(" GROUP BY ").separated(", ", &query.group_by, |out, node| out.arranged_by(node));
    }
    if !query.having.is_empty() {
        out.push(" HAVING ").having(&query.having);
    }
    if ordered && !query.order_by.is_empty() {
        out.push(" ORDER BY ").separated(", ", &query.order_by, |out, order| self::order(out, order));
    }
    limits(out, query.limit, query.offset);
    if let Some(rows) = query.lock {
        lock(out, query, rows, open);
    }
}

/// Adds one part of ORDER BY.
pub(super) fn order(out: &mut Writer<'_>, order: &Order) {
    let missing = |out: &mut Writer<'_>| out.missing(&order.node);
    order_with(out, order, missing, |out| out.arranged_by(&order.node));
}

/// Adds one part of ORDER BY, whatever it is ordered by.
pub(super) fn order_with(
    out: &mut Writer<'_>,
    order: &Order,
    missing: impl FnOnce(&mut Writer<'_>),
    by: impl FnOnce(&mut Writer<'_>),
) {
    if let (Some(first), false) = (order.nulls_first, out.dialect.nulls_order) {
        missing(out);
        out.push(if first { " DESC, " } else { ", " });
    }
    by(out);
    if order.descending {
        out.push(" DESC");
    }
    match order.nulls_first.filter(|_| out.dialect.nulls_order) {
        Some(true) => out.push(" NULLS FIRST"),
        Some(false) => out.push(" NULLS LAST"),
        None => out,
    };
}

/// Literals, never parameters: SQLite prepares a statement again whenever a bound limit changes.
pub(super) fn limits(out: &mut Writer<'_>, limit: Option<u64>, offset: Option<u64>) {
    match (limit, offset, out.dialect.no_limit) {
        (Some(limit), _, _) => {
            out.push(" LIMIT ").number(whole(limit));
        }
        (None, Some(_), Some(none)) => {
            out.push(" LIMIT ").push(none);
        }
        _ => {}
    }
    if let Some(offset) = offset {
        out.push(" OFFSET ").number(whole(offset));
    }
}

/// The most rows that a database can count.
pub(super) fn whole(rows: u64) -> u64 {
    rows.min(i64::MAX as u64)
}

fn lock(out: &mut Writer<'_>, query: &SelectBody, lock: Lock, open: bool) {
    // It takes part in writing, and wants the connection of those who write.
    out.writes = true;
    out.push(match lock.strength {
        Some(LockStrength::Share) => out.dialect.for_share,
        _ => out.dialect.for_update,
    });
    if open && out.dialect.locks_by_name {
        out.separated(", ", locked(query).into_iter().enumerate(), |out, (at, name)| {
            out.push(if at == 0 { " OF " } else { "" });
            match name {
                Name::Table(table) => out.name(table),
                Name::Made(id) => out.source(id),
            };
        });
    }
    if lock.wait == LockWait::Wait {
        return;
    }
    if out.dialect.for_update.is_empty() {
        return out.lacks(
            "locks of rows",
            "writers come one after another, so leave `nowait` and `skip_locked` out; to take rows of a queue, \
             use an update with `.returning(..)`",
        );
    }
    out.push(if lock.wait == LockWait::Error { " NOWAIT" } else { " SKIP LOCKED" });
}

/// What a query reads that is there in each of its rows, but for CTEs, which have no rows of their own.
fn locked(query: &SelectBody) -> Vec<Name> {
    let name = |source: &Source| match source.of {
        SourceOf::With(_) | SourceOf::Itself(_) => None,
        SourceOf::Table(_) | SourceOf::Query(_) => {
            source.id.map(Name::Made).or(source.own_table().map(|entity| Name::Table(entity.table)))
        }
    };
    let mut names: Vec<Name> = name(&query.from).into_iter().collect();
    for join in query.joins.iter().filter(|join| !join.left) {
        match &join.to {
            JoinTo::Source(source) => names.extend(name(source)),
            JoinTo::Relation { relation, from, to, links } => {
                // Checked when the statement was built.
                let hops = hops_between(relation, *from, *to, *links).unwrap_or_default();
                names.extend(hops.iter().map(|hop| hop.name));
            }
        }
    }
    names
}

pub(super) fn filter(out: &mut Writer<'_>, conditions: &[Node]) {
    if !conditions.is_empty() {
        out.push(" WHERE ").conditions(conditions);
    }
}

/// Adds `EXISTS (SELECT 1 FROM target WHERE ..)` for the rows that a relation leads to. A table that the query around it
/// reads too gets another name here, by which the condition means it.
pub(super) fn related(
    out: &mut Writer<'_>,
    relation: &'static RelationMeta,
    from: Option<SourceId>,
    condition: Option<&Node>,
) {
    // Checked when the statement was built.
    let hops = hops_between(relation, from, None, None).unwrap_or_default();
    let before = out.tables.len();
    let mut names = Vec::with_capacity(hops.len());
    for hop in &hops {
        let is_taken = out.tables[..before].iter().any(|(table, _)| *table == hop.table);
        names.push(is_taken.then(|| out.names.fresh(hop.table, &out.tables)));
    }
    out.push("EXISTS (SELECT 1");
    for (at, hop) in hops.iter().enumerate() {
        out.push(if at == 0 { " FROM " } else { " JOIN " }).name(hop.table);
        if let Some(name) = &names[at] {
            out.push(" AS ").name(name);
        }
        if at > 0 {
            out.push(" ON ");
            tie(out, hop, at, &names);
        }
    }
    if let Some(first) = hops.first() {
        out.push(" WHERE ");
        tie(out, first, 0, &names);
    }
    out.tables.extend(hops.iter().zip(names).map(|(hop, name)| (hop.table, name)));
    if let Some(condition) = condition {
        out.push(" AND ");
        out.further_condition(condition);
    }
    out.tables.truncate(before);
    out.push(")");
}

/// The first hop is tied to the query around, the second to the first.
fn tie(out: &mut Writer<'_>, hop: &crate::stmt::Hop, at: usize, names: &[Option<String>]) {
    out.separated(" AND ", &hop.on, |out, (column, (place, other))| {
        out.column(names[at].as_deref().unwrap_or(hop.table), column).push(" = ");
        match (at.checked_sub(1).map(|before| &names[before]), place) {
            (Some(Some(name)), _) => out.column(name, other),
            (_, Name::Table(table)) => match out.renamed(table) {
                Some(name) if at == 0 => out.column(&name, other),
                _ => out.column(table, other),
            },
            (_, place) => out.named_column(*place, other),
        };
    });
}
