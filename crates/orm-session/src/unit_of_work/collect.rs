//! What changed: takes new values in, brings the two sides of relations together, compares values with images.

use std::collections::HashMap;
use std::ops::Range;

use orm_core::entity::{RelationKind, RelationMeta};
use orm_core::expr::Node;
use orm_core::relation::{Link, LinkMut, OneState};
use orm_core::stmt::check_value;
use orm_core::{Error, Result};

use super::delete::{DeleteEffects, effects_of_deletes, has_effect};
use super::keys::{is_coming, learn_key_links, refuse_equal_coming_keys};
use super::link_rows::{Stood, match_link_entities, unlink_switched};
use super::links::{Pair, Pairs, sync_collections};
use super::orphans::{Unread, doom_orphans};
use super::positions::write_positions;
use super::rename::write_links_to_taken_keys;
use crate::state::State;
use crate::tracker::{Place, Tracker, collections_of};

/// All that a flush has to write, before it is put in order.
#[derive(Default)]
pub(super) struct Collected {
    /// In the order of `add`.
    pub(super) inserts: Vec<Place>,
    pub(super) updates: Vec<Update>,
    /// The columns that the updates point into.
    pub(super) columns: Vec<u16>,
    pub(super) deletes: Vec<Place>,
    /// Added with the key of an entity that is deleted: one row that changes, not one that goes and one that comes.
    pub(super) switches: Vec<Switch>,
    pub(super) pairs: Pairs,
    /// Links to entities whose key the database has yet to assign.
    pub(super) unresolved: HashMap<Place, Vec<Unresolved>>,
    pub(super) moves: Vec<Move>,
    pub(super) effects: DeleteEffects,
    /// Columns that are set to SQL expressions. Each such row is a statement of its own.
    pub(super) expressed: Expressed,
    /// Pairs that entities of tables of links stop to stand for.
    pub(super) left: Vec<Stood>,
    /// Collections that have to be read before the rest can be told.
    pub(super) unread: Unread,
}

impl Collected {
    /// Some of the deleted rows go along with another one instead.
    pub(super) fn go_along(&mut self, along: &[(Place, Place)]) {
        if along.is_empty() {
            return;
        }
        let along: HashMap<Place, Place> = along.iter().copied().collect();
        let DeleteEffects { cascaded, emptied, emptied_columns, .. } = &mut self.effects;
        self.deletes.retain(|row| !along.contains_key(row));
        // What went with one of them goes where that one goes.
        let roots = cascaded.values_mut();
        let roots = roots.chain(emptied.iter_mut().chain(emptied_columns).map(|emptied| &mut emptied.root));
        for root in roots {
            *root = along.get(root).copied().unwrap_or(*root);
        }
        cascaded.extend(along);
    }
}

/// The expressions of rows, by column.
pub(super) type Expressed = HashMap<Place, Vec<(u16, Node)>>;

impl Collected {
    /// The updates, those that follow each other and write the same columns of one table together: what is asked of them
    /// is asked once.
    pub(super) fn alike_updates(&self) -> impl Iterator<Item = &[Update]> {
        self.updates.chunk_by(|a, b| a.place.arena == b.place.arena && a.columns == b.columns)
    }

    /// Adds columns to the update of a row, or an update of these columns.
    pub(super) fn write_too(&mut self, place: Place, columns: &[usize]) {
        let known = self.updates.iter().position(|update| update.place == place);
        let before = known.map_or(0..0, |at| self.updates[at].columns.clone());
        let mut written = self.columns[before].to_vec();
        written.extend(columns.iter().map(|&column| column as u16));
        written.sort_unstable();
        written.dedup();
        let start = self.columns.len();
        self.columns.append(&mut written);
        let columns = start..self.columns.len();
        match known {
            Some(at) => self.updates[at].columns = columns,
            None => self.updates.push(Update { place, columns }),
        }
    }
}

/// A row with changed columns.
pub(super) struct Update {
    pub(super) place: Place,
    pub(super) columns: Range<usize>,
}

/// A new value for the row of a deleted entity.
#[derive(Clone, Copy, Debug)]
pub(super) struct Switch {
    pub(super) new: Place,
    pub(super) old: Place,
}

/// A link whose key comes from an INSERT of the same flush.
#[derive(Clone, Copy, Debug)]
pub(super) struct Unresolved {
    pub(super) relation: &'static RelationMeta,
    pub(super) target: Place,
}

/// A child whose parent changed, for the parents' collections.
#[derive(Clone, Copy, Debug)]
pub(super) struct Move {
    pub(super) child: Place,
    pub(super) relation: &'static RelationMeta,
    pub(super) from: Option<Place>,
    pub(super) to: Option<Place>,
}

