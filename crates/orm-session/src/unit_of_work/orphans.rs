//! Members that go because they have no parent any more: `delete_orphan`.
//!
//! - A member that lost its parent and was given no other is deleted; one that was never stored is left out.
//! - When a parent is deleted, its members go too. Where the member's `belongs_to` has an action (`on_delete = ..`), that is
//!   the database's work; otherwise each member has a DELETE of its own, so all of them must be known, and what a
//!   collection that is not loaded has is read before the plan is made.
//!
//! What goes is marked in the tracker while the plan is made, so that the rest of planning sees it as it sees what the
//! program deleted itself.

use std::collections::HashSet;

use orm_core::Result;
use orm_core::entity::{EntityMeta, OnDelete, RelationKind, RelationMeta};
use orm_core::handle::RawHandle;
use orm_core::relation::{Link, ManyLink, ManyState};

use super::links::{Pair, Pairs};
use crate::events::Moments;
use crate::state::State;
use crate::tracker::{Place, Tracker, collections_of, is_empty, other_side};

/// Collections that must be read before a plan can be made: the relation, and the slots of its source.
pub(crate) type Unread = Vec<(&'static RelationMeta, Vec<u32>)>;

/// Adds the collection of one entity.
pub(super) fn note_unread(unread: &mut Unread, relation: &'static RelationMeta, slot: u32) {
    match unread.iter_mut().find(|(known, _)| std::ptr::eq(*known, relation)) {
        Some((_, slots)) if slots.contains(&slot) => {}
        Some((_, slots)) => slots.push(slot),
        None => unread.push((relation, vec![slot])),
    }
}

/// Marks all that goes for want of a parent. Collections whose members are not known are noted as unread.
///
/// # Errors
/// If a member of a many-to-many relation would have two parents.
pub(super) fn doom_orphans(tracker: &mut Tracker, pairs: &Pairs, unread: &mut Unread) -> Result<()> {
    if !tracker.arenas().any(|(_, arena)| is_concerned(arena.meta())) {
        return Ok(());
    }
    check_single_parents(tracker, pairs)?;
    let touched = tracker.touched_with_relations();
    for &place in &touched {
        if lost_its_parent(tracker, place) && !is_added(pairs, place) {
            tracker.doom(place);
        }
    }
    for (member, _) in pairs.removed.iter().filter_map(member_of_pair) {
        let stays = is_added(pairs, member) || tracker.state(member) != State::Persistent;
        if !stays && !gained_a_parent(tracker, member) {
            tracker.doom(member);
        }
    }
    for member in left_before_stored(tracker, &touched) {
        if !is_added(pairs, member) {
            tracker.doom(member);
        }
    }
    doom_members(tracker, pairs, unread);
    Ok(())
}

/// Whether an entity can be an orphan, or have some.
fn is_concerned(meta: &'static EntityMeta) -> bool {
    meta.relations.iter().any(|relation| match relation.kind {
        RelationKind::BelongsTo { .. } => is_orphans_link(relation),
        _ => relation.members.delete_orphan,
    })
}

/// Whether a row without this link is an orphan.
fn is_orphans_link(relation: &'static RelationMeta) -> bool {
    collections_of(relation).any(|position| (relation.target)().relations[position].members.delete_orphan)
}

fn orphans_links(tracker: &Tracker, place: Place) -> impl Iterator<Item = &'static RelationMeta> + use<> {
    let relations = tracker.arena(place.arena).meta().relations.iter();
    relations.filter(|relation| {
        matches!(relation.kind, RelationKind::BelongsTo { .. }) && is_orphans_link(relation)
    })
}

/// Whether a stored row gave up a parent by one of its links, and got none by another.
fn lost_its_parent(tracker: &Tracker, place: Place) -> bool {
    tracker.state(place) == State::Persistent
        && orphans_links(tracker, place).any(|relation| {
            let arena = tracker.arena(place.arena);
            let before = arena.image_link(place.slot, relation.position);
            before.is_some_and(|before| !is_empty(&before))
                && is_empty(&arena.link(place.slot, relation.position))
        })
        && !gained_a_parent(tracker, place)
}

/// Whether a link of a stored row leads to a parent, and to another one than it did.
fn gained_a_parent(tracker: &Tracker, place: Place) -> bool {
    orphans_links(tracker, place).any(|relation| {
        let arena = tracker.arena(place.arena);
        let now = arena.link(place.slot, relation.position);
        let Some(before) = arena.image_link(place.slot, relation.position) else { return false };
        let target = tracker.target_of(&now, relation);
        !is_empty(&now) && (is_empty(&before) || target != tracker.target_of(&before, relation))
    })
}

