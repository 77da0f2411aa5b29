//! What a relation means in SQL: the tables it adds and the columns that tie them to those before.

use crate::entity::{EntityMeta, RelationKind, RelationMeta};
use crate::error::{Error, Result};

/// One table that a relation adds.
pub(crate) struct Hop {
    pub(crate) table: &'static str,
    /// Pairs of a column of this table and a column of a table before it.
    pub(crate) on: Vec<(&'static str, Place)>,
    /// The entity, where the table is not one of links.
    pub(crate) entity: Option<&'static EntityMeta>,
}

/// A column of a table that is there already.
pub(crate) type Place = (&'static str, &'static str);

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
            Ok(vec![Hop { table: target.table, on, entity: Some(target) }])
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
            Ok(vec![Hop { table: target.table, on, entity: Some(target) }])
        }
        RelationKind::ManyToMany { through } => {
            let to_source = pair(relation, through.source.to_vec(), source.table, keys(source))?;
            let to_target = pair(relation, keys(target), through.table, through.target.to_vec())?;
            Ok(vec![
                Hop { table: through.table, on: to_source, entity: None },
                Hop { table: target.table, on: to_target, entity: Some(target) },
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
    Ok(columns.into_iter().zip(before.into_iter().map(|column| (table, column))).collect())
}

fn keys(meta: &'static EntityMeta) -> Vec<&'static str> {
    meta.key_columns().map(|column| column.name).collect()
}

fn names(meta: &'static EntityMeta, positions: &[usize]) -> Vec<&'static str> {
    positions.iter().map(|&at| meta.columns[at].name).collect()
}
