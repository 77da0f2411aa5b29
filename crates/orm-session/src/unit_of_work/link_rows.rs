//! Tables of links that are entities, too: the same row is a pair of two collections and an entity with columns of its own.
//!
//! A pair that is taken out of a collection takes the entity of its row along. An entity that is added, deleted, or led
//! elsewhere shows in the collections.

use std::collections::HashMap;

use orm_core::entity::{RelationKind, RelationMeta};
use orm_core::{Cells, Result};

use super::collect::Collected;
use super::delete::mirror;
use super::edits::Edits;
use super::links::Pair;
use super::operations::{columns_of, deletes_links};
use crate::state::State;
use crate::tracker::{Place, Tracker};

/// A many-to-many relation whose table is that of a tracked entity.
struct Through {
    relation: &'static RelationMeta,
    /// The arenas of the relation's source and target, and of the link entity.
    source: u32,
    target: u32,
    links: u32,
    /// The link entity's columns that hold the two keys.
    source_columns: Vec<usize>,
    target_columns: Vec<usize>,
}

/// A pair that a row stands for, as one collection has it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stood {
    owner: Place,
    position: usize,
    member: Place,
}

fn throughs(tracker: &Tracker) -> Vec<Through> {
    let mut found = Vec::new();
    for (source, arena) in tracker.arenas() {
        for relation in arena.meta().relations {
            let RelationKind::ManyToMany { through } = &relation.kind else { continue };
            let links = tracker.arenas().find(|(_, links)| links.meta().table == through.table);
            let target = (relation.target)();
            let target = tracker.arenas().find(|(_, arena)| arena.meta().is(target));
            let (Some((links, link_arena)), Some((target, _))) = (links, target) else { continue };
            let columns = |names: &[&str]| -> Option<Vec<usize>> {
                names.iter().map(|name| link_arena.meta().column(name)).collect()
            };
            if let (Some(source_columns), Some(target_columns)) =
                (columns(through.source), columns(through.target))
            {
                found.push(Through { relation, source, target, links, source_columns, target_columns });
            }
        }
    }
    found
}

impl Through {
    /// The pair that the row of a link entity stands for.
    fn stood(&self, tracker: &Tracker, link: Place) -> Option<Stood> {
        let find = |columns: &[usize], arena: u32| {
            let mut cells = Cells::default();
            for &column in columns {
                tracker.arena(link.arena).encode_row(link.slot, column, &mut cells);
            }
            Some(Place { arena, slot: tracker.arena(arena).find_encoded(cells)? })
        };
        let owner = find(&self.source_columns, self.source)?;
        let member = find(&self.target_columns, self.target)?;
        Some(Stood { owner, position: self.relation.position, member })
    }

    fn is_of(&self, columns: &[u16]) -> bool {
        let mut own = self.source_columns.iter().chain(&self.target_columns);
        own.any(|&own| columns.contains(&(own as u16)))
    }
}

/// Pairs that are removed and have an entity: it goes along, unless it is deleted or led elsewhere by itself, which is
/// the statement that removes the pair. Answers the pairs that link entities leave.
pub(super) fn match_link_entities(tracker: &Tracker, collected: &mut Collected) -> Vec<Stood> {
    let throughs = throughs(tracker);
    if throughs.is_empty() {
        return Vec::new();
    }
    let mut left = Vec::new();
    let mut leaving: Vec<Place> = collected.deletes.clone();
    for update in &collected.updates {
        let columns = columns_of(collected, &update.columns);
        if throughs.iter().any(|through| through.links == update.place.arena && through.is_of(columns)) {
            leaving.push(update.place);
        }
    }
    for &link in &leaving {
        let own = throughs.iter().filter(|through| through.links == link.arena);
        left.extend(own.filter_map(|through| through.stood(tracker, link)));
    }
    if !collected.pairs.removed.is_empty() {
        take_along(tracker, collected, &throughs, &leaving);
    }
    left
}

