//! Changes to loaded collections that follow from the rows, not from the program.

use std::collections::{BTreeMap, HashSet};

use orm_core::entity::RelationMeta;
use orm_core::handle::RawHandle;
use orm_core::relation::{Link, LinkMut};

use crate::state::State;
use crate::tracker::{Place, Tracker};

/// Gives a loaded collection the keys of its members, for serde.
pub(crate) fn show_keys(tracker: &mut Tracker, place: Place, relation: &'static RelationMeta) {
    let Link::Many(link) = tracker.arena(place.arena).link(place.slot, relation.position) else { return };
    if !link.state().has_members() {
        return;
    }
    let target = tracker.ensure((relation.target)());
    let Link::Many(link) = tracker.arena(place.arena).link(place.slot, relation.position) else { return };
    let keys = tracker.arena(target).keys_of(&link.members());
    if let LinkMut::Many(link) = tracker.arena_mut(place.arena).link_mut(place.slot, relation.position) {
        link.set_keys(keys);
    }
}

/// Changes to loaded collections that follow from the rows, not from the program.
#[derive(Default)]
pub(crate) struct Edits(BTreeMap<(Place, usize), Edit>);

#[derive(Default)]
struct Edit {
    add: Vec<RawHandle>,
    remove: Vec<RawHandle>,
}

impl Edits {
    pub(crate) fn add(&mut self, place: Place, relation: usize, member: RawHandle) {
        self.0.entry((place, relation)).or_default().add.push(member);
    }

    pub(crate) fn remove(&mut self, place: Place, relation: usize, member: RawHandle) {
        self.0.entry((place, relation)).or_default().remove.push(member);
    }

    /// Makes the changes, so that they can be taken back with the layer.
    pub(crate) fn apply(self, tracker: &mut Tracker, layer: Option<usize>) {
        for ((place, position), edit) in self.0 {
            let state = tracker.state(place);
            // One that was deleted keeps its collections: a rollback revives it as it was.
            if !state.is_readable() || state == State::Deleted {
                continue;
            }
            let arena = tracker.arena_mut(place.arena);
            let Link::Many(link) = arena.link(place.slot, position) else { continue };
            if !link.state().has_members() {
                continue;
            }
            let members: HashSet<RawHandle> = link.members().into_iter().collect();
            // What the program wrote since the image was taken is its later word: only the image learns of the rest.
            let image: Option<HashSet<RawHandle>> = match arena.image_link(place.slot, position) {
                Some(Link::Many(image)) => Some(image.members().into_iter().collect()),
                _ => None,
            };
            let Edit { mut add, mut remove } = edit;
            if let Some(LinkMut::Many(link)) = arena.image_link_mut(place.slot, position) {
                link.edit(&add, &remove);
            }
            add.retain(|member| {
                !members.contains(member) && image.as_ref().is_none_or(|image| !image.contains(member))
            });
            remove.retain(|member| {
                members.contains(member) && image.as_ref().is_none_or(|image| image.contains(member))
            });
            if add.is_empty() && remove.is_empty() {
                continue;
            }
            if let Some(layer) = layer {
                arena.save_undo(place.slot, layer);
            }
            if let LinkMut::Many(link) = arena.link_mut(place.slot, position) {
                link.edit(&add, &remove);
            }
            let relation = &arena.meta().relations[position];
            show_keys(tracker, place, relation);
        }
    }
}
