//! Members that are not what a collection holds them for any more, after work was taken back.

use orm_core::handle::RawHandle;
use orm_core::relation::{Link, LinkMut};

use super::{Place, Tracker, collections_of};
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

    /// Children whose own link was written since the last flush leave the collections that this flush had put them
    /// into: without a row to compare with, they would read as pushed there.
    pub(super) fn leave_former_parents(&mut self) {
        for child in self.touched_with_relations() {
            for relation in self.arena(child.arena).meta().relations {
                let arena = self.arena(child.arena);
                let before = arena.image_link(child.slot, relation.position);
                let Some(before) = before.and_then(|link| self.target_of(&link, relation)) else { continue };
                if self.leads_to(&arena.link(child.slot, relation.position), before) {
                    continue;
                }
                let handle = self.handle(child);
                for collection in collections_of(relation) {
                    if let LinkMut::Many(link) =
                        self.arena_mut(before.arena).link_mut(before.slot, collection)
                    {
                        link.edit(&[], &[handle]);
                    }
                }
            }
        }
    }
}
