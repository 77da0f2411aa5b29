//! `.set(column, value)`, shared by insert and update.

use super::scope::Scope;
use crate::entity::{EntityMeta, RelationKind, VersionKind};
use crate::error::{Error, Result};
use crate::expr::{Arithmetic, Kind, Node};
use crate::value::Value;

/// The version that follows the one of a row.
pub(crate) fn next_version(entity: &'static EntityMeta, position: usize) -> Node {
    let version = || Node(Kind::Column { entity, position }).boxed();
    let integer = |value| Node(Kind::Value(Value::Int(value)));
    let more = Node(Kind::Arithmetic { op: Arithmetic::Add, left: version(), right: integer(1).boxed() });
    match entity.version_kind {
        VersionKind::Counter => more,
        VersionKind::Timestamp => {
            let now = VersionKind::now();
            let is_late = Node(Kind::Compare { op: ">=", left: version(), right: integer(now).boxed() });
            Node(Kind::Case { branches: vec![(is_late, more)], otherwise: Some(integer(now).boxed()) })
        }
    }
}

/// The error of a column that only the database writes.
#[cold]
fn computed(entity: &EntityMeta, position: usize) -> Error {
    let column = &entity.columns[position];
    Error::build(format!(
        "{}.{} is computed by the database ({}): write the columns that it is computed from",
        entity.name,
        column.field,
        column.generated.unwrap_or_default()
    ))
}

/// Refuses columns that are written twice, or not at all.
pub(super) fn check_columns(entity: &EntityMeta, columns: &[usize]) -> Result<()> {
    for (at, position) in columns.iter().enumerate() {
        if columns[..at].contains(position) {
            return Err(Error::build(format!(
                "{}.{} is written twice: name each column once",
                entity.name, entity.columns[*position].field
            )));
        }
        if entity.generated.contains(position) {
            return Err(computed(entity, *position));
        }
    }
    Ok(())
}

/// Checks that no column is set twice, and none to NULL that cannot be.
pub(super) fn check(entity: &EntityMeta, set: &[(usize, Node)]) -> Result<()> {
    for (at, (position, value)) in set.iter().enumerate() {
        let column = &entity.columns[*position];
        if set[..at].iter().any(|(before, _)| before == position) {
            return Err(Error::build(format!(
                "{}.{} is set twice: keep one `.set(..)`",
                entity.name, column.field
            )));
        }
        if entity.generated.contains(position) {
            return Err(computed(entity, *position));
        }
        if !column.nullable && value.is_null_value() {
            return Err(Error::build(format!(
                "{}.{} is set to None, and its column is NOT NULL: give a value, or make the field an Option",
                entity.name, column.field
            )));
        }
    }
    Ok(())
}

/// Checks an expression that a session sets a column of one row to. A row that is not stored yet has no columns to
/// refer to.
///
/// # Errors
/// If the column is written by other means, or the expression refers to what is not there.
#[doc(hidden)]
pub fn check_value(entity: &'static EntityMeta, column: usize, value: &Node, is_new: bool) -> Result<()> {
    let refuse = |advice: String| {
        let field = entity.columns[column].field;
        Err(Error::build(format!("{}.{field} cannot be set like this: {advice}", entity.name)))
    };
    if entity.key.contains(&column) {
        return refuse("the key is what the row is found by; assign a value to the field".into());
    }
    if entity.version == Some(column) {
        return refuse("the version is counted by the flush".into());
    }
    let holds = |kind: &RelationKind| matches!(kind, RelationKind::BelongsTo { columns, .. } if columns.contains(&column));
    if let Some(relation) = entity.relations.iter().find(|relation| holds(&relation.kind)) {
        return refuse(format!("it belongs to the relation `{}`; assign that, or `link`", relation.name));
    }
    if let Some(reason) = value.refusal() {
        return refuse(format!("a value in it cannot be sent: it is {reason}"));
    }
    let set = (column, value.clone());
    check(entity, std::slice::from_ref(&set))?;
    match is_new {
        true => Scope::new_row().check(value),
        false => Scope::single(entity).check(value),
    }
}
