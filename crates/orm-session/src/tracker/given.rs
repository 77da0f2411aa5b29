//! Links that planning wrote into children because of their parents' collections.
//!
//! A plan is a question as much as an order: it may be asked for by `changes`, or fail. So what it writes on behalf of a
//! collection is noted, and taken back before the next plan looks at what the program wrote.

use std::any::Any;
use std::collections::HashMap;

use orm_core::entity::RelationMeta;
use orm_core::handle::RawHandle;
use orm_core::relation::{Link, LinkMut, ManyState, OneState};

use super::{Place, Tracker, collections_of};
use crate::state::State;

/// The links that were given, by child and relation.
pub(crate) type GivenLinks = HashMap<(Place, usize), GivenLink, foldhash::fast::RandomState>;

/// One link that was given.
pub(crate) struct GivenLink {
    /// The child, to know it from a later tenant of its slot.
    child: RawHandle,
    /// The field as the program had it; `None` for an empty one.
    before: Option<Box<dyn Any + Send>>,
    /// The parent that was written; `None` for none.
    pub(crate) parent: Option<RawHandle>,
}

impl Tracker {
    /// The link that this plan gave to a child, if it did.
    pub(crate) fn given(&self, child: Place, relation: usize) -> Option<&GivenLink> {
        self.given.get(&(child, relation))
    }

    /// Points a child to a parent, or to none, on behalf of a collection.
    pub(crate) fn give(&mut self, child: Place, relation: usize, parent: Option<Place>) {
        let handle = self.handle(child);
        let parent = parent.map(|parent| self.handle(parent));
        let arena = self.arena_mut(child.arena);
        arena.touch(child.slot);
        let LinkMut::One(link) = arena.link_mut(child.slot, relation) else { return };
        let before = match link.state() {
            OneState::Empty => None,
            _ => Some(link.save()),
        };
        match parent {
            Some(parent) => link.set_handle(parent, None),
            None => link.set_empty(),
        }
        let entry = self.given.entry((child, relation));
        entry.or_insert(GivenLink { child: handle, before, parent }).parent = parent;
    }

    /// Takes the given links back, where the program has not written over them since.
    pub(crate) fn take_given_back(&mut self) {
        for ((child, relation), given) in std::mem::take(&mut self.given) {
            let arena = self.arena_mut(child.arena);
            if arena.slot(given.child).is_none() || !arena.state(child.slot).is_live() {
                continue;
            }
            let Link::One(link) = arena.link(child.slot, relation) else { continue };
            let still = match (link.state(), given.parent) {
                (OneState::Handle(handle, _), Some(parent)) => handle == parent,
                (OneState::Empty, None) => true,
                _ => false,
            };
            if !still {
                continue;
            }
            if let LinkMut::One(link) = arena.link_mut(child.slot, relation) {
                match &given.before {
                    Some(before) => link.restore(&**before),
                    None => link.set_empty(),
                }
            }
        }
    }

    /// The given links, for a plan that is sent: from now on they are what the program wants.
    pub(crate) fn send_given(&mut self) -> GivenLinks {
        std::mem::take(&mut self.given)
    }

    /// Links that were given by a plan whose work is pending again.
    pub(crate) fn return_given(&mut self, given: GivenLinks) {
        for (key, older) in given {
            let parent = self.given.get(&key).map_or(older.parent, |newer| newer.parent);
            self.given.insert(key, GivenLink { parent, ..older });
        }
    }

    /// Links that were given for members queued on a collection that is not loaded are the program's own from now on: the
    /// flush emptied the queue, so nothing but the link shows the difference.
    pub(super) fn keep_queued(&mut self) {
        let mut given = std::mem::take(&mut self.given);
        given.retain(|&(child, position), link| self.shows_in_a_collection(child, position, link));
        self.given = given;
    }

    /// Whether a collection says again that the child is in it, or is not.
    fn shows_in_a_collection(&self, child: Place, position: usize, given: &GivenLink) -> bool {
        let arena = self.arena(child.arena);
        let relation: &'static RelationMeta = &arena.meta().relations[position];
        if arena.slot(given.child).is_none() {
            return true;
        }
        let parent = match given.parent {
            Some(parent) => self.place(parent, (relation.target)()).ok(),
            None => {
                arena.image_link(child.slot, position).and_then(|before| self.target_of(&before, relation))
            }
        };
        // Without a parent in the session, no collection is asked.
        let Some(parent) = parent else { return true };
        let arena = self.arena(parent.arena);
        collections_of(relation).any(|at| match arena.link(parent.slot, at) {
            Link::Many(link) if link.state() == ManyState::NotLoaded => {
                link.added().contains(&given.child) || link.removed().contains(&given.child)
            }
            Link::Many(_) => true,
            Link::One(_) => false,
        })
    }

    /// Children that were taken out of a parent that is new again stay out: there is no row of the collection any more
    /// that shows the difference.
    pub(super) fn keep_leaves(&mut self) {
        for ((child, position), given) in std::mem::take(&mut self.given) {
            let arena = self.arena_mut(child.arena);
            let Some(before) = given.before.as_deref().filter(|_| given.parent.is_none()) else {
                self.given.insert((child, position), given);
                continue;
            };
            let relation = &arena.meta().relations[position];
            if arena.slot(given.child).is_none() {
                continue;
            }
            let LinkMut::One(link) = arena.link_mut(child.slot, position) else { continue };
            let is_empty = matches!(link.state(), OneState::Empty);
            if !is_empty {
                continue;
            }
            link.restore(before);
            let former = self.target_of(&self.arena(child.arena).link(child.slot, position), relation);
            if let LinkMut::One(link) = self.arena_mut(child.arena).link_mut(child.slot, position) {
                link.set_empty();
            }
            if former.is_none_or(|former| self.state(former) != State::Pending) {
                self.given.insert((child, position), given);
            }
        }
    }
}