/// Collects what a flush has to write; `as_known`, without what would have to be read first.
///
/// # Errors
/// A flush error for work that contradicts itself. The session stays as it is; nothing was sent.
pub(super) fn collect(tracker: &mut Tracker, as_known: bool) -> Result<Collected> {
    tracker.take_given_back();
    let touched = tracker.touched_with_relations();
    tracker.take_in(touched);
    let touched = tracker.touched_with_relations();
    let pairs = sync_collections(tracker, &touched)?;
    let mut collected = Collected { pairs, ..Collected::default() };
    doom_orphans(tracker, &collected.pairs, &mut collected.unread)?;
    write_positions(tracker, &mut collected.unread);
    if !collected.unread.is_empty() && !as_known {
        return Ok(collected);
    }

    // Bringing the sides together touched more.
    let touched = tracker.touched_with_relations();
    for place in touched {
        if tracker.state(place).is_live() {
            resolve_links(tracker, place, &mut collected)?;
        }
    }
    collected.inserts = tracker.pending();
    collected.deletes = [tracker.deleting(), tracker.doomed_rows()].concat();
    let goes = |place: Place| tracker.doomed().any(|doomed| doomed == place);
    collected.pairs.added.retain(|pair| !goes(pair.source) && !goes(pair.target));
    for &place in &collected.deletes {
        for relation in tracker.arena(place.arena).meta().relations {
            note_leave(tracker, place, relation, &mut collected.moves);
        }
    }
    compare_images(tracker, &mut collected)?;
    match_keys(tracker, &mut collected)?;
    write_links_to_taken_keys(tracker, &mut collected);
    express_new_rows(tracker, &mut collected)?;
    collected.effects = effects_of_deletes(tracker, &collected.deletes);
    collected.left = match_link_entities(tracker, &mut collected);
    unlink_switched(tracker, &mut collected);
    leave_out_cascaded(&mut collected);
    Ok(collected)
}

/// Rows that the database deletes along with others are not written before.
fn leave_out_cascaded(collected: &mut Collected) {
    let Collected { effects, updates, pairs, .. } = collected;
    if effects.cascaded.is_empty() {
        return;
    }
    updates.retain(|update| !effects.cascaded.contains_key(&update.place));
    let stays = |pair: &Pair| {
        !effects.cascaded.contains_key(&pair.source) && !effects.cascaded.contains_key(&pair.target)
    };
    pairs.added.retain(stays);
    pairs.removed.retain(stays);
}

/// Gives every link of an entity the key of its target, as far as it is known.
fn resolve_links(tracker: &mut Tracker, place: Place, collected: &mut Collected) -> Result<()> {
    let meta = tracker.arena(place.arena).meta();
    for relation in meta.relations {
        let RelationKind::BelongsTo { nullable, .. } = relation.kind else { continue };
        let arena = tracker.arena(place.arena);
        let link = arena.link(place.slot, relation.position);
        let Link::One(one) = &link else { continue };
        match one.state() {
            OneState::Handle(handle, Some(_))
                if handle.session == tracker.session()
                    && tracker.place(handle, (relation.target)()).is_err() =>
            {
                // The target was detached: its key is as good.
                if let LinkMut::One(one) =
                    tracker.arena_mut(place.arena).link_mut(place.slot, relation.position)
                {
                    one.forget_handle();
                }
            }
            OneState::Handle(handle, _) => {
                let target = tracker
                    .place(handle, (relation.target)())
                    .map_err(|wrong| tracker.fault(place, format!("`{}` is {wrong}", relation.name)))?;
                if !tracker.state(target).is_live() {
                    if goes_along(tracker, place, relation, target) {
                        continue;
                    }
                    let target = tracker.describe(target);
                    let message = format!(
                        "`{}` refers to {target}, which is being deleted: delete this one too, or give it another",
                        relation.name
                    );
                    return Err(tracker.fault(place, message));
                }
                learn_key_links(tracker, target);
                let key = tracker.arena(target.arena).key(target.slot);
                if key.is_none() {
                    collected.unresolved.entry(place).or_default().push(Unresolved { relation, target });
                }
                if let LinkMut::One(one) =
                    tracker.arena_mut(place.arena).link_mut(place.slot, relation.position)
                {
                    one.set_handle(handle, key.as_deref());
                }
            }
            OneState::Empty if !nullable => {
                let (field, target) = (relation.name, (relation.target)().name);
                let message = format!(
                    "`{field}` is empty, and its column may not be NULL: assign a {target}, make the field a \
                     `BelongsTo<Option<{target}>>`, or delete the entity"
                );
                return Err(tracker.fault(place, message));
            }
            OneState::Empty | OneState::Key(_) | OneState::New => {}
        }
        note_move(tracker, place, relation, &mut collected.moves);
    }
    Ok(())
}

