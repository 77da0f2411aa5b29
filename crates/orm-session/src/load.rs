//! Relations that are read along: one statement per relation, all in the query's own hop.
//!
//! ```text
//! step 0   SELECT .. FROM users ..                                   the query
//! step 1   SELECT .. FROM posts WHERE author_id IN (step 0's id)     User::POSTS
//! step 2   SELECT .. FROM tags JOIN post_tags .. IN (step 1's id)    Post::TAGS
//! ```

mod plan;
mod request;

pub(crate) use plan::LoadPlan;
pub(crate) use request::{KEYS_AT_ONCE, Request};

use std::collections::HashSet;

use orm_core::entity::{EntityMeta, RelationKind, RelationMeta};
use orm_core::handle::RawHandle;
use orm_core::program::StatementShape;
use orm_core::relation::{Link, LinkMut, ManyState, OneState};
use orm_core::{Dialect, Error, Result, shapes};

use crate::arena::Part;
use crate::tracker::{Place, Tracker};
use crate::unit_of_work::show_keys;

/// The statement that reads the targets of a list of sources, and the columns of the source that the list is made of.
struct Statement {
    shape: StatementShape,
    /// The first of the source's columns, and how many there are.
    list: (u16, u16),
}

fn statement_of(relation: &'static RelationMeta, dialect: &Dialect) -> Result<Statement> {
    let (source, target) = ((relation.source)(), (relation.target)());
    let (shape, columns) = match &relation.kind {
        RelationKind::BelongsTo { columns, .. } => (shapes::select_by_keys(target, dialect), *columns),
        RelationKind::HasMany { inverse } => {
            let RelationKind::BelongsTo { columns, .. } = inverse().kind else {
                return Err(Error::build(format!(
                    "{} is not the other side of a belongs_to",
                    relation.path()
                )));
            };
            (shapes::select_by_foreign_key(target, dialect, columns, &relation.members), source.key)
        }
        RelationKind::ManyToMany { through } => {
            (shapes::select_through(target, dialect, through, &relation.members), source.key)
        }
    };
    let list = neighbours(source, columns)?;
    Ok(Statement { shape, list })
}

/// A list travels as neighbouring columns.
fn neighbours(meta: &EntityMeta, columns: &[usize]) -> Result<(u16, u16)> {
    if columns.windows(2).all(|pair| pair[0] + 1 == pair[1]) {
        return Ok((columns[0] as u16, columns.len() as u16));
    }
    let message =
        format!("the key fields of {} must stand next to each other to load relations by them", meta.name);
    Err(Error::build(message))
}

/// The collectors of the rows that a relation's statement answers: the targets, and for collections the key of the
/// source that each row belongs to.
fn parts_of(tracker: &mut Tracker, relation: &'static RelationMeta) -> Vec<Box<dyn Part>> {
    let (source, target) = (tracker.ensure((relation.source)()), tracker.ensure((relation.target)()));
    let rows = tracker.arena(target).rows_part();
    match &relation.kind {
        RelationKind::BelongsTo { .. } => vec![rows],
        RelationKind::HasMany { inverse } => {
            let RelationKind::BelongsTo { columns, .. } = inverse().kind else { return vec![rows] };
            vec![rows, tracker.arena(source).keys_part(columns[0])]
        }
        RelationKind::ManyToMany { .. } => {
            let width = (relation.target)().columns.len();
            vec![rows, tracker.arena(source).keys_part(width)]
        }
    }
}

/// Where loaded members go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fill {
    /// Into the entities' fields, queued adds and removes kept.
    Values,
    /// Into the images only: what the rows have, under a list that the program assigned.
    Images,
}

