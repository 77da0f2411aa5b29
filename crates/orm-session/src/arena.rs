//! Where a session keeps the entities of one type: slots, identity map, images and undo lists.
//!
//! - A *slot* holds the value that the program reads and writes.
//! - The *image* of a slot is the row as the transaction has it, cloned by the first write after a flush. A slot
//!   without an image is not dirty, so a flush looks at images only, never at everything tracked.
//! - Images that are on their way to the database are *sent*: a write meanwhile takes a fresh image, so that
//!   settling a flush whose future was dropped loses nothing.
//! - The *undo list* of a layer (the transaction, and each savepoint in it) says how to take a slot back to where it
//!   was when the layer began.

mod erased;
mod hooks;
mod members;
mod parts;
mod undo;

pub(crate) use erased::{Adopt, AnyArena, Finder};
pub(crate) use members::Members;
pub(crate) use parts::{Part, Parts};

use std::any::Any;
use std::collections::HashMap;
use std::num::NonZeroU32;

use orm_core::Cells;
use orm_core::entity::{Entity, RelationKind};
use orm_core::handle::RawHandle;
use orm_core::relation::{Link, LinkMut};

use crate::state::State;
use hooks::HookList;
use undo::{Entry, Undo};

type Map<K> = HashMap<K, u32, foldhash::fast::RandomState>;

const NO_IMAGE: u32 = u32::MAX;

/// The entities of one type in one session.
pub(crate) struct Arena<E: Entity> {
    slots: Vec<Slot<E>>,
    free: Vec<u32>,
    /// The identity map: one slot per key. Keyed by the row's key as the transaction has it.
    map: Map<E::Key>,
    images: Vec<Image<E>>,
    /// How many of `images` are still held: those of discarded changes are not.
    dirty: usize,
    sent: Vec<Image<E>>,
    /// One list per layer, the transaction's first.
    undo: Vec<Vec<Entry<E>>>,
    /// Rows of slots that were read in the transaction, as they were read, where a flush changed them since: a rollback
    /// forgets such slots, a recovery needs the row.
    changed_since_read: Vec<Image<E>>,
    /// Slots that are deleted and not committed.
    deleted: Vec<u32>,
    hooks: HookList<E>,
}

struct Slot<E> {
    value: Option<E>,
    generation: u32,
    /// The place of its image, or `NO_IMAGE`.
    image: u32,
    /// One more than the innermost layer whose undo list names it; 0 for none.
    layer: u16,
    /// Read in the transaction, where it may be uncommitted, and not changed by a flush since.
    as_read: bool,
    state: State,
}

impl<E> Slot<E> {
    /// One that had no tenant before.
    fn new(value: E, state: State) -> Self {
        Self { value: Some(value), generation: 0, image: NO_IMAGE, layer: 0, as_read: false, state }
    }
}

/// A row as the transaction has it, and whose it is.
struct Image<E> {
    slot: u32,
    value: Option<E>,
}

/// Makes an empty arena, for the metadata of an entity.
#[doc(hidden)]
pub fn new_arena<E: Entity>() -> Box<dyn Any + Send> {
    let arena: Box<dyn AnyArena> = Box::new(Arena::<E>::new());
    Box::new(arena)
}

impl<E: Entity> Arena<E> {
    fn new() -> Self {
        Self {
            slots: Vec::new(),
            free: Vec::new(),
            map: Map::default(),
            images: Vec::new(),
            dirty: 0,
            sent: Vec::new(),
            undo: Vec::new(),
            changed_since_read: Vec::new(),
            deleted: Vec::new(),
            hooks: HookList::default(),
        }
    }

    /// The value behind a handle, if the handle is good.
    #[inline]
    pub(crate) fn read(&self, handle: RawHandle) -> Option<&E> {
        let slot = self.slots.get(handle.slot as usize)?;
        if slot.generation == handle.generation { slot.value.as_ref() } else { None }
    }

