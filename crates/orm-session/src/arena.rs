//! Where a session keeps the entities of one type: slots, identity map, images and undo lists.
//!
//! - A *slot* holds the value that the program reads and writes.
//! - The *image* of a slot is the row as the transaction has it, cloned by the first write after a flush. A slot
//!   without an image is not dirty, so a flush looks at images only, never at everything tracked.
//! - Images that are on their way to the database are *sent*: a write meanwhile takes a fresh image, so that
//!   settling a flush whose future was dropped loses nothing.
//! - The *undo list* of a layer (the transaction, and each savepoint in it) says how to take a slot back to where it
//!   was when the layer began.
//!
//! All of this knows values by their ids only. What needs the type of the entity is in [`values`], and what needs that of its
//! key in [`identity`]: the less there is of it, the less is compiled for each entity of a program.

mod columns;
mod hooks;
mod identity;
mod images;
mod keys;
mod members;
mod parts;
mod rows;
mod undo;
mod values;

pub(crate) use identity::Finder;
pub(crate) use members::Members;
pub(crate) use parts::{Part, Parts};
pub(crate) use rows::Adopt;

use std::any::Any;
use std::num::NonZeroU32;

use orm_core::entity::{Entity, EntityMeta};
use orm_core::handle::RawHandle;
use orm_core::relation::{Link, LinkMut, ManyState};

use crate::events::Moments;
use crate::state::State;
use crate::tracker::Place;
use hooks::AnyHooks;
use identity::{IdentityMap, MapOf};
use images::Image;
use undo::{Entry, Undo};
use values::{AnyEntity, ValueId, Values, ValuesOf};

const NO_IMAGE: u32 = u32::MAX;

/// The entities of one type in one session. A slot given to it exists.
pub(crate) struct Arena {
    meta: &'static EntityMeta,
    slots: Vec<Slot>,
    free: Vec<u32>,
    values: Values,
    /// One slot per key. Keyed by the row's key as the transaction has it.
    map: Box<dyn IdentityMap>,
    images: Vec<Image>,
    /// How many of `images` are still held: those of discarded changes are not.
    dirty: usize,
    sent: Vec<Image>,
    /// One list per layer, the transaction's first.
    undo: Vec<Vec<Entry>>,
    /// Rows of slots that were read in the transaction, as they were read, where a flush changed them since: a rollback
    /// forgets such slots, a recovery needs the row.
    changed_since_read: Vec<Image>,
    /// Slots that are deleted and not committed.
    deleted: Vec<u32>,
    hooks: Option<Box<dyn AnyHooks>>,
    /// What any of the hooks wants.
    moments: Moments,
}

struct Slot {
    value: ValueId,
    generation: u32,
    /// The place of its image, or `NO_IMAGE`.
    image: u32,
    /// One more than the innermost layer whose undo list names it; 0 for none.
    layer: u16,
    /// Read in the transaction, where it may be uncommitted, and not changed by a flush since.
    as_read: bool,
    state: State,
}

impl Slot {
    /// One that had no tenant before.
    fn new(value: ValueId, state: State) -> Self {
        Self { value, generation: 0, image: NO_IMAGE, layer: 0, as_read: false, state }
    }
}

/// Makes an empty arena, for the metadata of an entity.
#[doc(hidden)]
pub fn new_arena<E: Entity>() -> Box<dyn Any + Send> {
    let values = Box::new(ValuesOf::<E>::new());
    Box::new(Arena::new(E::meta(), Values::new(values), Box::new(MapOf::<E::Key>::new())))
}

impl Arena {
    fn new(meta: &'static EntityMeta, values: Values, map: Box<dyn IdentityMap>) -> Self {
        Self {
            meta,
            slots: Vec::new(),
            free: Vec::new(),
            values,
            map,
            images: Vec::new(),
            dirty: 0,
            sent: Vec::new(),
            undo: Vec::new(),
            changed_since_read: Vec::new(),
            deleted: Vec::new(),
            hooks: None,
            moments: Moments::NONE,
        }
    }

