//! A failed flush in the user's words: which entity, which key, which column.

use std::sync::Arc;

use orm_core::Error;
use orm_core::entity::EntityMeta;
use orm_core::error::{ConstraintKind, StaleDataError};
use orm_core::program::{Failure, FailureKind};

use super::order::foreign_keys;
use super::plan::{FlushPlan, Origin, version_of};
use crate::tracker::{Place, Tracker};

/// Names the entity, its key and the column in the error of a failed program.
pub(crate) fn explain(plan: &FlushPlan, tracker: &Tracker, failure: Failure) -> Error {
    let origin = failure.step.and_then(|step| plan.origins.get(usize::from(step)));
    let Some((origin, place)) = origin.and_then(|origin| Some((origin, origin.row(failure.row as usize)?)))
    else {
        return failure.error;
    };
    let arena = tracker.arena(place.arena);
    let (meta, key) = (arena.meta(), arena.key_text(place.slot));
    if let FailureKind::RowCount { matched } = failure.kind {
        return Error::StaleData(Arc::new(StaleDataError {
            entity: meta.name,
            key: key.unwrap_or_default(),
            version: version_of(tracker, place),
            action: if matches!(origin, Origin::Delete { .. }) { "delete" } else { "update" },
            expected: origin.rows().max(1) as u64,
            matched,
        }));
    }
    match failure.error {
        Error::Constraint(error) => {
            let mut error = Arc::unwrap_or_clone(error);
            error.entity = Some(meta.name);
            error.key = key;
            let writes =
                !matches!(origin, Origin::Delete { .. } | Origin::Unlink { .. } | Origin::UnlinkAll { .. });
            if error.kind == ConstraintKind::ForeignKey && error.table.is_none() && writes {
                error.columns = written_references(tracker, place, origin);
                error.table = (!error.columns.is_empty()).then(|| meta.table.to_owned());
            }
            Error::Constraint(Arc::new(error))
        }
        Error::Value(error) => {
            let mut error = Arc::unwrap_or_clone(error);
            let parameter: Option<usize> =
                error.place.strip_prefix("parameter ").and_then(|text| text.parse().ok());
            let step = failure.step.unwrap_or_default();
            if let Some(column) = parameter.and_then(|parameter| column_of(plan, step, meta, parameter - 1)) {
                error.place = match key {
                    Some(key) => format!("{}.{column} of {} {key}", meta.name, meta.name),
                    None => format!("{}.{column} of a new {}", meta.name, meta.name),
                };
            }
            Error::Value(Arc::new(error))
        }
        other => other,
    }
}

/// The column that a parameter of a step writes.
fn column_of(
    plan: &FlushPlan,
    step: u16,
    meta: &'static EntityMeta,
    parameter: usize,
) -> Option<&'static str> {
    let position = match (plan.parameters.get(&step), &plan.origins[usize::from(step)]) {
        (Some(columns), _) | (None, Origin::Insert { columns, .. } | Origin::Switch { columns, .. }) => {
            *columns.get(parameter)?
        }
        (None, Origin::Update { columns, .. }) => usize::from(*columns.get(parameter)?),
        _ => return None,
    };
    meta.columns.get(position).map(|column| column.name)
}

/// The foreign key columns that the row has a value in and the step wrote: one of them is the one at fault.
fn written_references(tracker: &Tracker, place: Place, origin: &Origin) -> Vec<String> {
    let arena = tracker.arena(place.arena);
    let written = |column: usize| match origin {
        Origin::Update { columns, .. } => columns.contains(&(column as u16)),
        _ => true,
    };
    let mut cells = orm_core::Cells::default();
    let mut names = Vec::new();
    for key in foreign_keys(arena.meta()) {
        for &column in key.columns.iter().filter(|&&column| written(column)) {
            cells.clear();
            arena.encode(place.slot, column, &mut cells);
            if cells.value(0) != orm_core::ValueRef::Null {
                names.push(arena.meta().columns[column].name.to_owned());
            }
        }
    }
    names
}