    /// The value behind a handle of this session, to be changed: takes the image on the first write after a flush.
    ///
    /// # Panics
    /// If the handle is stale or the entity deleted.
    #[inline]
    #[track_caller]
    pub(crate) fn write(&mut self, handle: RawHandle) -> &mut E {
        if !self.is_writable(handle) {
            self.refuse_write(handle);
        }
        let slot = &self.slots[handle.slot as usize];
        if slot.image == NO_IMAGE && slot.state != State::Pending {
            self.take_image(handle.slot);
        }
        self.value_mut(handle.slot)
    }

    #[cold]
    #[track_caller]
    fn refuse_write(&self, handle: RawHandle) -> ! {
        let entity = E::meta().name;
        if self.read(handle).is_none() {
            panic!("{}", stale(entity));
        }
        let key = self.key_text(handle.slot).map_or(format!("new {entity}"), |key| format!("{entity} {key}"));
        panic!("{key} is deleted: it can be read until the commit, but not written")
    }

    /// Keeps a copy of the row, before the first write.
    fn take_image(&mut self, slot: u32) {
        self.reserve_image();
        let at = self.images.len() as u32;
        let place = &mut self.slots[slot as usize];
        self.images.push(Image { slot, value: place.value.clone() });
        place.image = at;
        self.dirty += 1;
    }

    /// Makes room for one more image. A program that wrote many is likely to write most: moving them each time their
    /// number doubles would cost as much as cloning them.
    #[inline]
    fn reserve_image(&mut self) {
        if self.images.len() == self.images.capacity() {
            self.images.reserve(self.slots.len().min(self.images.len() * 7 + 4));
        }
    }

    /// A new value, not in the database yet.
    pub(crate) fn insert(&mut self, value: E) -> u32 {
        self.occupy(value, State::Pending)
    }

    /// The slot of a key in the identity map, whatever its state.
    pub(crate) fn find(&self, key: &E::Key) -> Option<u32> {
        self.map.get(key).copied()
    }

    /// Takes in a row that was read: the slot that has its key keeps its value, a new key gets a new slot. Slots read
    /// while `uncommitted` work is in the transaction are forgotten by its rollback.
    pub(crate) fn adopt(&mut self, row: E, uncommitted: Option<usize>) -> u32 {
        // A row has a key; an auto key of 0 is stored by others than us, and not mapped.
        if let Some(key) = row.key() {
            let next = self.next_slot();
            // Looked up and mapped at once: the key is hashed once.
            let slot = *self.map.entry(key).or_insert(next);
            if slot != next {
                return slot;
            }
        }
        let slot = self.occupy(row, State::Persistent);
        if let Some(layer) = uncommitted {
            self.note(slot, layer, Undo::Loaded);
        }
        self.loaded(slot);
        slot
    }

    /// Takes in rows that were read where none is tracked yet, as they are: nothing is moved. Answers their slots.
    fn adopt_first(&mut self, mut rows: Vec<Slot<E>>, uncommitted: Option<usize>) -> Vec<u32> {
        let mut slots = Vec::with_capacity(rows.len());
        let mut next = self.next_slot();
        rows.retain(|row| {
            let key = row.value.as_ref().and_then(E::key);
            let slot = key.map_or(next, |key| *self.map.entry(key).or_insert(next));
            slots.push(slot);
            let is_first = slot == next;
            next += u32::from(is_first);
            is_first
        });
        self.slots = rows;
        for slot in 0..next {
            if let Some(layer) = uncommitted {
                self.note(slot, layer, Undo::Loaded);
            }
            self.loaded(slot);
        }
        slots
    }

    /// Takes in a row that was read, over what the slot that has its key holds: its pending changes are gone. A pending
    /// delete stays, with the value that it has.
    pub(crate) fn adopt_over(&mut self, row: E, uncommitted: Option<usize>) -> u32 {
        match row.key().and_then(|key| self.find(&key)) {
            Some(slot) if self.slots[slot as usize].state == State::Persistent => {
                self.overwrite(slot, row, uncommitted);
                slot
            }
            _ => self.adopt(row, uncommitted),
        }
    }

