//! `.set(column, value)`, shared by insert and update.

use crate::entity::EntityMeta;
use crate::error::{Error, Result};
use crate::expr::{Kind, Node};

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
        if !column.nullable && value.is_null_value() {
            return Err(Error::build(format!(
                "{}.{} is set to None, and its column is NOT NULL: give a value, or make the field an Option",
                entity.name, column.field
            )));
        }
    }
    Ok(())
}

/// Whether an expression takes its value from a column of the row itself.
pub(super) fn names_column(node: &Node) -> bool {
    let mut found = matches!(node.0, Kind::Column { .. });
    node.parts(&mut |part| found = found || names_column(part));
    found
}