/// The member of a pair whose relation deletes orphans, and its parent.
fn member_of_pair(pair: &Pair) -> Option<(Place, Place)> {
    if pair.relation.members.delete_orphan {
        return Some((pair.target, pair.source));
    }
    let other = other_side(pair.relation)?;
    other.members.delete_orphan.then_some((pair.source, pair.target))
}

fn is_added(pairs: &Pairs, member: Place) -> bool {
    pairs.added.iter().filter_map(member_of_pair).any(|(added, _)| added == member)
}

/// New members that left a collection again before any flush.
fn left_before_stored(tracker: &Tracker, touched: &[Place]) -> Vec<Place> {
    let mut found = Vec::new();
    for &place in touched {
        let arena = tracker.arena(place.arena);
        for relation in arena.meta().relations.iter().filter(|relation| relation.members.delete_orphan) {
            let Link::Many(link) = arena.link(place.slot, relation.position) else { continue };
            let left = link.left();
            if left.is_empty() {
                continue;
            }
            let members: HashSet<RawHandle> = link.members().into_iter().collect();
            let left = left.into_iter().filter(|left| !members.contains(left));
            let left = left.filter_map(|left| tracker.place(left, (relation.target)()).ok());
            found.extend(left.filter(|&left| {
                tracker.state(left) == State::Pending
                    && orphans_links(tracker, left).all(|relation| {
                        is_empty(&tracker.arena(left.arena).link(left.slot, relation.position))
                    })
            }));
        }
    }
    found
}

/// Marks the members of what is deleted, and theirs, through as many levels as there are.
fn doom_members(tracker: &mut Tracker, pairs: &Pairs, unread: &mut Unread) {
    let mut level: Vec<Place> = tracker.deleting().iter().copied().chain(tracker.doomed()).collect();
    while !level.is_empty() {
        let mut arenas: Vec<u32> = level.iter().map(|place| place.arena).collect();
        arenas.sort_unstable();
        arenas.dedup();
        let mut next = Vec::new();
        for arena in arenas {
            let parents: Vec<Place> = level.iter().copied().filter(|place| place.arena == arena).collect();
            for relation in tracker.arena(arena).meta().relations {
                if relation.members.delete_orphan {
                    for member in members_that_go(tracker, relation, &parents, pairs, unread) {
                        if tracker.doom(member) {
                            next.push(member);
                        }
                    }
                }
            }
        }
        level = next;
    }
}

fn members_that_go(
    tracker: &Tracker,
    relation: &'static RelationMeta,
    parents: &[Place],
    pairs: &Pairs,
    unread: &mut Unread,
) -> Vec<Place> {
    let by_database = is_database_work(tracker, relation);
    let mut found: Vec<(Place, Place)> = Vec::new();
    for &parent in parents {
        let arena = tracker.arena(parent.arena);
        let Link::Many(value) = arena.link(parent.slot, relation.position) else { continue };
        let image = match arena.image_link(parent.slot, relation.position) {
            Some(Link::Many(image)) => Some(image),
            _ => None,
        };
        if !by_database && !tracker.was_pending(parent) && !is_known(value, image) {
            note_unread(unread, relation, parent.slot);
        }
        let before = image.map(|image| image.members()).unwrap_or_default();
        let members = [value.members(), value.added(), before].concat();
        let members =
            members.into_iter().filter_map(|member| tracker.place(member, (relation.target)()).ok());
        found.extend(members.map(|member| (member, parent)));
    }
    if let RelationKind::HasMany { inverse } = relation.kind {
        rows_that_lead_to(tracker, inverse(), parents, &mut found);
    }
    let goes = |&(member, parent): &(Place, Place)| match tracker.state(member) {
        State::Pending => is_with(tracker, relation, member, parent, pairs),
        State::Persistent => !by_database && is_with(tracker, relation, member, parent, pairs),
        _ => false,
    };
    found.into_iter().filter(goes).map(|(member, _)| member).collect()
}

/// Whether all members of the row are known.
fn is_known(value: &dyn ManyLink, image: Option<&dyn ManyLink>) -> bool {
    let loaded = |link: &dyn ManyLink| matches!(link.state(), ManyState::Loaded | ManyState::Replaced);
    match image {
        Some(image) if value.state() == ManyState::Replaced => loaded(image),
        None if value.state() == ManyState::Replaced => false,
        _ => loaded(value),
    }
}