    pub(crate) fn meta(&self) -> &'static EntityMeta {
        self.meta
    }

    // With the type: it is that of the arena's entities.

    /// The value behind a handle, if the handle is good.
    #[inline]
    pub(crate) fn read<E: Entity>(&self, handle: RawHandle) -> Option<&E> {
        let slot = self.slots.get(handle.slot as usize)?;
        if slot.generation == handle.generation { self.values.of::<E>().value(slot.value) } else { None }
    }

    /// The value behind a handle of this session, to be changed: takes the image on the first write after a flush.
    ///
    /// # Panics
    /// If the handle is stale or the entity deleted.
    #[inline]
    #[track_caller]
    pub(crate) fn write<E: Entity>(&mut self, handle: RawHandle) -> &mut E {
        self.begin_write(handle);
        let value = self.slots[handle.slot as usize].value;
        self.values.of_mut::<E>().value_mut(value).expect(HAS_VALUE)
    }

    /// A new value, not in the database yet.
    pub(crate) fn insert<E: Entity>(&mut self, value: E) -> u32 {
        let value = self.values.insert(value);
        self.occupy(value, State::Pending)
    }

    // Slots.

    pub(crate) fn len(&self) -> usize {
        self.slots.len()
    }

    pub(crate) fn state(&self, slot: u32) -> State {
        self.slots[slot as usize].state
    }

    pub(crate) fn set_state(&mut self, slot: u32, state: State) {
        self.slots[slot as usize].state = state;
    }

    /// Adds those of some places that are pending.
    pub(crate) fn keep_pending(&self, places: &[Place], pending: &mut Vec<Place>) {
        let is_pending = |place: &&Place| self.slots[place.slot as usize].state == State::Pending;
        pending.extend(places.iter().filter(is_pending));
    }

    /// The handle of a slot.
    pub(crate) fn handle(&self, slot: u32, session: NonZeroU32) -> RawHandle {
        RawHandle { session, slot, generation: self.slots[slot as usize].generation }
    }

    /// The slot of a handle that is not stale.
    pub(crate) fn slot(&self, handle: RawHandle) -> Option<u32> {
        let slot = self.slots.get(handle.slot as usize)?;
        (slot.generation == handle.generation && slot.value.is_some()).then_some(handle.slot)
    }

    /// Whether a handle may be written through.
    #[inline]
    pub(crate) fn is_writable(&self, handle: RawHandle) -> bool {
        self.slots
            .get(handle.slot as usize)
            .is_some_and(|slot| slot.generation == handle.generation && slot.state.is_live())
    }

    /// Takes in a new value: a `Box<E>`.
    pub(crate) fn insert_any(&mut self, value: Box<dyn Any + Send>) -> Option<u32> {
        let value = self.values.insert_any(value)?;
        Some(self.occupy(value, State::Pending))
    }

    /// Gives a new entity its key, where keys are made here.
    pub(crate) fn make_key(&mut self, slot: u32) {
        self.value_mut(slot).make_key();
    }

    /// Ends the slot's life: every handle to it is stale from now on.
    pub(crate) fn end(&mut self, slot: u32) {
        self.unmap(slot);
        self.end_guest(slot);
    }

    /// Ends the life of a slot whose key may be that of a tracked row, which keeps its place in the map.
    pub(crate) fn end_guest(&mut self, slot: u32) {
        if let Some(value) = self.vacate(slot) {
            self.values.remove(value);
        }
    }

    /// Copies a value that waits in a slot of its own onto another one, as a write does, and ends the first slot. The
    /// version stays; collections that are not set leave those of the other alone.
    pub(crate) fn merge(&mut self, guest: u32, onto: u32) {
        let Some(value) = self.vacate(guest) else { return };
        self.touch(onto);
        let target = self.slots[onto as usize].value;
        if let Some((value, target)) = self.values.pair(value, target) {
            keep_what_is_not_set(self.meta, value, target);
        }
        self.slots[onto as usize].value = value;
        self.values.remove(target);
    }

    /// Marks a slot that was never flushed as deleted. It ends with the layer.
    pub(crate) fn discard(&mut self, slot: u32, layer: usize) {
        self.slots[slot as usize].state = State::Deleted;
        self.deleted.push(slot);
        self.note(slot, layer, Undo::Added { unset: None });
    }

    /// Makes room for `rows` more.
    pub(crate) fn reserve(&mut self, rows: usize) {
        self.reserve_slots(rows);
        self.map.reserve(rows);
    }

    /// Makes room for `values` more, which have no keys yet.
    pub(crate) fn reserve_slots(&mut self, values: usize) {
        self.slots.reserve(values.saturating_sub(self.free.len()));
        self.values.reserve(values);
    }

    /// The slot that the next tenant gets.
    fn next_slot(&self) -> u32 {
        let fresh =
            || u32::try_from(self.slots.len()).expect("a session tracks fewer than 2^32 entities of a type");
        self.free.last().copied().unwrap_or_else(fresh)
    }

    fn occupy(&mut self, value: ValueId, state: State) -> u32 {
        let at = self.next_slot();
        match self.free.pop() {
            Some(at) => {
                let slot = &mut self.slots[at as usize];
                slot.value = value;
                slot.state = state;
            }
            None => self.slots.push(Slot::new(value, state)),
        }
        at
    }

    /// Ends the life of a slot that the map does not know, and answers its value.
    fn vacate(&mut self, at: u32) -> Option<ValueId> {
        if let Some(image) = self.drop_image(at) {
            self.values.remove(image);
        }
        let slot = &mut self.slots[at as usize];
        if slot.state == State::Vacant {
            return None;
        }
        slot.state = State::Vacant;
        slot.layer = 0;
        slot.as_read = false;
        slot.generation += 1;
        self.free.push(at);
        slot.value.take()
    }

    /// Gives a slot another value.
    fn replace(&mut self, slot: u32, value: ValueId) {
        let before = std::mem::replace(&mut self.slots[slot as usize].value, value);
        self.values.remove(before);
    }

    fn value(&self, slot: u32) -> &dyn AnyEntity {
        self.values.get(self.slots[slot as usize].value).expect(HAS_VALUE)
    }

    fn value_mut(&mut self, slot: u32) -> &mut dyn AnyEntity {
        self.values.get_mut(self.slots[slot as usize].value).expect(HAS_VALUE)
    }
}

const HAS_VALUE: &str = "a slot that is not vacant has a value";

/// Takes over what a merged value leaves alone: collections that are not set, the version, and columns of the database's.
fn keep_what_is_not_set(meta: &EntityMeta, value: &mut dyn AnyEntity, target: &dyn AnyEntity) {
    for relation in meta.relations {
        if let (LinkMut::Many(new), Link::Many(old)) =
            (value.link_mut(relation.position), target.link(relation.position))
            && new.state() == ManyState::NotSet
        {
            new.copy_from(old);
        }
    }
    let unset = value.unset();
    let is_unset = |bit: &usize| unset & (1 << bit) != 0;
    let left = (0..meta.server_defaults.len()).filter(is_unset).map(|bit| meta.server_defaults[bit]);
    let kept = meta.version.into_iter().chain(meta.generated.iter().copied()).chain(left);
    for column in kept {
        columns::copy(target, value, column);
    }
}

/// What is wrong with a handle that nothing stands behind any more.
pub(crate) fn stale(entity: &str) -> String {
    format!(
        "this handle of {entity} is stale: its entity has left the session (its delete was committed, its add rolled \
         back, or it was detached or cleared); `peek` answers None instead of panicking"
    )
}
