//! `.set(column, value)`, shared by insert and update.

use crate::entity::EntityMeta;
use crate::error::{Error, Result};
use crate::expr::Node;

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