/// The pairs of a row whose entity was deleted and another one added go: the new one has its own. Where entities of their
/// table are deleted by the same flush, those say which go.
pub(super) fn unlink_switched(tracker: &Tracker, collected: &mut Collected) {
    let mut unlinked: Vec<(&'static RelationMeta, Vec<Place>)> = Vec::new();
    for switch in &collected.switches {
        for relation in tracker.arena(switch.old.arena).meta().relations {
            let is_pairs = matches!(relation.kind, RelationKind::ManyToMany { .. });
            if !is_pairs || deletes_links(tracker, relation, &collected.deletes) {
                continue;
            }
            match unlinked.iter_mut().find(|(known, _)| std::ptr::eq(*known, relation)) {
                Some((_, rows)) => rows.push(switch.old),
                None => unlinked.push((relation, vec![switch.old])),
            }
        }
    }
    collected.effects.unlinked.append(&mut unlinked);
}

fn take_along(tracker: &Tracker, collected: &mut Collected, throughs: &[Through], leaving: &[Place]) {
    let mut gone: HashMap<Place, Place> = HashMap::new();
    let mut links: HashMap<*const RelationMeta, HashMap<(Place, Place), Place>> = HashMap::new();
    let removed = std::mem::take(&mut collected.pairs.removed);
    let is_alive = |link: &Place| tracker.state(*link) == State::Persistent || leaving.contains(link);
    collected.pairs.removed = removed
        .into_iter()
        .filter(|pair| {
            let Some(through) = throughs.iter().find(|through| std::ptr::eq(through.relation, pair.relation))
            else {
                return true;
            };
            let links = links.entry(std::ptr::from_ref(pair.relation)).or_insert_with(|| {
                let slots = 0..tracker.arena(through.links).len() as u32;
                let links = slots.map(|slot| Place { arena: through.links, slot }).filter(is_alive);
                let stood = links.filter_map(|link| Some((through.stood(tracker, link)?, link)));
                stood.map(|(stood, link)| ((stood.owner, stood.member), link)).collect()
            });
            match links.get(&(pair.source, pair.target)) {
                Some(link) if leaving.contains(link) => false,
                Some(&link) => {
                    gone.insert(link, link);
                    true
                }
                None => true,
            }
        })
        .collect::<Vec<Pair>>();
    if !gone.is_empty() {
        collected.effects.cascaded.extend(gone.iter().map(|(&link, &root)| (link, root)));
        mirror(tracker, gone, &mut collected.effects);
    }
}

/// Refuses a pair whose row has a column that nothing fills.
///
/// # Errors
/// A flush error that names the column.
pub(super) fn refuse_unfilled(tracker: &Tracker, pair: Pair) -> Result<()> {
    let tracked =
        || tracker.arenas().map(|(_, arena)| arena.meta()).find(|meta| meta.table == pair.through.table);
    let Some(entity) = pair.through.entity.map(|entity| entity()).or_else(tracked) else { return Ok(()) };
    let Some(column) = pair.through.unfilled(entity) else { return Ok(()) };
    let (relation, link) = (pair.relation.name, entity.name);
    Err(tracker.fault(
        pair.source,
        format!(
            "`{relation}` gained {}, but a pair alone leaves {link}.{} unset, which may not be NULL and has no DEFAULT: \
             add a {link} instead, or give the column a DEFAULT",
            tracker.describe(pair.target),
            column.name
        ),
    ))
}

/// After the flush: link entities that were written show in the collections that are loaded.
pub(super) fn follow_link_entities(
    tracker: &Tracker,
    left: &[Stood],
    written: impl Iterator<Item = Place>,
    edits: &mut Edits,
) {
    for stood in left {
        edits.remove(stood.owner, stood.position, tracker.handle(stood.member));
    }
    let throughs = throughs(tracker);
    if throughs.is_empty() {
        return;
    }
    for link in written {
        let own = throughs.iter().filter(|through| through.links == link.arena);
        for stood in own.filter_map(|through| through.stood(tracker, link)) {
            edits.add(stood.owner, stood.position, tracker.handle(stood.member));
        }
    }
}
