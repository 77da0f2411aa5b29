//! Keys, and other columns that rows refer to, that change: what refers to them follows.
//!
//! In the database that is ON UPDATE CASCADE. Here the same is done to what the session tracks; and a later statement
//! of the same flush that names a row by its key must name it by the one that it has by then.

use std::collections::{HashMap, HashSet};

use orm_core::Cells;
use orm_core::entity::{EntityMeta, RelationKind};
use orm_core::relation::{Link, OneState};

use super::collect::{Collected, rekeyed};
use super::operations::columns_of;
use super::order::{ForeignKey, foreign_keys, stored};
use crate::state::State;
use crate::tracker::{Followed, Place, Tracker};

/// What a flush renames, as seen from the rows that refer to it.
#[derive(Default)]
pub(super) struct Renames {
    /// For each foreign key of a tracked entity that leads to something renamed: who had which values before.
    referring: Vec<Referring>,
}

struct Referring {
    arena: u32,
    key: ForeignKey,
    /// The columns referred to, as they were, to the row that had them.
    before: HashMap<Vec<u8>, Place>,
}

impl Renames {
    /// Looks through the updates of a flush. Costs next to nothing where none writes a unique column.
    pub(super) fn of(tracker: &Tracker, collected: &Collected) -> Self {
        let renamed: Vec<(Place, &[u16])> = collected
            .alike_updates()
            .filter(|updates| {
                let meta = tracker.arena(updates[0].place.arena).meta();
                let columns = columns_of(collected, &updates[0].columns);
                columns.iter().any(|&column| meta.is_in_unique_value(usize::from(column)))
            })
            .flatten()
            .map(|update| (update.place, columns_of(collected, &update.columns)))
            .collect();
        let mut renames = Self::default();
        if renamed.is_empty() {
            return renames;
        }
        for (index, arena) in tracker.arenas() {
            for key in following_keys(arena.meta()) {
                let target = key.target.index.get() as u32;
                let is_renamed = |columns: &[u16]| {
                    columns.iter().any(|&column| key.referred.contains(&usize::from(column)))
                };
                let of_target =
                    renamed.iter().filter(|(row, columns)| row.arena == target && is_renamed(columns));
                let before = of_target.filter_map(|&(row, _)| {
                    Some((stored(tracker.arena(row.arena), row.slot, &key.referred, true)?, row))
                });
                let before: HashMap<Vec<u8>, Place> = before.collect();
                if !before.is_empty() {
                    renames.referring.push(Referring { arena: index, key, before });
                }
            }
        }
        renames
    }

    pub(super) fn is_empty(&self) -> bool {
        self.referring.is_empty()
    }

    /// The renamed row that a stored row refers to by a column, and which of its columns it is.
    pub(super) fn behind(&self, tracker: &Tracker, row: Place, column: usize) -> Option<(Place, usize)> {
        self.referring.iter().filter(|referring| referring.arena == row.arena).find_map(|referring| {
            let at = referring.key.columns.iter().position(|&own| own == column)?;
            let value = stored(tracker.arena(row.arena), row.slot, &referring.key.columns, true)?;
            Some((*referring.before.get(&value)?, referring.key.referred[at]))
        })
    }

    /// What a stored row has in some columns once it has followed what it refers to, to compare; `None` if none of them
    /// follows.
    pub(super) fn followed(&self, tracker: &Tracker, row: Place, columns: &[usize]) -> Option<Vec<u8>> {
        if self.is_empty() {
            return None;
        }
        let mut cells = Cells::default();
        let mut follows = false;
        for &column in columns {
            match self.behind(tracker, row, column) {
                Some((target, referred)) => {
                    tracker.arena(target.arena).encode(target.slot, referred, &mut cells);
                    follows = true;
                }
                None => tracker.arena(row.arena).encode_row(row.slot, column, &mut cells),
            }
        }
        let has_null = (0..cells.len()).any(|at| cells.value(at) == orm_core::ValueRef::Null);
        (follows && !has_null).then(|| cells.fingerprint())
    }

