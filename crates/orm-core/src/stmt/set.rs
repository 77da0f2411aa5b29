//! `.set(column, value)`, shared by insert and update.

use crate::entity::{EntityMeta, VersionKind};
use crate::error::{Error, Result};
use crate::expr::{Kind, Node};
use crate::value::Value;

/// The version that follows the one of a row.
pub(crate) fn next_version(entity: &'static EntityMeta, position: usize) -> Node {
    let version = || Node(Kind::Column { entity, position }).boxed();
    let integer = |value| Node(Kind::Value(Value::Int(value)));
    let more = Node(Kind::Arithmetic { op: '+', left: version(), right: integer(1).boxed() });
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
pub(super) fn computed(entity: &EntityMeta, position: usize) -> Error {
    let column = &entity.columns[position];
    Error::build(format!(
        "{}.{} is computed by the database ({}): write the columns that it is computed from",
        entity.name,
        column.field,
        column.generated.unwrap_or_default()
    ))
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
