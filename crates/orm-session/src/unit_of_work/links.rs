//! Collections against their images: which children move, which pairs come and go.

use std::collections::{HashMap, HashSet};

use orm_core::entity::{LinkTable, RelationKind, RelationMeta};
use orm_core::handle::RawHandle;
use orm_core::relation::{Link, ManyState};
use orm_core::{Error, Result};

use crate::arena::Arena;
use crate::state::State;
use crate::tracker::{Place, Tracker, collections_of, is_empty, other_side};

/// A row of a link table to be written or removed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pair {
    pub(crate) relation: &'static RelationMeta,
    pub(crate) through: &'static LinkTable,
    pub(crate) source: Place,
    pub(crate) target: Place,
}

/// The pairs that a flush writes and removes.
#[derive(Debug, Default)]
pub(crate) struct Pairs {
    pub(crate) added: Vec<Pair>,
    pub(crate) removed: Vec<Pair>,
}

/// Members that a collection gained and lost since its image.
#[derive(Default)]
struct Delta {
    added: Vec<RawHandle>,
    removed: Vec<RawHandle>,
}

/// Compares the collections of some entities with their images. Children of a `has_many` get or lose their parent;
/// pairs of a many-to-many are collected.
pub(super) fn sync_collections(tracker: &mut Tracker, touched: &[Place]) -> Result<Pairs> {
    let mut pairs = PairSet::default();
    for &place in touched {
        if !tracker.state(place).is_live() {
            continue;
        }
        let meta = tracker.arena(place.arena).meta();
        for relation in meta.relations {
            let Some(delta) = delta(tracker.arena(place.arena), place.slot, relation.position) else {
                continue;
            };
            match &relation.kind {
                RelationKind::BelongsTo { .. } => {}
                RelationKind::HasMany { inverse } => {
                    adopt_children(tracker, place, relation, inverse(), &delta)?
                }
                RelationKind::ManyToMany { through } => {
                    pairs.collect(tracker, place, relation, through, &delta)?;
                }
            }
        }
    }
    displace_the_ones(tracker);
    pairs.finish(tracker)
}

/// Whoever comes to a `has_one` by its own link takes the place of the one that is known to be there.
fn displace_the_ones(tracker: &mut Tracker) {
    let links: Vec<(u32, Vec<&'static RelationMeta>)> = tracker
        .arenas()
        .map(|(index, arena)| {
            let relations = arena.meta().relations.iter();
            let is_one = |relation: &&'static RelationMeta| {
                matches!(relation.kind, RelationKind::BelongsTo { .. }) && relation.is_one_to_one()
            };
            (index, relations.filter(is_one).collect::<Vec<_>>())
        })
        .filter(|(_, links)| !links.is_empty())
        .collect();
    if links.is_empty() {
        return;
    }
    for child in tracker.touched_with_relations() {
        let Some((_, links)) = links.iter().find(|(arena, _)| *arena == child.arena) else { continue };
        if !tracker.state(child).is_live() {
            continue;
        }
        for &inverse in links {
            let arena = tracker.arena(child.arena);
            let parent = tracker.target_of(&arena.link(child.slot, inverse.position), inverse);
            let Some(parent) = parent.filter(|_| was_changed(tracker, child, inverse)) else { continue };
            for position in collections_of(inverse) {
                displace(tracker, parent, position, child, inverse);
            }
        }
    }
}

fn displace(
    tracker: &mut Tracker,
    parent: Place,
    position: usize,
    by: Place,
    inverse: &'static RelationMeta,
) {
    let arena = tracker.arena(parent.arena);
    let relation = &arena.meta().relations[position];
    let Link::Many(link) = arena.link(parent.slot, position) else { return };
    // Where the parent's own field was written, that is the program's word, and the two are compared.
    let is_written = match arena.image_link(parent.slot, position) {
        Some(Link::Many(image)) => !link.shares(image),
        _ => tracker.state(parent) == State::Pending,
    };
    if !relation.members.one || is_written {
        return;
    }
    for member in link.members() {
        let Ok(member) = tracker.place(member, (relation.target)()) else { continue };
        let link = tracker.arena(member.arena).link(member.slot, inverse.position);
        let is_there = member != by && tracker.state(member).is_live() && tracker.leads_to(&link, parent);
        if is_there && !was_changed(tracker, member, inverse) {
            tracker.give(member, inverse.position, None);
        }
    }
}

