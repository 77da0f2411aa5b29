//! What a plan deletes beyond what the program deleted itself.
//!
//! A plan is a question as much as an order (see `given`): the marks are there while it is made, and again once it is sent.

use orm_core::entity::RelationKind;
use orm_core::relation::{Link, OneState};

use super::{Place, Tracker};
use crate::state::State;

/// Entities that go for want of a parent.
#[derive(Debug, Default)]
pub(crate) struct Doomed {
    /// Stored ones, to be deleted.
    pub(crate) stored: Vec<Place>,
    /// New ones, which are not inserted.
    pub(crate) new: Vec<Place>,
}

impl Tracker {
    /// Marks an entity as going. Answers whether it was not before.
    pub(crate) fn doom(&mut self, place: Place) -> bool {
        let list = match self.state(place) {
            State::Persistent => &mut self.doomed.stored,
            State::Pending => &mut self.doomed.new,
            _ => return false,
        };
        list.push(place);
        self.arena_mut(place.arena).set_state(place.slot, State::Deleting);
        true
    }

    /// A new entity that is deleted just goes, and its new members with it, where they are nothing without it.
    pub(super) fn discard_new(&mut self, place: Place, layer: usize) {
        let mut work = vec![place];
        while let Some(place) = work.pop() {
            if self.state(place) != State::Pending {
                continue;
            }
            let meta = self.arena(place.arena).meta();
            for relation in meta.relations.iter().filter(|relation| relation.members.delete_orphan) {
                let Link::Many(link) = self.arena(place.arena).link(place.slot, relation.position) else {
                    continue;
                };
                let members = [link.members(), link.added()].concat().into_iter();
                let members = members.filter_map(|member| self.place(member, (relation.target)()).ok());
                work.extend(members.filter(|&member| match relation.kind {
                    RelationKind::HasMany { inverse } => {
                        let link = self.arena(member.arena).link(member.slot, inverse().position);
                        is_empty(&link) || self.leads_to(&link, place)
                    }
                    _ => true,
                }));
            }
            self.arena_mut(place.arena).discard(place.slot, layer);
        }
    }

    pub(crate) fn doomed(&self) -> impl Iterator<Item = Place> + use<'_> {
        self.doomed.stored.iter().chain(&self.doomed.new).copied()
    }

    /// The stored entities among them.
    pub(crate) fn doomed_rows(&self) -> &[Place] {
        &self.doomed.stored
    }

    /// Whether there is no row of an entity that goes.
    pub(crate) fn was_pending(&self, place: Place) -> bool {
        self.doomed.new.contains(&place)
    }

    /// Takes the marks off, for the plan is made.
    pub(crate) fn spare(&mut self) -> Doomed {
        let doomed = std::mem::take(&mut self.doomed);
        for (places, state) in [(&doomed.stored, State::Persistent), (&doomed.new, State::Pending)] {
            places.iter().for_each(|place| self.arena_mut(place.arena).set_state(place.slot, state));
        }
        doomed
    }

    /// Stored entities that a plan deletes are on their way, or not any more.
    pub(crate) fn mark_deleting(&mut self, places: &[Place], deleting: bool) {
        let (from, to) = match deleting {
            true => (State::Persistent, State::Deleting),
            false => (State::Deleting, State::Persistent),
        };
        for place in places {
            if self.state(*place) == from {
                self.arena_mut(place.arena).set_state(place.slot, to);
            }
        }
    }
}

/// Whether a to-one field leads nowhere.
pub(crate) fn is_empty(link: &Link<'_>) -> bool {
    matches!(link, Link::One(link) if matches!(link.state(), OneState::Empty))
}
