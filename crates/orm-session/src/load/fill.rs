//! Loaded members on their way into collections.

use orm_core::entity::{RelationKind, RelationMeta};
use orm_core::handle::RawHandle;
use orm_core::relation::{Leg, Link, LinkMut, ManyLink, ManyState};

use crate::arena::{Adopt, Members};
use crate::tracker::{Place, Tracker};
use crate::unit_of_work::show_keys;

/// Where loaded members go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fill {
    /// Into the entities' fields, pending adds and removes kept.
    Values,
    /// Into the images only: what the rows have, under a list that the program assigned.
    Images,
}

impl Fill {
    /// Whether a collection is left as it is: its members are known.
    pub(crate) fn leaves(self, state: ManyState) -> bool {
        self == Fill::Values && matches!(state, ManyState::Loaded | ManyState::Replaced)
    }
}

/// Gives each source its members.
pub(super) fn link_members(
    tracker: &mut Tracker,
    leg: &Leg,
    sources: &[u32],
    members: &Members,
    into: Fill,
    how: Adopt,
) {
    let relation = leg.relation;
    let (source, target) = (tracker.ensure((relation.source)()), tracker.ensure((relation.target)()));
    let mut next = 0;
    for &slot in sources {
        let (rows, end) = members.of(slot, next);
        next = end;
        let place = Place { arena: source, slot };
        if let RelationKind::HasMany { inverse } = relation.kind {
            attach(tracker, target, inverse(), rows, place, how);
        }
        fill_collection(tracker, place, target, leg, rows, into, how);
    }
}

/// The members' own links lead to their owner.
fn attach(
    tracker: &mut Tracker,
    target: u32,
    inverse: &'static RelationMeta,
    rows: &[RawHandle],
    owner: Place,
    how: Adopt,
) {
    if rows.is_empty() || !tracker.state(owner).is_live() {
        return;
    }
    let handle = tracker.handle(owner);
    if let Some(key) = tracker.arena(owner.arena).row_key(owner.slot) {
        tracker.arena_mut(target).attach(inverse.position, rows, handle, &*key, how);
    }
}

fn fill_collection(
    tracker: &mut Tracker,
    place: Place,
    target: u32,
    leg: &Leg,
    rows: &[RawHandle],
    into: Fill,
    how: Adopt,
) {
    let relation = leg.relation;
    let arena = tracker.arena(place.arena);
    let Link::Many(link) = arena.link(place.slot, relation.position) else { return };
    if into.leaves(link.state()) {
        return;
    }
    let image = match arena.image_link(place.slot, relation.position) {
        Some(Link::Many(image)) => Some(image),
        _ => None,
    };
    let pending = Pending::of(link, image);
    let keys = pending.is_empty().then(|| tracker.arena(target).keys_of(rows));
    let arena = tracker.arena_mut(place.arena);
    if let Some(layer) = how.uncommitted {
        arena.save_undo(place.slot, layer);
    }
    let set = |link: &mut dyn ManyLink| match leg.leaves_out() {
        true => link.set_partial(rows),
        false => link.set_loaded(rows),
    };
    if let Some(LinkMut::Many(image)) = arena.image_link_mut(place.slot, relation.position) {
        set(image);
    }
    if into == Fill::Images {
        return;
    }
    if let LinkMut::Many(link) = arena.link_mut(place.slot, relation.position) {
        set(link);
        // Those of the rows, where these are all the members there are.
        if let Some(keys) = keys {
            return link.set_keys(keys);
        }
        pending.put_back(link);
    }
    show_keys(tracker, place, relation);
}

/// What the program did to a collection of which not all members are known.
#[derive(Default)]
struct Pending {
    added: Vec<RawHandle>,
    removed: Vec<RawHandle>,
}

impl Pending {
    fn of(link: &dyn ManyLink, image: Option<&dyn ManyLink>) -> Self {
        let (mut added, mut removed) = (link.added(), link.removed());
        if let (ManyState::Partial, Some(image)) = (link.state(), image) {
            let (before, after) = (image.members(), link.members());
            added.extend(after.iter().filter(|member| !before.contains(member)));
            removed.extend(before.iter().filter(|member| !after.contains(member)));
        }
        Self { added, removed }
    }

    fn is_empty(&self) -> bool {
        self.added.is_empty() && self.removed.is_empty()
    }

    fn put_back(self, link: &mut dyn ManyLink) {
        let Self { added, removed } = self;
        if link.state() == ManyState::Partial {
            // Also of members that are not shown.
            removed.into_iter().for_each(|member| link.remove(member));
            link.edit(&added, &[]);
        } else if !added.is_empty() || !removed.is_empty() {
            link.edit(&added, &removed);
        }
    }
}