/// The relations of an entity to which a whole list was assigned though the rows were not read. Their members must be
/// read before a plan can tell what was removed.
pub(crate) fn replaced_unread(arena: &Arena, slot: u32) -> Vec<&'static RelationMeta> {
    let unread = |relation: &&'static RelationMeta| match (
        arena.link(slot, relation.position),
        arena.image_link(slot, relation.position),
    ) {
        (Link::Many(value), Some(Link::Many(image))) => {
            value.state() == ManyState::Replaced
                && !matches!(image.state(), ManyState::Loaded | ManyState::Replaced)
        }
        _ => false,
    };
    arena.meta().relations.iter().filter(unread).collect()
}

fn delta(arena: &Arena, slot: u32, relation: usize) -> Option<Delta> {
    let Link::Many(value) = arena.link(slot, relation) else { return None };
    let image = match arena.image_link(slot, relation) {
        Some(Link::Many(image)) if value.shares(image) => return None,
        Some(Link::Many(image)) => Some(image),
        _ => None,
    };
    let delta = match (image, value.state()) {
        // A default assigned to a tracked entity says nothing.
        (_, ManyState::NotSet) => return None,
        (None, ManyState::NotLoaded) => Delta { added: value.added(), removed: Vec::new() },
        (None, _) => Delta { added: value.members(), removed: Vec::new() },
        (Some(image), ManyState::NotLoaded) => {
            // The image's queue was sent: what left the queue since is taken back.
            let mut added = minus(&value.added(), &image.added());
            added.extend(minus(&image.removed(), &value.removed()));
            let mut removed = minus(&value.removed(), &image.removed());
            removed.extend(minus(&image.added(), &value.added()));
            Delta { added, removed }
        }
        (Some(image), _) => {
            let (before, after) = (image.members(), value.members());
            let mut removed = minus(&before, &after);
            // Those that a partial collection does not show.
            removed.extend(minus(&value.removed(), &image.removed()));
            Delta { added: minus(&after, &before), removed }
        }
    };
    if delta.added.is_empty() && delta.removed.is_empty() { None } else { Some(delta) }
}

fn minus(from: &[RawHandle], without: &[RawHandle]) -> Vec<RawHandle> {
    let without: HashSet<RawHandle> = without.iter().copied().collect();
    let mut seen = HashSet::new();
    from.iter().copied().filter(|raw| !without.contains(raw) && seen.insert(*raw)).collect()
}

/// The place of a collection's member, or the flush error that says what is wrong with it.
fn member(
    tracker: &Tracker,
    owner: Place,
    relation: &'static RelationMeta,
    handle: RawHandle,
) -> Result<Place> {
    tracker
        .place(handle, (relation.target)())
        .map_err(|wrong| tracker.fault(owner, format!("the collection `{}` contains {wrong}", relation.name)))
}

fn adopt_children(
    tracker: &mut Tracker,
    parent: Place,
    relation: &'static RelationMeta,
    inverse: &'static RelationMeta,
    delta: &Delta,
) -> Result<()> {
    for &handle in &delta.added {
        let child = member(tracker, parent, relation, handle)?;
        if !tracker.state(child).is_live() {
            continue;
        }
        let link = tracker.arena(child.arena).link(child.slot, inverse.position);
        if tracker.leads_to(&link, parent) {
            continue;
        }
        let is_free = match tracker.given(child, inverse.position) {
            // Another collection gave it up, or claims it too.
            Some(given) => given.parent.is_none(),
            None if tracker.state(child) == State::Pending => is_empty(&link),
            None => !was_changed(tracker, child, inverse),
        };
        if !is_free {
            return Err(contradiction(tracker, parent, relation, child, inverse));
        }
        tracker.give(child, inverse.position, Some(parent));
    }
    for &handle in &delta.removed {
        // A member whose slot died in the meantime has left by itself.
        let Ok(child) = tracker.place(handle, (relation.target)()) else { continue };
        if !tracker.state(child).is_live() {
            continue;
        }
        if tracker.leads_to(&tracker.arena(child.arena).link(child.slot, inverse.position), parent) {
            tracker.give(child, inverse.position, None);
        }
    }
    Ok(())
}

