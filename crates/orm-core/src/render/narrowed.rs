//! The statement that reads some of the targets of a relation, or all of them in an order.
//!
//! ```text
//! SELECT "id", "title", .. FROM (
//!     SELECT "posts"."id", "posts"."title", ..,
//!         ROW_NUMBER() OVER (PARTITION BY "posts"."author_id" ORDER BY "posts"."title", "posts"."id") AS "_place"
//!     FROM "posts" WHERE "posts"."title" >= ? AND "posts"."author_id" IN (..)
//! ) AS "narrowed" WHERE "_place" <= 3 ORDER BY "_place"
//! ```
//!
//! Parameters of the conditions and the order stand before the list of keys, which is the last parameter.

use super::Writer;
use super::select::{every_column, order, whole};
use crate::dialect::Dialect;
use crate::entity::{EntityMeta, RelationKind, RelationMeta};
use crate::error::{Error, Result};
use crate::program::Returns;
use crate::relation::Narrow;
use crate::shapes::order_terms;
use crate::stmt::{Compiled, hops};

/// The most elements of a list in one statement, whoever sends it.
const LIST: usize = 1_024;

/// The table whose columns are compared with the list of sources, and these columns.
struct Sources {
    table: &'static str,
    columns: Vec<&'static str>,
    /// The target's table is joined to that one.
    pairs: bool,
}

pub(crate) fn narrowed(
    relation: &'static RelationMeta,
    narrow: &Narrow,
    dialect: &Dialect,
) -> Result<Compiled> {
    let (target, sources) = ((relation.target)(), sources(relation)?);
    let mut out = Writer::new(dialect);
    out.reads(target.table).reads(sources.table);
    // Only literals may follow the list, so an order that has values is made a number before it.
    let numbered = narrow.limit.is_some() || narrow.order_by.iter().any(|order| order.node.has_values());
    if numbered {
        numbered_rows(&mut out, relation, target, &sources, narrow)?;
    } else {
        rows(&mut out, relation, target, &sources, narrow, false)?;
        order_of_rows(out.push(" ORDER BY "), relation, narrow);
    }
    let (parameters, width) = (out.parameters - 1, sources.columns.len());
    if parameters + LIST * width > dialect.max_parameters {
        return Err(Error::build(format!(
            "the conditions on {} have {parameters} parameters, and {} takes {} with those of the keys: compare with a \
             subquery instead of a list",
            relation.path(),
            dialect.name,
            dialect.max_parameters
        )));
    }
    out.cheap = !numbered && narrow.is_cheap();
    out.compiled(Returns::Rows, true)
}

fn sources(relation: &'static RelationMeta) -> Result<Sources> {
    let (table, pairs) = match &relation.kind {
        RelationKind::ManyToMany { through } => (through.table, true),
        _ => ((relation.target)().table, false),
    };
    // Checked to fit each other on the way.
    let first = hops(relation)?.into_iter().next();
    let columns = first.map(|hop| hop.on.into_iter().map(|(column, _)| column).collect()).unwrap_or_default();
    Ok(Sources { table, columns, pairs })
}

/// Adds the query without its order; where it is to be `numbered`, each row with its place among those of its source.
fn rows(
    out: &mut Writer<'_>,
    relation: &'static RelationMeta,
    target: &'static EntityMeta,
    sources: &Sources,
    narrow: &Narrow,
    numbered: bool,
) -> Result<()> {
    every_column(out.push("SELECT "), target);
    if sources.pairs {
        for (at, column) in sources.columns.iter().enumerate() {
            out.push(", ").column(sources.table, column);
            if numbered {
                out.push(" AS ").name(&source_name(at));
            }
        }
    }
    if numbered {
        out.push(", ROW_NUMBER() OVER (PARTITION BY ");
        out.separated(", ", &sources.columns, |out, column| {
            out.column(sources.table, column);
        });
        order_of_rows(out.push(" ORDER BY "), relation, narrow);
        out.push(") AS ").name(PLACE);
    }
    out.push(" FROM ").name(sources.table);
    if sources.pairs {
        for hop in hops(relation)?.into_iter().skip(1) {
            out.push(" JOIN ").name(hop.table).push(" ON ");
            out.ties(&hop);
        }
    }
    out.push(" WHERE ");
    for condition in &narrow.filter {
        out.further_condition(condition);
        out.push(" AND ");
    }
    out.in_list(Some(sources.table), &sources.columns);
    Ok(())
}

fn numbered_rows(
    out: &mut Writer<'_>,
    relation: &'static RelationMeta,
    target: &'static EntityMeta,
    sources: &Sources,
    narrow: &Narrow,
) -> Result<()> {
    out.push("SELECT ").names(target.columns.iter().map(|column| column.name));
    if sources.pairs {
        for at in 0..sources.columns.len() {
            out.push(", ").name(&source_name(at));
        }
    }
    out.push(" FROM (");
    rows(out, relation, target, sources, narrow, true)?;
    out.push(") AS ").name("narrowed");
    if let Some(limit) = narrow.limit {
        out.push(" WHERE ").name(PLACE).push(&format!(" <= {}", whole(limit)));
    }
    out.push(" ORDER BY ").name(PLACE);
    Ok(())
}

/// Names that no column is likely to have.
const PLACE: &str = "_place";

fn source_name(at: usize) -> String {
    format!("_source_{}", at + 1)
}

/// The order that was asked for, or the relation's own, and the key for what it leaves equal: so that the answer is the same each time.
fn order_of_rows(out: &mut Writer<'_>, relation: &'static RelationMeta, narrow: &Narrow) {
    let target = (relation.target)();
    for part in &narrow.order_by {
        order(out, part);
        out.push(", ");
    }
    if narrow.order_by.is_empty() {
        order_terms(out, &relation.members, |out, column| {
            out.column(target.table, target.columns[column].name);
        });
    }
    out.separated(", ", target.key_columns(), |out, key| {
        out.column(target.table, key.name);
    });
}