/// Whether a member goes with a parent that goes: it has not been given to another one.
fn is_with(
    tracker: &Tracker,
    relation: &'static RelationMeta,
    member: Place,
    parent: Place,
    pairs: &Pairs,
) -> bool {
    let RelationKind::HasMany { inverse } = relation.kind else {
        return !pairs
            .added
            .iter()
            .filter_map(member_of_pair)
            .any(|(added, to)| added == member && to != parent);
    };
    let link = tracker.arena(member.arena).link(member.slot, inverse().position);
    is_empty(&link) || tracker.leads_to(&link, parent)
}

/// Tracked entities that lead to one of the parents, or did.
fn rows_that_lead_to(
    tracker: &Tracker,
    inverse: &'static RelationMeta,
    parents: &[Place],
    found: &mut Vec<(Place, Place)>,
) {
    let parents: HashSet<Place> = parents.iter().copied().collect();
    let source = (inverse.source)();
    let Some((index, arena)) = tracker.arenas().find(|(_, arena)| arena.meta().is(source)) else { return };
    for slot in 0..arena.len() as u32 {
        if !matches!(arena.state(slot), State::Persistent | State::Pending) {
            continue;
        }
        let links =
            [Some(arena.link(slot, inverse.position)), arena.image_link(slot, inverse.position)].into_iter();
        let targets = links.flatten().filter_map(|link| tracker.target_of(&link, inverse));
        found.extend(targets.filter(|to| parents.contains(to)).map(|to| (Place { arena: index, slot }, to)));
    }
}

/// Whether the database does to the members of a deleted parent all that is to be done: it calls no hooks.
fn is_database_work(tracker: &Tracker, relation: &'static RelationMeta) -> bool {
    fn action(relation: &RelationMeta) -> Option<OnDelete> {
        let RelationKind::HasMany { inverse } = relation.kind else { return None };
        let RelationKind::BelongsTo { on_delete, .. } = inverse().kind else { return None };
        on_delete
    }
    let mut seen: Vec<&'static RelationMeta> = vec![relation];
    let mut next = 0;
    while let Some(&relation) = seen.get(next) {
        next += 1;
        match action(relation) {
            None => return false,
            Some(OnDelete::SetNull | OnDelete::Restrict) => {}
            Some(OnDelete::Cascade) if tracker.moments_of((relation.target)()).meets(Moments::DELETES) => {
                return false;
            }
            // The members' own members go only if the database takes them, too.
            Some(OnDelete::Cascade) => {
                for below in (relation.target)().relations.iter().filter(|below| below.members.delete_orphan)
                {
                    if !seen.iter().any(|known| std::ptr::eq(*known, below)) {
                        seen.push(below);
                    }
                }
            }
        }
    }
    true
}

/// Refuses a member with two parents by a table of pairs, as far as the session knows.
fn check_single_parents(tracker: &Tracker, pairs: &Pairs) -> Result<()> {
    for pair in &pairs.added {
        let Some((member, parent)) = member_of_pair(pair) else { continue };
        let relation = match pair.relation.members.delete_orphan {
            true => pair.relation,
            false => other_side(pair.relation).unwrap_or(pair.relation),
        };
        let others = pairs.added.iter().filter_map(member_of_pair);
        let other = others
            .filter(|(other, _)| *other == member)
            .map(|(_, parent)| parent)
            .find(|other| *other != parent);
        if let Some(other) = other.or_else(|| other_holder(tracker, relation, member, parent, pairs)) {
            let (a, b) = (tracker.describe(parent), tracker.describe(other));
            let message = format!(
                "it is in `{}` of {a} and of {b}: with `delete_orphan` it has one parent; take it out of one of them",
                relation.name
            );
            return Err(tracker.fault(member, message));
        }
    }
    Ok(())
}

/// Another entity whose loaded collection has the member, and keeps it.
fn other_holder(
    tracker: &Tracker,
    relation: &'static RelationMeta,
    member: Place,
    parent: Place,
    pairs: &Pairs,
) -> Option<Place> {
    let (arena, handle) = (tracker.arena(parent.arena), tracker.handle(member));
    let mut holders = (0..arena.len() as u32).map(|slot| Place { arena: parent.arena, slot });
    holders.find(|&other| {
        let has = match other == parent || !arena.state(other.slot).is_live() {
            true => false,
            false => match arena.link(other.slot, relation.position) {
                Link::Many(link) => link.contains(handle),
                Link::One(_) => false,
            },
        };
        has && !pairs.removed.iter().filter_map(member_of_pair).any(|removed| removed == (member, other))
    })
}