/// Whether the child's own field was written since its image: a pending child's counts as written.
fn was_changed(tracker: &Tracker, child: Place, inverse: &'static RelationMeta) -> bool {
    let arena = tracker.arena(child.arena);
    match arena.image_link(child.slot, inverse.position) {
        None => tracker.state(child) == State::Pending,
        Some(image) => {
            let value = arena.link(child.slot, inverse.position);
            match (tracker.target_of(&value, inverse), tracker.target_of(&image, inverse)) {
                (Some(value), Some(image)) => value != image,
                // What would be stored does not tell: a handle may not know its key yet.
                (Some(_), None) => true,
                // One of them is not tracked: compare what would be stored.
                _ => {
                    let RelationKind::BelongsTo { columns, .. } = inverse.kind else { return true };
                    let mut cells = orm_core::Cells::default();
                    columns.iter().any(|&column| {
                        cells.clear();
                        arena.encode(child.slot, column, &mut cells);
                        arena.encode_row(child.slot, column, &mut cells);
                        !cells.same(0, 1)
                    })
                }
            }
        }
    }
}

fn contradiction(
    tracker: &Tracker,
    parent: Place,
    relation: &'static RelationMeta,
    child: Place,
    inverse: &'static RelationMeta,
) -> Error {
    let own = tracker.arena(child.arena).link(child.slot, inverse.position);
    let other = match tracker.target_of(&own, inverse) {
        Some(target) => tracker.describe(target),
        None if is_empty(&own) => "empty".to_owned(),
        None => format!("another {}", (inverse.target)().name),
    };
    tracker.fault(
        child,
        format!(
            "the two sides of a relation differ: `{}` of {} has it, but its own `{}` is {other}; change one of them",
            relation.name,
            tracker.describe(parent),
            inverse.name,
        ),
    )
}

/// Pairs from both sides of many-to-many relations, each once.
#[derive(Default)]
struct PairSet {
    pairs: Pairs,
    /// Pair, written from its table's first side, to whether it is added.
    seen: HashMap<(&'static str, Place, Place), bool>,
}

impl PairSet {
    fn collect(
        &mut self,
        tracker: &Tracker,
        source: Place,
        relation: &'static RelationMeta,
        through: &'static LinkTable,
        delta: &Delta,
    ) -> Result<()> {
        for &handle in &delta.added {
            let target = member(tracker, source, relation, handle)?;
            if !tracker.state(target).is_live() {
                return Err(tracker.fault(
                    source,
                    format!(
                        "the collection `{}` has {}, which is being deleted",
                        relation.name,
                        tracker.describe(target)
                    ),
                ));
            }
            self.put(tracker, Pair { relation, through, source, target }, true)?;
        }
        for &handle in &delta.removed {
            // The links of a row that is deleted go with it.
            let Ok(target) = tracker.place(handle, (relation.target)()) else { continue };
            if tracker.state(target).is_live() {
                self.put(tracker, Pair { relation, through, source, target }, false)?;
            }
        }
        Ok(())
    }

    fn put(&mut self, tracker: &Tracker, pair: Pair, added: bool) -> Result<()> {
        let Pair { through, source, target, .. } = pair;
        let key = if through.source <= through.target {
            (through.table, source, target)
        } else {
            (through.table, target, source)
        };
        match self.seen.insert(key, added) {
            None if added => self.pairs.added.push(pair),
            None => self.pairs.removed.push(pair),
            Some(before) if before == added => {}
            Some(_) => {
                return Err(tracker.fault(
                    source,
                    format!(
                        "the two sides of `{}` differ: one adds the pair with {}, the other removes it; change one of them",
                        pair.relation.name,
                        tracker.describe(target),
                    ),
                ));
            }
        }
        Ok(())
    }

    fn finish(self, tracker: &Tracker) -> Result<Pairs> {
        let mut pairs = self.pairs;
        // Links of an entity that is new cannot be there yet; those of one that stays can.
        let is_new = |place: Place| tracker.state(place) == State::Pending;
        pairs.removed.retain(|pair| !is_new(pair.source) && !is_new(pair.target));
        Ok(pairs)
    }
}

/// Shows a pair on its other side, where that side is loaded: for settling.
pub(super) fn mirrored(pair: &Pair) -> Option<(Place, usize, Place)> {
    other_side(pair.relation).map(|other| (pair.target, other.position, pair.source))
}