    /// The key of the row, if there is one.
    pub(crate) fn key_of_row(&self, slot: u32) -> Option<E::Key> {
        match self.slots[slot as usize].state {
            State::Persistent | State::Deleting => self.row_key(slot),
            _ => None,
        }
    }

    /// Whether a handle may be written through.
    #[inline]
    pub(crate) fn is_writable(&self, handle: RawHandle) -> bool {
        self.slots
            .get(handle.slot as usize)
            .is_some_and(|slot| slot.generation == handle.generation && slot.state.is_live())
    }

    /// Makes room for `rows` more.
    pub(crate) fn reserve(&mut self, rows: usize) {
        self.reserve_slots(rows);
        self.reserve_keys(rows);
    }

    /// Makes room for the keys of `rows` more.
    fn reserve_keys(&mut self, rows: usize) {
        self.map.reserve(rows);
    }

    /// Makes room for `values` more, which have no keys yet.
    pub(crate) fn reserve_slots(&mut self, values: usize) {
        self.slots.reserve(values.saturating_sub(self.free.len()));
    }

    /// Overwrites a slot with a freshly read row. Its pending changes are gone; where the row may be `uncommitted`, a
    /// rollback brings the one before back.
    pub(crate) fn overwrite(&mut self, slot: u32, row: E, uncommitted: Option<usize>) {
        self.unmap(slot);
        let image = self.drop_image(slot);
        if let Some(layer) = uncommitted {
            let before = image.unwrap_or_else(|| self.value(slot).clone());
            self.note(slot, layer, Undo::Value(before));
        }
        let place = &mut self.slots[slot as usize];
        place.value = Some(row);
        place.state = State::Persistent;
        self.remap(slot);
        self.loaded(slot);
    }

    /// The row of a slot was read again: where the slot has no pending changes, its columns follow. Links and collections
    /// stay, where their columns did.
    pub(crate) fn renew(&mut self, slot: u32, row: &E, uncommitted: Option<usize>) {
        if self.slots[slot as usize].image != NO_IMAGE {
            return;
        }
        if let Some(layer) = uncommitted {
            self.note(slot, layer, Undo::Value(self.value(slot).clone()));
        }
        copy_columns(row, self.value_mut(slot), &[]);
        self.loaded(slot);
    }

    /// The row of a slot was changed by a statement. Columns that the program has written keep its value; links and
    /// collections stay, where their columns did.
    fn follow_row(&mut self, slot: u32, row: E, layer: usize) {
        let mut written = Vec::new();
        if let Some(image) = self.image(slot) {
            self.value(slot).differences(image, &mut written);
        }
        let before = self.image(slot).unwrap_or_else(|| self.value(slot)).clone();
        self.note(slot, layer, Undo::Value(before));
        if let Some(image) = self.image_mut(slot) {
            copy_columns(&row, image, &[]);
        }
        copy_columns(&row, self.value_mut(slot), &written);
    }

    /// The handle of a slot.
    pub(crate) fn handle(&self, slot: u32, session: NonZeroU32) -> RawHandle {
        RawHandle { session, slot, generation: self.slots[slot as usize].generation }
    }

    /// The slot that the next tenant gets.
    fn next_slot(&self) -> u32 {
        let fresh =
            || u32::try_from(self.slots.len()).expect("a session tracks fewer than 2^32 entities of a type");
        self.free.last().copied().unwrap_or_else(fresh)
    }

    fn occupy(&mut self, value: E, state: State) -> u32 {
        let at = self.next_slot();
        match self.free.pop() {
            Some(at) => {
                let slot = &mut self.slots[at as usize];
                slot.value = Some(value);
                slot.state = state;
            }
            None => {
                self.slots.push(Slot::new(value, state));
            }
        }
        at
    }

    /// Ends a slot's life: every handle to it is stale from now on.
    fn vacate(&mut self, at: u32) -> Option<E> {
        self.unmap(at);
        self.vacate_unmapped(at)
    }

