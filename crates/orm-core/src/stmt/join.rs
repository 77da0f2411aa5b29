//! What a relation means in SQL: the tables it adds and the columns that tie them to those before.

use crate::entity::{EntityMeta, RelationKind, RelationMeta};
use crate::error::{Error, Result};

use super::source::{FieldColumn, Source, SourceId};
use crate::expr::{Kind, Node};
use crate::relation::Leg;

/// How a table is called in a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Name {
    /// By its own name.
    Table(&'static str),
    /// By one that is made.
    Made(SourceId),
}

/// One table that a relation adds.
pub(crate) struct Hop {
    pub(crate) table: &'static str,
    pub(crate) name: Name,
    /// Pairs of a column of this table and a column of a table before it.
    pub(crate) on: Vec<(&'static str, Place)>,
    /// The entity, where the table is not one of links.
    pub(crate) entity: Option<&'static EntityMeta>,
}

/// A column of a table that is there already.
pub(crate) type Place = (Name, &'static str);

/// The tables of a relation whose ends have other names than their tables'.
pub(crate) fn hops_between(
    relation: &'static RelationMeta,
    from: Option<SourceId>,
    to: Option<SourceId>,
    links: Option<SourceId>,
) -> Result<Vec<Hop>> {
    let mut hops = hops(relation)?;
    if let (Some(links), [between, target]) = (links, &mut hops[..]) {
        between.name = Name::Made(links);
        target.on.iter_mut().for_each(|(_, place)| place.0 = Name::Made(links));
    }
    if let (Some(from), Some(first)) = (from, hops.first_mut()) {
        first.on.iter_mut().for_each(|(_, place)| place.0 = Name::Made(from));
    }
    if let (Some(to), Some(last)) = (to, hops.last_mut()) {
        last.name = Name::Made(to);
    }
    Ok(hops)
}

/// The tables of a relation, in the order in which they are joined: one, or the link table and the target.
///
/// # Errors
/// If a foreign key has another number of columns than the key it refers to.
pub(crate) fn hops(relation: &'static RelationMeta) -> Result<Vec<Hop>> {
    let (source, target) = ((relation.source)(), (relation.target)());
    match &relation.kind {
        RelationKind::BelongsTo { columns, .. } => {
            let foreign = names(source, columns);
            let on = pair(relation, keys(target), source.table, foreign)?;
            Ok(vec![Hop { table: target.table, name: Name::Table(target.table), on, entity: Some(target) }])
        }
        RelationKind::HasMany { inverse } => {
            let inverse = inverse();
            let RelationKind::BelongsTo { columns, .. } = &inverse.kind else {
                return Err(Error::build(format!(
                    "{} is the other side of {}, which is not a `belongs_to`",
                    relation.path(),
                    inverse.path()
                )));
            };
            let on = pair(relation, names(target, columns), source.table, keys(source))?;
            Ok(vec![Hop { table: target.table, name: Name::Table(target.table), on, entity: Some(target) }])
        }
        RelationKind::ManyToMany { through } => {
            let to_source = pair(relation, through.source.to_vec(), source.table, keys(source))?;
            let to_target = pair(relation, keys(target), through.table, through.target.to_vec())?;
            Ok(vec![
                Hop { table: through.table, name: Name::Table(through.table), on: to_source, entity: None },
                Hop {
                    table: target.table,
                    name: Name::Table(target.table),
                    on: to_target,
                    entity: Some(target),
                },
            ])
        }
    }
}

fn pair(
    relation: &RelationMeta,
    columns: Vec<&'static str>,
    table: &'static str,
    before: Vec<&'static str>,
) -> Result<Vec<(&'static str, Place)>> {
    if columns.len() != before.len() {
        return Err(Error::build(format!(
            "{} ties {} columns ({}) to {} of {table} ({}): a foreign key has as many columns as the key it refers to",
            relation.path(),
            columns.len(),
            columns.join(", "),
            before.len(),
            before.join(", "),
        )));
    }
    Ok(columns.into_iter().zip(before.into_iter().map(|column| (Name::Table(table), column))).collect())
}

fn keys(meta: &'static EntityMeta) -> Vec<&'static str> {
    meta.key_columns().map(|column| column.name).collect()
}

fn names(meta: &'static EntityMeta, positions: &[usize]) -> Vec<&'static str> {
    positions.iter().map(|&at| meta.columns[at].name).collect()
}

/// Adds the tables along a path to what a write reads, and the conditions that tie them to its criteria.
pub(super) fn join_path(legs: Vec<Leg>, sources: &mut Vec<Source>, filter: &mut Vec<Node>) {
    let mut from = None;
    for leg in legs {
        let (source, target) = ((leg.relation.source)(), (leg.relation.target)());
        match hops(leg.relation).as_deref() {
            Ok([hop]) if leg.narrow.is_none() && !leg.joined => {
                let to = Source { id: leg.alias, ..Source::table(target) };
                for (column, (_, other)) in &hop.on {
                    let (left, right) = (end(target, leg.alias, column), end(source, from, other));
                    filter.push(left.compare("=", right));
                }
                sources.push(to);
            }
            Ok(_) => filter.push(Node(Kind::Problem(format!(
                "an update or delete is joined along relations without a table of links, which take no filter, order or limit: \
                 use `{}.any(..)` in its filter",
                leg.relation.constant()
            )))),
            Err(error) => filter.push(Node(Kind::Problem(error.to_string()))),
        }
        from = leg.alias;
    }
}

fn end(entity: &'static EntityMeta, alias: Option<SourceId>, column: &str) -> Node {
    let position = entity.columns.iter().position(|known| known.name == column).unwrap_or_default();
    Node(match alias {
        Some(source) => Kind::Field { source, column: FieldColumn::Entity(entity, position) },
        None => Kind::Column { entity, position },
    })
}