/// Whether the database does the right thing with a row whose target is deleted: it led there before, too, and has an
/// action for it.
fn goes_along(tracker: &Tracker, place: Place, relation: &'static RelationMeta, target: Place) -> bool {
    let image = tracker.arena(place.arena).image_link(place.slot, relation.position);
    tracker.state(place) == State::Persistent
        && image.is_none_or(|image| tracker.leads_to(&image, target))
        && has_effect(relation)
}

fn note_move(tracker: &Tracker, child: Place, relation: &'static RelationMeta, moves: &mut Vec<Move>) {
    if collections_of(relation).next().is_none() {
        return;
    }
    let arena = tracker.arena(child.arena);
    let to = tracker.target_of(&arena.link(child.slot, relation.position), relation);
    let image = arena.image_link(child.slot, relation.position);
    let from = image.and_then(|link| tracker.target_of(&link, relation));
    if from != to {
        moves.push(Move { child, relation, from, to });
    }
}

/// A row that is deleted leaves the parent that it had in the database, too, where a write of its link had moved it.
fn note_leave(tracker: &Tracker, child: Place, relation: &'static RelationMeta, moves: &mut Vec<Move>) {
    let image = tracker.arena(child.arena).image_link(child.slot, relation.position);
    if let Some(from) = image.and_then(|link| tracker.target_of(&link, relation)) {
        moves.push(Move { child, relation, from: Some(from), to: None });
    }
}

/// Finds rows that switch their entity, and refuses two live entities of one key.
fn match_keys(tracker: &Tracker, collected: &mut Collected) -> Result<()> {
    let rekeyed: Vec<Place> = rekeyed(tracker, collected).collect();
    let Collected { inserts, deletes, switches, unresolved, .. } = collected;
    let mut coming: Vec<Place> = rekeyed.iter().copied().filter(|&row| is_coming(unresolved, row)).collect();
    let mut keyed: Vec<u32> = rekeyed.iter().map(|place| place.arena).collect();
    for &Place { arena, slot } in &rekeyed {
        let other = tracker.arena(arena).find_same_key(slot).filter(|&other| other != slot);
        let Some(other) = other.map(|slot| Place { arena, slot }) else { continue };
        // Another one that gives the key up in the same flush does so first.
        if tracker.state(other).is_live() && tracker.arena(arena).equal_keys(&[other.slot, slot]).is_some() {
            let message = format!("its new key is that of {}: give it another", tracker.describe(other));
            return Err(tracker.fault(Place { arena, slot }, message));
        }
    }
    for &new in inserts.iter() {
        let arena = tracker.arena(new.arena);
        if !arena.is_keyed(new.slot) {
            if is_coming(unresolved, new) {
                coming.push(new);
            } else if !arena.meta().auto_key {
                return Err(tracker.fault(new, "the key is not set: give it a value before it is added"));
            }
            continue;
        }
        keyed.push(new.arena);
        let Some(slot) = arena.find_same_key(new.slot) else { continue };
        let old = Place { arena: new.arena, slot };
        match tracker.state(old) {
            State::Deleting => switches.push(Switch { new, old }),
            // The row with this key is given another one by the same flush, first.
            _ if arena.equal_keys(&[slot, new.slot]).is_none() => {}
            _ => {
                let message =
                    "another entity of this session has this key: change that one, or `delete` it first";
                return Err(tracker.fault(new, message));
            }
        }
    }
    refuse_equal_coming_keys(tracker, unresolved, &coming)?;
    keyed.sort_unstable();
    keyed.dedup();
    for arena in keyed {
        let slots: Vec<u32> = inserts
            .iter()
            .chain(&rekeyed)
            .filter(|place| place.arena == arena)
            .map(|place| place.slot)
            .collect();
        if let Some((_, slot)) = tracker.arena(arena).equal_keys(&slots) {
            let message = "two entities of this session would have this key: give one of them another";
            return Err(tracker.fault(Place { arena, slot }, message));
        }
    }
    if !switches.is_empty() {
        inserts.retain(|place| !switches.iter().any(|switch| switch.new == *place));
        deletes.retain(|place| !switches.iter().any(|switch| switch.old == *place));
    }
    Ok(())
}

/// The rows whose key changes.
pub(super) fn rekeyed<'a>(
    tracker: &'a Tracker,
    collected: &'a Collected,
) -> impl Iterator<Item = Place> + use<'a> {
    let changed = collected.alike_updates().filter(|updates| {
        let key = tracker.arena(updates[0].place.arena).meta().key;
        let columns = &collected.columns[updates[0].columns.clone()];
        columns.iter().any(|&column| key.contains(&usize::from(column)))
    });
    changed.flatten().map(|update| update.place)
}

