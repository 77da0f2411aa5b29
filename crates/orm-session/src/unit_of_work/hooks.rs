//! The hooks of entities around a flush: which rows have which.

use std::collections::HashSet;

use orm_core::entity::{EntityMeta, OnDelete, RelationKind, RelationMeta};
use orm_core::{Dialect, Error, Result};

use super::collect::{Collected, collect};
use super::delete::references_to;
use super::plan::{FlushPlan, Origin, plan_collected};
use crate::events::Moments;
use crate::tracker::{Place, Tracker};

/// How often before-hooks may make new work for each other.
pub(crate) const ROUNDS: usize = 100;

/// Plans a flush of all that is pending, once the before-hooks of all its rows have run. What they change is planned
/// with the rest, and what they bring in has its own. `done` are the rows that have had theirs.
///
/// # Errors
/// As `plan`, and those of the hooks.
pub(crate) fn plan_with_hooks(
    tracker: &mut Tracker,
    dialect: &'static Dialect,
    now: i64,
    done: &mut HashSet<Place>,
) -> Result<Box<FlushPlan>> {
    let made = plan_in_rounds(tracker, dialect, now, done);
    let doomed = tracker.spare();
    let mut plan = made?;
    plan.doomed = doomed;
    Ok(plan)
}

fn plan_in_rounds(
    tracker: &mut Tracker,
    dialect: &'static Dialect,
    now: i64,
    done: &mut HashSet<Place>,
) -> Result<Box<FlushPlan>> {
    for _ in 0..ROUNDS {
        tracker.spare();
        tracker.take_given_back();
        let touched = tracker.touched_with_relations();
        tracker.take_in(touched);
        // First, and before anything is checked: they may set keys and required links.
        let inserts = tracker.pending();
        if run_before(tracker, done, inserts, Moments::BEFORE_INSERT)? {
            continue;
        }
        let collected = collect(tracker, false)?;
        if !collected.unread.is_empty() {
            return Ok(Box::new(FlushPlan { unread: collected.unread, ..FlushPlan::default() }));
        }
        let updates = collected.updates.iter().map(|update| update.place).collect();
        let deletes = deleted(&collected).collect();
        let some_ran = run_before(tracker, done, updates, Moments::BEFORE_UPDATE)?
            | run_before(tracker, done, deletes, Moments::BEFORE_DELETE)?;
        if !some_ran {
            return plan_collected(tracker, dialect, now, collected);
        }
    }
    let message = format!(
        "before-hooks made new work for more than {ROUNDS} rounds: does a `before_insert` bring in a new entity each time?"
    );
    Err(Error::build(message))
}

/// Runs the hooks of rows that have not had theirs. Answers whether there were any.
fn run_before(
    tracker: &mut Tracker,
    done: &mut HashSet<Place>,
    rows: Vec<Place>,
    moment: Moments,
) -> Result<bool> {
    let mut some_ran = false;
    for row in rows {
        if tracker.arena(row.arena).moments().contains(moment) && done.insert(row) {
            // It is collected again in any case, and a hook that panics leaves no marks of this plan behind.
            tracker.spare();
            run_hooks(tracker, row, moment)?;
            some_ran = true;
        }
    }
    Ok(some_ran)
}

/// Runs the hooks of one moment on one entity.
pub(crate) fn run_hooks(tracker: &mut Tracker, row: Place, moment: Moments) -> Result<()> {
    tracker.arena_mut(row.arena).run_hooks(row.slot, moment).map_err(|error| {
        let arena = tracker.arena(row.arena);
        Error::hook(moment.name(), Some((arena.meta().name, arena.key_text(row.slot))), error)
    })
}

/// The rows whose entities are deleted: by the program, by the database along with those, or for another entity that
/// takes the row over.
fn deleted(collected: &Collected) -> impl Iterator<Item = Place> {
    let mut cascaded: Vec<Place> = collected.effects.cascaded.keys().copied().collect();
    cascaded.sort_unstable();
    let switched = collected.switches.iter().map(|switch| switch.old);
    switched.chain(collected.deletes.iter().copied()).chain(cascaded)
}

impl FlushPlan {
    /// The rows that have after-hooks, in the order in which they are written.
    pub(crate) fn hooks_after(&self, tracker: &Tracker) -> Vec<(Place, Moments)> {
        if !tracker.moments().meets(Moments::AFTER_ROWS) {
            return Vec::new();
        }
        let mut rows: Vec<(Place, Moments)> = Vec::new();
        for origin in &self.origins {
            let (written, moment) = match origin {
                Origin::Insert { rows, .. } | Origin::Switch { rows, .. } => (rows, Moments::AFTER_INSERT),
                Origin::Update { rows, .. } => (rows, Moments::AFTER_UPDATE),
                Origin::Delete { rows } => (rows, Moments::AFTER_DELETE),
                _ => continue,
            };
            rows.extend(written.iter().map(|&row| (row, moment)));
        }
        rows.extend(self.switches.iter().map(|switch| (switch.old, Moments::AFTER_DELETE)));
        let mut cascaded: Vec<Place> = self.effects.cascaded.keys().copied().collect();
        cascaded.sort_unstable();
        rows.extend(cascaded.into_iter().map(|row| (row, Moments::AFTER_DELETE)));
        rows.retain(|(row, moment)| tracker.arena(row.arena).moments().contains(*moment));
        rows
    }
}

/// The relations by which the database deletes rows along with those of an entity, as far as hooks of deletes are there
/// or further on.
pub(crate) fn cascades_to_hooks(tracker: &Tracker, meta: &'static EntityMeta) -> Vec<&'static RelationMeta> {
    let cascades = |meta| references_to(tracker, meta).into_iter().filter(|relation| is_cascade(relation));
    let has_hooks = |relation: &&'static RelationMeta| {
        let mut met = vec![(relation.source)()];
        let mut next = 0;
        while let Some(&entity) = met.get(next) {
            next += 1;
            if tracker.moments_of(entity).meets(Moments::DELETES) {
                return true;
            }
            for further in cascades(entity) {
                let source = (further.source)();
                if !met.iter().any(|known| known.is(source)) {
                    met.push(source);
                }
            }
        }
        false
    };
    cascades(meta).filter(has_hooks).collect()
}

fn is_cascade(relation: &RelationMeta) -> bool {
    matches!(relation.kind, RelationKind::BelongsTo { on_delete: Some(OnDelete::Cascade), .. })
}