    /// Tracked rows that refer to what was renamed follow, as the stored ones did. Those whose columns the flush wrote
    /// itself, as `is_written` says, have the new values already.
    pub(super) fn follow(
        &self,
        tracker: &mut Tracker,
        layer: Option<usize>,
        is_written: impl Fn(Place, &[usize]) -> bool,
    ) -> Vec<Followed> {
        let mut followed = Vec::new();
        for Referring { arena, key, before } in &self.referring {
            for slot in 0..tracker.arena(*arena).len() as u32 {
                let place = Place { arena: *arena, slot };
                if !tracker.state(place).is_live() || is_written(place, &key.columns) {
                    continue;
                }
                let Some(row) = stored(tracker.arena(*arena), slot, &key.columns, true) else { continue };
                if let Some(&target) = before.get(&row) {
                    let is_kept = stored(tracker.arena(*arena), slot, &key.columns, false) == Some(row);
                    let mut before = Cells::default();
                    for &column in &key.columns {
                        tracker.arena(*arena).encode_row(slot, column, &mut before);
                    }
                    follow_one(tracker, place, key, target, is_kept, layer);
                    if is_kept {
                        let handle = tracker.handle(place);
                        followed.push(Followed { place, handle, columns: key.columns.clone(), before });
                    }
                }
            }
        }
        followed
    }
}

/// A link to an entity that takes the key which another one gives up in the same flush reads as it did, and leads
/// elsewhere: its row would follow the key that is given up. So it is written.
pub(super) fn write_links_to_taken_keys(tracker: &Tracker, collected: &mut Collected) {
    let given_up: HashMap<(u32, Vec<u8>), Place> = rekeyed(tracker, collected)
        .filter_map(|row| {
            let arena = tracker.arena(row.arena);
            Some(((row.arena, stored(arena, row.slot, arena.meta().key, true)?), row))
        })
        .collect();
    if given_up.is_empty() {
        return;
    }
    for place in tracker.touched_with_relations() {
        if tracker.state(place) != State::Persistent {
            continue;
        }
        let arena = tracker.arena(place.arena);
        for relation in arena.meta().relations {
            let RelationKind::BelongsTo { columns, .. } = relation.kind else { continue };
            let link = arena.link(place.slot, relation.position);
            let by_handle = matches!(&link, Link::One(one) if matches!(one.state(), OneState::Handle(..)));
            let Some(target) = tracker.target_of(&link, relation).filter(|_| by_handle) else { continue };
            let Some(row) = stored(arena, place.slot, columns, true) else { continue };
            let is_kept = stored(arena, place.slot, columns, false).as_ref() == Some(&row);
            let renamed = given_up.get(&(target.arena, row));
            if is_kept && renamed.is_some_and(|&renamed| renamed != target) {
                collected.write_too(place, columns);
            }
        }
    }
}

/// `is_kept`: the program has not written the columns since, so that the value follows with the row.
fn follow_one(
    tracker: &mut Tracker,
    place: Place,
    key: &ForeignKey,
    target: Place,
    is_kept: bool,
    layer: Option<usize>,
) {
    let mut cells = Cells::default();
    for &column in &key.referred {
        tracker.arena(target.arena).encode_row(target.slot, column, &mut cells);
    }
    let arena = tracker.arena_mut(place.arena);
    if let Some(layer) = layer {
        arena.save_undo(place.slot, layer);
    }
    // The identity map knows the row by its key, of which the columns may be a part.
    arena.unmap(place.slot);
    for (at, &column) in key.columns.iter().enumerate() {
        match is_kept {
            true => arena.assign_row(place.slot, column, cells.value(at)),
            false => arena.assign_image(place.slot, column, cells.value(at)),
        }
    }
    arena.remap(place.slot);
}

/// The foreign keys of an entity that follow what they refer to; with those that lead on from there: a row that refers to
/// a key which is itself made of a foreign key follows that one's target, whether or not the row between is tracked.
fn following_keys(meta: &'static EntityMeta) -> Vec<ForeignKey> {
    let mut keys: Vec<ForeignKey> = foreign_keys(meta).filter(follows).collect();
    let mut seen: HashSet<(usize, Vec<usize>, Vec<usize>)> = keys.iter().map(identity).collect();
    let mut next = 0;
    while let Some(key) = keys.get(next) {
        let mut further = Vec::new();
        for onward in foreign_keys(key.target).filter(follows) {
            let own = |column: &usize| Some(key.columns[key.referred.iter().position(|at| at == column)?]);
            let Some(columns) = onward.columns.iter().map(own).collect::<Option<Vec<usize>>>() else {
                continue;
            };
            let composed = ForeignKey { columns, relation: None, nullable: key.nullable, ..onward };
            if seen.insert(identity(&composed)) {
                further.push(composed);
            }
        }
        keys.extend(further);
        next += 1;
    }
    keys
}

fn identity(key: &ForeignKey) -> (usize, Vec<usize>, Vec<usize>) {
    (key.target.index.get(), key.columns.clone(), key.referred.clone())
}

/// A key that the database assigns is not followed.
fn follows(key: &ForeignKey) -> bool {
    !(key.target.auto_key && key.referred == key.target.key)
}