/// Finds the columns in which values differ from their rows.
fn compare_images(tracker: &Tracker, collected: &mut Collected) -> Result<()> {
    let Collected { updates, columns, unresolved, expressed, .. } = collected;
    let has_expressions = tracker.has_expressions();
    for (index, arena) in tracker.arenas() {
        let (version, generated) =
            (arena.meta().version.map(|version| version as u16), arena.meta().generated);
        updates.reserve(arena.dirty());
        arena.compare_images(&mut |slot, is_keyed, changed| {
            let place = Place { arena: index, slot };
            if version.is_some_and(|version| changed.contains(&version)) {
                let message = "the version was written: it is counted by the flush, leave it alone";
                return Err(tracker.fault(place, message));
            }
            if !is_keyed && !is_coming(unresolved, place) {
                return Err(tracker.fault(place, "the key of a stored row was unset: give it a value"));
            }
            if let Some(links) = unresolved.get(&place) {
                add_unresolved(links, changed);
            }
            if let Some(&column) = generated.iter().find(|&&column| changed.contains(&(column as u16))) {
                return Err(computed(tracker, place, column));
            }
            if has_expressions {
                add_expressions(tracker, place, changed, expressed);
            }
            if !changed.is_empty() {
                updates.push(Update { place, columns: keep(columns, updates.last(), changed) });
            }
            Ok(())
        })?;
    }
    Ok(())
}

/// A link to an entity without a key reads as NULL: it is a change all the same.
fn add_unresolved(links: &[Unresolved], changed: &mut Vec<u16>) {
    for unresolved in links {
        if let RelationKind::BelongsTo { columns, .. } = unresolved.relation.kind {
            changed.extend(columns.iter().map(|&column| column as u16));
        }
    }
    changed.sort_unstable();
    changed.dedup();
}

/// A column that is set to an expression is a change, though the field shows none.
fn add_expressions(tracker: &Tracker, place: Place, changed: &mut Vec<u16>, expressed: &mut Expressed) {
    let expressions = tracker.expressions_of(place);
    if expressions.is_empty() {
        return;
    }
    changed.extend(expressions.iter().map(|(column, _)| *column));
    changed.sort_unstable();
    changed.dedup();
    expressed.insert(place, expressions);
}

/// Expressions of rows that are inserted, or that take the place of a deleted entity's.
fn express_new_rows(tracker: &Tracker, collected: &mut Collected) -> Result<()> {
    let Collected { inserts, switches, expressed, .. } = collected;
    if tracker.has_expressions() {
        for &place in inserts.iter().chain(switches.iter().map(|switch| &switch.new)) {
            let meta = tracker.arena(place.arena).meta();
            let expressions = tracker.expressions_of(place);
            for (column, node) in &expressions {
                // It may have been set while the row was thought to be stored.
                check_value(meta, usize::from(*column), node, true)
                    .map_err(|error| tracker.fault(place, error.to_string()))?;
            }
            if !expressions.is_empty() {
                expressed.insert(place, expressions);
            }
        }
    }
    // The row is there, with its values: it takes the defaults that an INSERT would have given.
    for &Switch { new, .. } in switches.iter() {
        let arena = tracker.arena(new.arena);
        let (meta, (_, unset)) = (arena.meta(), arena.given(new.slot));
        for (bit, &column) in meta.server_defaults.iter().enumerate() {
            let own = expressed.get(&new).is_some_and(|own| own.iter().any(|own| own.0 == column as u16));
            if unset & (1 << bit) != 0 && !own {
                expressed.entry(new).or_default().push((column as u16, Node::default_of(meta, column)));
            }
        }
    }
    Ok(())
}

#[cold]
fn computed(tracker: &Tracker, place: Place, column: usize) -> Error {
    let column = &tracker.arena(place.arena).meta().columns[column];
    let message = format!(
        "`{}` was written, and the database computes it ({}): write what it is computed from, or `refresh`",
        column.field,
        column.generated.unwrap_or_default()
    );
    tracker.fault(place, message)
}

/// Keeps the columns of an update. Rows in a row mostly change the same: those share them.
fn keep(columns: &mut Vec<u16>, last: Option<&Update>, changed: &[u16]) -> Range<usize> {
    match last {
        Some(last) if columns[last.columns.clone()] == *changed => last.columns.clone(),
        _ => {
            columns.extend_from_slice(changed);
            columns.len() - changed.len()..columns.len()
        }
    }
}
