//! The places of members in collections that keep them in a column: `position = ..`.
//!
//! The order in memory is the order that is stored: members are numbered from 0, and only a number that differs is written.
//! What joins from its own side comes last. A collection that is not loaded is read before something is put behind its end.

use std::collections::HashMap;

use orm_core::entity::{RelationKind, RelationMeta};
use orm_core::relation::{Link, ManyLink, ManyState};
use orm_core::{Cells, ValueRef};

use super::orphans::{Unread, note_unread};
use crate::state::State;
use crate::tracker::{Place, Tracker, collections_of};

/// Writes the places of members into their columns. Collections whose members are not known are noted as unread.
pub(super) fn write_positions(tracker: &mut Tracker, unread: &mut Unread) {
    let has_positions = |relation: &RelationMeta| relation.members.position.is_some();
    // A parent that is not tracked has no members that could be numbered.
    if !tracker.arenas().any(|(_, arena)| arena.meta().relations.iter().any(has_positions)) {
        return;
    }
    let mut touched = tracker.touched_with_relations();
    let mut left = Vec::new();
    for &place in &touched {
        for relation in tracker.arena(place.arena).meta().relations {
            if matches!(relation.kind, RelationKind::BelongsTo { .. }) {
                note_left(tracker, place, relation, &mut left);
            }
        }
    }
    touched.retain(|&place| tracker.state(place).is_live());
    for &place in &touched {
        for relation in tracker.arena(place.arena).meta().relations {
            number(tracker, place, relation, unread);
        }
    }
    for (parent, position) in left {
        close_gaps(tracker, parent, &tracker.arena(parent.arena).meta().relations[position]);
    }
    let mut next = NextPlaces::new();
    for place in touched {
        for relation in tracker.arena(place.arena).meta().relations {
            if matches!(relation.kind, RelationKind::BelongsTo { .. }) {
                append(tracker, place, relation, &mut next);
            }
        }
    }
}

/// The place behind the last member, by parent and collection.
type NextPlaces = HashMap<(Place, usize), i64>;

/// Numbers the members of a collection that was written.
fn number(tracker: &mut Tracker, place: Place, relation: &'static RelationMeta, unread: &mut Unread) {
    let Some(column) = relation.members.position else { return };
    let column = column();
    let arena = tracker.arena(place.arena);
    let Link::Many(link) = arena.link(place.slot, relation.position) else { return };
    if let Some(Link::Many(image)) = arena.image_link(place.slot, relation.position)
        && link.shares(image)
    {
        return;
    }
    match link.state() {
        ManyState::NotLoaded if link.added().is_empty() => return,
        ManyState::NotLoaded | ManyState::Partial => return note_unread(unread, relation, place.slot),
        _ => {}
    }
    for (at, member) in live_members(tracker, link, relation).into_iter().enumerate() {
        set_position(tracker, member, column, at as i64);
    }
}

/// Notes the ordered collection that an entity leaves by its own link.
fn note_left(
    tracker: &Tracker,
    child: Place,
    relation: &'static RelationMeta,
    left: &mut Vec<(Place, usize)>,
) {
    for position in collections_of(relation) {
        if (relation.target)().relations[position].members.position.is_none() {
            continue;
        }
        let arena = tracker.arena(child.arena);
        let Some(before) = arena.image_link(child.slot, relation.position) else { continue };
        let Some(parent) = tracker.target_of(&before, relation) else { continue };
        let stays = tracker.leads_to(&arena.link(child.slot, relation.position), parent);
        if !stays && tracker.state(parent).is_live() && !left.contains(&(parent, position)) {
            left.push((parent, position));
        }
    }
}

/// Numbers those of a loaded collection that still lead to its owner.
fn close_gaps(tracker: &mut Tracker, parent: Place, relation: &'static RelationMeta) {
    let Some(column) = relation.members.position else { return };
    let RelationKind::HasMany { inverse } = relation.kind else { return };
    let column = column();
    let Link::Many(link) = tracker.arena(parent.arena).link(parent.slot, relation.position) else { return };
    if link.state() == ManyState::NotLoaded {
        return;
    }
    let mut members = live_members(tracker, link, relation);
    members.retain(|&member| {
        tracker.leads_to(&tracker.arena(member.arena).link(member.slot, inverse().position), parent)
    });
    for (at, member) in members.into_iter().enumerate() {
        set_position(tracker, member, column, at as i64);
    }
}

/// Puts an entity that leads to another parent than before behind the members that this one is known to have.
fn append(tracker: &mut Tracker, child: Place, relation: &'static RelationMeta, next: &mut NextPlaces) {
    for position in collections_of(relation) {
        let collection = &(relation.target)().relations[position];
        let Some(column) = collection.members.position else { continue };
        let column = column();
        let arena = tracker.arena(child.arena);
        let target = tracker.target_of(&arena.link(child.slot, relation.position), relation);
        let before = arena.image_link(child.slot, relation.position);
        let before = before.and_then(|before| tracker.target_of(&before, relation));
        let is_new = tracker.state(child) == State::Pending;
        let Some(parent) =
            target.filter(|target| is_new || (arena.is_dirty(child.slot) && before != Some(*target)))
        else {
            continue;
        };
        let Link::Many(link) = tracker.arena(parent.arena).link(parent.slot, position) else { continue };
        if !matches!(link.state(), ManyState::Loaded | ManyState::Replaced)
            || link.contains(tracker.handle(child))
        {
            continue;
        }
        let place = next.entry((parent, position)).or_insert_with(|| {
            let members = live_members(tracker, link, collection).into_iter();
            members.map(|member| position_of(tracker, member, column) + 1).max().unwrap_or(0)
        });
        let at = *place;
        *place += 1;
        set_position(tracker, child, column, at);
    }
}

fn live_members(tracker: &Tracker, link: &dyn ManyLink, relation: &'static RelationMeta) -> Vec<Place> {
    let members = link.members().into_iter();
    let places = members.filter_map(|member| tracker.place(member, (relation.target)()).ok());
    places.filter(|&member| tracker.state(member).is_live()).collect()
}

fn position_of(tracker: &Tracker, member: Place, column: usize) -> i64 {
    let mut cells = Cells::default();
    tracker.arena(member.arena).encode(member.slot, column, &mut cells);
    match cells.value(0) {
        ValueRef::Int(at) => at,
        _ => -1,
    }
}

fn set_position(tracker: &mut Tracker, member: Place, column: usize, at: i64) {
    if position_of(tracker, member, column) != at {
        let arena = tracker.arena_mut(member.arena);
        arena.touch(member.slot);
        arena.assign(member.slot, column, ValueRef::Int(at));
    }
}