/// Takes in what `parts_of` collected and links it to its sources. Answers the targets' slots, each once.
fn adopt(
    tracker: &mut Tracker,
    relation: &'static RelationMeta,
    sources: &[u32],
    parts: Vec<Box<dyn Part>>,
    into: Fill,
    uncommitted: Option<usize>,
) -> Vec<u32> {
    let (source, target) = (tracker.ensure((relation.source)()), tracker.ensure((relation.target)()));
    let mut parts = parts.into_iter();
    let Some(rows) = parts.next() else { return Vec::new() };
    let targets = tracker.arena_mut(target).adopt_part(rows.into_any(), uncommitted);
    match parts.next() {
        None => link_targets(tracker, relation, source, sources, uncommitted),
        Some(keys) => {
            let owners = tracker.arena(source).find_part(keys.into_any());
            let mut members: Vec<(u32, RawHandle)> = Vec::with_capacity(targets.len());
            for (owner, &slot) in owners.into_iter().zip(&targets) {
                // A row that this session deletes is no member any more.
                let place = Place { arena: target, slot };
                if let Some(owner) = owner.filter(|_| tracker.state(place).is_live()) {
                    members.push((owner, tracker.handle(place)));
                }
            }
            // By owner, in the order of the rows: one list, cut into the members of each.
            members.sort_by_key(|(owner, _)| *owner);
            let owners: Vec<u32> = members.iter().map(|(owner, _)| *owner).collect();
            let members: Vec<RawHandle> = members.into_iter().map(|(_, member)| member).collect();
            for &slot in sources {
                let first = owners.partition_point(|&owner| owner < slot);
                let count = owners[first..].iter().take_while(|&&owner| owner == slot).count();
                let rows = &members[first..first + count];
                fill_collection(tracker, Place { arena: source, slot }, relation, rows, into, uncommitted);
            }
        }
    }
    each_once(targets)
}

/// Drops repeated slots. Slots that rise, as those of rows that were not known before, cannot repeat.
fn each_once(mut slots: Vec<u32>) -> Vec<u32> {
    if !slots.is_sorted_by(|a, b| a < b) {
        let mut seen = HashSet::with_capacity(slots.len());
        slots.retain(|&slot| seen.insert(slot));
    }
    slots
}

/// Links that held a key hold the handle of the entity that has it.
fn link_targets(
    tracker: &mut Tracker,
    relation: &'static RelationMeta,
    source: u32,
    sources: &[u32],
    uncommitted: Option<usize>,
) {
    for &slot in sources {
        let link = tracker.arena(source).link(slot, relation.position);
        let Some(target) = tracker.target_of(&link, relation) else { continue };
        let Link::One(one) = link else { continue };
        if !matches!(one.state(), OneState::Key(_)) {
            continue;
        }
        let (handle, key) = (tracker.handle(target), tracker.arena(target.arena).key(target.slot));
        let arena = tracker.arena_mut(source);
        if let Some(layer) = uncommitted {
            arena.save_undo(slot, layer);
        }
        if let LinkMut::One(link) = arena.link_mut(slot, relation.position) {
            link.set_handle(handle, key.as_deref());
        }
    }
}

fn fill_collection(
    tracker: &mut Tracker,
    place: Place,
    relation: &'static RelationMeta,
    rows: &[RawHandle],
    into: Fill,
    uncommitted: Option<usize>,
) {
    let arena = tracker.arena_mut(place.arena);
    let Link::Many(link) = arena.link(place.slot, relation.position) else { return };
    let (state, added, removed) = (link.state(), link.added(), link.removed());
    if into == Fill::Values && matches!(state, ManyState::Loaded | ManyState::Replaced) {
        return;
    }
    if let Some(layer) = uncommitted {
        arena.save_undo(place.slot, layer);
    }
    if let Some(LinkMut::Many(image)) = arena.image_link_mut(place.slot, relation.position) {
        image.set_loaded(rows);
    }
    if into == Fill::Images {
        return;
    }
    if let LinkMut::Many(link) = arena.link_mut(place.slot, relation.position) {
        link.set_loaded(rows);
        if !added.is_empty() || !removed.is_empty() {
            link.edit(&added, &removed);
        }
    }
    show_keys(tracker, place, relation);
}

/// The tables that a path reads.
pub(crate) fn tables_of(path: &[&'static RelationMeta]) -> Vec<&'static str> {
    let mut tables = Vec::new();
    for relation in path {
        tables.push((relation.target)().table);
        if let RelationKind::ManyToMany { through } = &relation.kind {
            tables.push(through.table);
        }
    }
    tables
}