    fn vacate_unmapped(&mut self, at: u32) -> Option<E> {
        self.drop_image(at);
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

    fn value(&self, slot: u32) -> &E {
        self.slots[slot as usize].value.as_ref().expect("a slot that is not vacant has a value")
    }

    fn value_mut(&mut self, slot: u32) -> &mut E {
        self.slots[slot as usize].value.as_mut().expect("a slot that is not vacant has a value")
    }

    /// The row as the transaction has it, if the slot was written since the last flush.
    fn image(&self, slot: u32) -> Option<&E> {
        match self.slots[slot as usize].image {
            NO_IMAGE => None,
            at => self.images[at as usize].value.as_ref(),
        }
    }

    fn image_mut(&mut self, slot: u32) -> Option<&mut E> {
        match self.slots[slot as usize].image {
            NO_IMAGE => None,
            at => self.images[at as usize].value.as_mut(),
        }
    }

    fn drop_image(&mut self, slot: u32) -> Option<E> {
        match std::mem::replace(&mut self.slots[slot as usize].image, NO_IMAGE) {
            NO_IMAGE => None,
            at => {
                self.dirty -= 1;
                self.images[at as usize].value.take()
            }
        }
    }

    fn set_image(&mut self, slot: u32, value: E) {
        if let Some(image) = self.image_mut(slot) {
            *image = value;
            return;
        }
        self.reserve_image();
        self.slots[slot as usize].image = self.images.len() as u32;
        self.dirty += 1;
        self.images.push(Image { slot, value: Some(value) });
    }

    /// The key under which the identity map knows the slot: the row's, not one that was only written to memory.
    fn row_key(&self, slot: u32) -> Option<E::Key> {
        match self.image(slot) {
            Some(image) => image.key(),
            None => self.slots[slot as usize].value.as_ref()?.key(),
        }
    }

    fn unmap(&mut self, slot: u32) {
        if let Some(key) = self.row_key(slot)
            && self.map.get(&key) == Some(&slot)
        {
            self.map.remove(&key);
        }
    }

    fn remap(&mut self, slot: u32) {
        if let Some(key) = self.row_key(slot) {
            self.map.insert(key, slot);
        }
    }

    /// Where a layer's undo list says nothing of the slot yet, adds an entry.
    fn note(&mut self, slot: u32, layer: usize, undo: Undo<E>) {
        let mark = layer as u16 + 1;
        let outer = self.slots[slot as usize].layer;
        if outer >= mark {
            return;
        }
        self.slots[slot as usize].layer = mark;
        self.slots[slot as usize].as_read = matches!(undo, Undo::Loaded);
        if self.undo.len() <= layer {
            self.undo.resize_with(layer + 1, Vec::new);
        }
        let generation = self.slots[slot as usize].generation;
        self.undo[layer].push(Entry { slot, generation, outer, undo });
    }
}

/// What is wrong with a handle that nothing stands behind any more.
pub(crate) fn stale(entity: &str) -> String {
    format!(
        "this handle of {entity} is stale: its entity has left the session (its delete was committed, its add rolled \
         back, or it was detached or cleared); `peek` answers None instead of panicking"
    )
}

/// Copies the columns of a row onto a value, but for some of them.
fn copy_columns<E: Entity>(row: &E, value: &mut E, but: &[u16]) {
    let mut cells = Cells::default();
    let mut changed = Vec::new();
    row.differences(value, &mut changed);
    for column in changed.into_iter().filter(|column| !but.contains(column)) {
        cells.clear();
        row.encode(usize::from(column), &mut cells);
        // Of the own type, so it fits. The columns of links are left alone here.
        let _ = value.assign(usize::from(column), cells.value(0));
        for relation in E::meta().relations {
            let RelationKind::BelongsTo { columns, .. } = relation.kind else { continue };
            if columns.contains(&usize::from(column))
                && let (LinkMut::One(link), Link::One(from)) =
                    (value.link_mut(relation.position), row.link(relation.position))
            {
                link.restore(&*from.save());
            }
        }
    }
}
