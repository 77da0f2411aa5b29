//! Members that are not what a collection holds them for any more, after work was taken back.

use orm_core::handle::RawHandle;
use orm_core::relation::{Link, LinkMut, OneState};

use super::{Place, Tracker, collections_of};
use crate::arena::Finder;
use crate::state::State;

impl Tracker {
    /// Handles whose entity has left the session leave the loaded collections of everything that is tracked.
    pub(super) fn drop_dead_everywhere(&mut self) {
        let related = self.arenas().filter(|(_, arena)| !arena.meta().relations.is_empty());
        let places = related.flat_map(|(index, arena)| {
            let slots = (0..arena.len() as u32).filter(|&slot| arena.state(slot) != State::Vacant);
            slots.map(move |slot| Place { arena: index, slot })
        });
        let places: Vec<Place> = places.collect();
        self.drop_dead(&places);
    }

    /// Handles whose entity has left the session leave the loaded collections of some entities.
    pub(super) fn drop_dead(&mut self, places: &[Place]) {
        for &place in places {
            for relation in self.arena(place.arena).meta().relations {
                let arena = self.arena(place.arena);
                let links = [
                    Some(arena.link(place.slot, relation.position)),
                    arena.image_link(place.slot, relation.position),
                ];
                let members = links.into_iter().flatten().filter_map(|link| match link {
                    Link::Many(link) => Some(link.members()),
                    Link::One(_) => None,
                });
                let is_dead = |member: &RawHandle| {
                    member.session == self.session() && self.place(*member, (relation.target)()).is_err()
                };
                let dead: Vec<RawHandle> = members.flatten().filter(is_dead).collect();
                if dead.is_empty() {
                    continue;
                }
                let arena = self.arena_mut(place.arena);
                if let LinkMut::Many(link) = arena.link_mut(place.slot, relation.position) {
                    link.edit(&[], &dead);
                }
                if let Some(LinkMut::Many(link)) = arena.image_link_mut(place.slot, relation.position) {
                    link.edit(&[], &dead);
                }
            }
        }
    }

    /// Links that hold the key of a row that was taken back lead to the entity itself: it will have another key.
    pub(super) fn follow_lost_keys(&mut self, lost: Vec<(u32, Finder)>) {
        for (target, finder) in lost {
            let meta = self.arena(target).meta();
            for (index, relation) in self.links_to(meta) {
                let position = relation.position;
                for slot in 0..self.arena(index).len() as u32 {
                    if !self.state(Place { arena: index, slot }).is_live() {
                        continue;
                    }
                    let Link::One(link) = self.arena(index).link(slot, position) else { continue };
                    let (OneState::Key(key) | OneState::Handle(_, Some(key))) = link.state() else {
                        continue;
                    };
                    let Some(found) = finder(key) else { continue };
                    let handle = self.handle(Place { arena: target, slot: found });
                    if let LinkMut::One(link) = self.arena_mut(index).link_mut(slot, position) {
                        link.set_handle(handle, None);
                    }
                }
            }
        }
    }

    /// Children whose own link was written since the last flush, each with the collection that this flush had put it
    /// into.
    pub(super) fn former_parents(&self) -> Vec<(Place, usize, RawHandle)> {
        let mut found = Vec::new();
        for child in self.touched_with_relations() {
            for relation in self.arena(child.arena).meta().relations {
                let arena = self.arena(child.arena);
                let before = arena.image_link(child.slot, relation.position);
                let Some(before) = before.and_then(|link| self.target_of(&link, relation)) else { continue };
                if !self.leads_to(&arena.link(child.slot, relation.position), before) {
                    let handle = self.handle(child);
                    found.extend(collections_of(relation).map(|collection| (before, collection, handle)));
                }
            }
        }
        found
    }

    /// They leave it where there is no row to compare with, or an older one: they would read as pushed there.
    pub(super) fn leave_former_parents(&mut self, former: Vec<(Place, usize, RawHandle)>) {
        for (parent, collection, child) in former {
            let is_pending = self.state(parent) == State::Pending;
            let arena = self.arena_mut(parent.arena);
            // Out of a collection whose row has it, it would read as removed there.
            let in_row = match arena.image_link(parent.slot, collection) {
                Some(Link::Many(link)) => link.contains(child),
                _ => false,
            };
            if (is_pending || arena.is_dirty(parent.slot) && !in_row)
                && let LinkMut::Many(link) = arena.link_mut(parent.slot, collection)
            {
                link.edit(&[], &[child]);
            }
        }
    }
}
