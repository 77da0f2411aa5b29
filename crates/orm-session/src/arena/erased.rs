//! An arena without its type: how the unit of work and the loaders treat all entities alike.

use std::any::Any;
use std::num::NonZeroU32;

use orm_core::entity::{Entity, EntityMeta, Key};
use orm_core::handle::RawHandle;
use orm_core::relation::{Link, LinkMut, ManyState};
use orm_core::row::{CellsRow, Row};
use orm_core::value::ValueRef;
use orm_core::{Cells, Result};

use super::members::Members;
use super::parts::{Joined, Keys, Part, Rows};
use super::undo::{Recovered, Undo};
use super::{Arena, Image, Map, NO_IMAGE, Slot};
use crate::events::Moments;
use crate::state::State;
use crate::tracker::Place;

/// What the session does with an arena without knowing its type. A slot given to it exists.
pub(crate) trait AnyArena: Any + Send {
    fn meta(&self) -> &'static EntityMeta;
    fn as_any(&self) -> &dyn Any;
    fn as_any_mut(&mut self) -> &mut dyn Any;

    // Slots.

    fn len(&self) -> usize;
    fn state(&self, slot: u32) -> State;
    fn set_state(&mut self, slot: u32, state: State);
    /// Adds those of some places that are pending.
    fn keep_pending(&self, places: &[Place], pending: &mut Vec<Place>);
    fn handle(&self, slot: u32, session: NonZeroU32) -> RawHandle;
    /// The slot of a handle that is not stale.
    fn slot(&self, handle: RawHandle) -> Option<u32>;
    /// Takes in a new value: a `Box<E>`.
    fn insert_any(&mut self, value: Box<dyn Any + Send>) -> Option<u32>;
    /// Gives a new entity its key, where keys are made here.
    fn make_key(&mut self, slot: u32);
    /// Ends the slot's life.
    fn end(&mut self, slot: u32);
    /// Ends the life of a slot that nobody has a handle to.
    fn end_guest(&mut self, slot: u32);
    /// Copies a value that waits in a slot of its own onto another one, as a write does, and ends the first slot. The
    /// version stays; collections that are not set leave those of the other alone.
    fn merge(&mut self, guest: u32, onto: u32);
    /// Marks a slot that was never flushed as deleted. It ends with the layer.
    fn discard(&mut self, slot: u32, layer: usize);

    // Keys.

    /// The key in the value, an `E::Key`.
    fn key(&self, slot: u32) -> Option<Box<dyn Any>>;
    /// The key as a person reads it.
    fn key_text(&self, slot: u32) -> Option<String>;
    /// Whether the value has this key.
    fn has_key(&self, slot: u32, key: &dyn Any) -> bool;
    /// The key of the row, as the transaction has it, an `E::Key`.
    fn row_key_any(&self, slot: u32) -> Option<Box<dyn Any>>;
    /// Finds slots by keys that they had, each an `E::Key`.
    fn finder(&self, had: Vec<(u32, Box<dyn Any>)>) -> Finder;
    fn find_any(&self, key: &dyn Any) -> Option<u32>;
    /// The slot that the identity map has for the key in these cells.
    fn find_encoded(&self, key: Cells) -> Option<u32>;
    /// The slot that the identity map has for the key of this slot's value.
    fn find_same_key(&self, slot: u32) -> Option<u32>;
    /// Two of these slots whose values have one key.
    fn equal_keys(&self, slots: &[u32]) -> Option<(u32, u32)>;
    /// Whether the value has a key.
    fn is_keyed(&self, slot: u32) -> bool;
    /// Sorts slots, each with something of its own, by the key of their rows.
    fn sort_by_row_key(&self, slots: &mut [(u32, u32)]);
    /// Adds the key of the row, as the transaction has it.
    fn encode_row_key(&self, slot: u32, cells: &mut Cells);
    /// Adds the key in the value.
    fn encode_key(&self, slot: u32, cells: &mut Cells);
    /// The members' keys for serde: a `Vec<E::Key>`. Stale handles are passed over.
    fn keys_of(&self, members: &[RawHandle]) -> Box<dyn Any>;

    // Values and images.

    /// Takes the image if there is none, as a write does.
    fn touch(&mut self, slot: u32);
    fn is_dirty(&self, slot: u32) -> bool;
    /// The slots with an image, in the order of their first writes.
    fn dirty_slots(&self) -> Vec<u32>;
    /// The slots that have an image, and those that the open transaction has written or may take back.
    fn written_slots(&self) -> Vec<u32>;
    /// How many slots have an image.
    fn dirty(&self) -> usize;
    fn encode(&self, slot: u32, column: usize, cells: &mut Cells);
    /// Adds some columns of several values, row after row.
    fn encode_rows(&self, rows: &[Place], columns: &[usize], cells: &mut Cells);
    /// Adds, for several rows, some columns of the new value and the key of the row, as the transaction has it.
    fn encode_updates(&self, values: &[Place], rows: &[Place], columns: &[usize], cells: &mut Cells);
    /// Adds the column of the row as the transaction has it.
    fn encode_row(&self, slot: u32, column: usize, cells: &mut Cells);
    /// Compares each stored row that has an image with it, in the order of first writes.
    fn compare_images(&self, each: EachChange<'_>) -> Result<()>;
    /// Writes a column of the value.
    fn assign(&mut self, slot: u32, column: usize, value: ValueRef<'_>);
    /// The database gave a column this: the row has it, and the value, unless the program has written the field since.
    fn fill(&mut self, slot: u32, column: usize, value: ValueRef<'_>);
    /// Whether the key is the program's to give, and which of the columns with a default of the database's are unset.
    fn given(&self, slot: u32) -> (bool, u64);
    /// Writes a column of the value, and of its image if it has one: the row has this.
    fn assign_row(&mut self, slot: u32, column: usize, value: ValueRef<'_>);
    /// Writes a column of the image alone: the row has this, the program wants something else.
    fn assign_image(&mut self, slot: u32, column: usize, value: ValueRef<'_>);
    /// Writes a column of the value alone.
    fn assign_value(&mut self, slot: u32, column: usize, value: ValueRef<'_>);
    /// Takes the slot out of the identity map while its row's key changes, and puts it back.
    fn unmap(&mut self, slot: u32);
    fn remap(&mut self, slot: u32);

    // Hooks.

    /// The moments at which this type has hooks.
    fn moments(&self) -> Moments;
    /// Runs the hooks of one moment on one entity.
    fn run_hooks(&mut self, slot: u32, moment: Moments) -> Result<()>;

    // Relations.

    fn link(&self, slot: u32, relation: usize) -> Link<'_>;
    fn link_mut(&mut self, slot: u32, relation: usize) -> LinkMut<'_>;
    fn image_link(&self, slot: u32, relation: usize) -> Option<Link<'_>>;
    fn image_link_mut(&mut self, slot: u32, relation: usize) -> Option<LinkMut<'_>>;

    // Flush and transaction; see `undo`.

    fn send(&mut self, inserts: &[u32]);
    fn unsend(&mut self, inserts: &[u32]);
    fn settle_images(&mut self, layer: Option<usize>);
    fn settle_inserts(&mut self, slots: &[u32], generated: &[i64], layer: Option<usize>);
    fn settle_deletes(&mut self, slots: &[u32], layer: Option<usize>);
    fn commit(&mut self);
    fn release(&mut self, layer: usize);
    fn rollback(&mut self, layer: usize);
    fn recover(&mut self) -> Recovered;
    /// Before the session itself changes a slot that is not dirty: how to take it back.
    fn save_undo(&mut self, slot: u32, layer: usize);
    /// After every slot was ended: nothing is left to take back.
    fn forget_undo(&mut self);

    // Loading.

    /// A collector of rows of this type, and one of keys of this type that stand at a column of other rows.
    fn rows_part(&self) -> Box<dyn Part>;
    /// A collector of the rows of this type that stand at a column of other rows, where they are not all NULL.
    fn joined_part(&self, at: usize) -> Box<dyn Part>;
    fn keys_part(&self, at: usize) -> Box<dyn Part>;
    /// Takes in what `rows_part` or `joined_part` collected.
    fn adopt_part(&mut self, rows: Box<dyn Any>, how: Adopt) -> Vec<u32>;
    /// Links of stored rows without pending changes that hold this key lead to the entity that has it.
    fn attach(&mut self, relation: usize, rows: &[RawHandle], target: RawHandle, key: &dyn Any, how: Adopt);
    /// Rows that a statement changed, collected by `rows_part`: the slots that have their keys follow, but for the columns
    /// that the program has written.
    fn follow_update(&mut self, rows: Box<dyn Any>, layer: usize);
    /// The slots of the keys that `keys_part` collected.
    fn find_part(&self, keys: Box<dyn Any>) -> Vec<Option<u32>>;
    /// Those of some slots that can be members, each with its owner: by owner, then in the order given.
    fn members(&self, slots: &[u32], owners: &[Option<u32>], session: NonZeroU32) -> Members;
    /// Puts the members of each owner in the order of their rows' keys, as the database has it.
    fn order_by_key(&self, members: &mut Members);
}

/// How rows that were read are taken in.
#[derive(Clone, Copy)]
pub(crate) struct Adopt {
    /// The layer whose end takes them back, where they may be uncommitted.
    pub(crate) uncommitted: Option<usize>,
    /// Whether they overwrite what is tracked.
    pub(crate) over: bool,
}

/// What is called for each row with an image: the slot, whether its value has a key, and the columns that differ.
pub(crate) type EachChange<'a> = &'a mut dyn FnMut(u32, bool, &mut Vec<u16>) -> Result<()>;

/// Answers the slot that had a key.
pub(crate) type Finder = Box<dyn Fn(&dyn Any) -> Option<u32>>;

impl<E: Entity> AnyArena for Arena<E> {
    fn meta(&self) -> &'static EntityMeta {
        E::meta()
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }

    fn len(&self) -> usize {
        self.slots.len()
    }

    fn state(&self, slot: u32) -> State {
        self.slots[slot as usize].state
    }

    fn set_state(&mut self, slot: u32, state: State) {
        self.slots[slot as usize].state = state;
    }

    fn keep_pending(&self, places: &[Place], pending: &mut Vec<Place>) {
        let is_pending = |place: &&Place| self.slots[place.slot as usize].state == State::Pending;
        pending.extend(places.iter().filter(is_pending));
    }

    fn handle(&self, slot: u32, session: NonZeroU32) -> RawHandle {
        Arena::handle(self, slot, session)
    }

    fn slot(&self, handle: RawHandle) -> Option<u32> {
        self.read(handle).map(|_| handle.slot)
    }

    fn make_key(&mut self, slot: u32) {
        self.value_mut(slot).make_key();
    }

    fn insert_any(&mut self, value: Box<dyn Any + Send>) -> Option<u32> {
        value.downcast::<E>().ok().map(|value| self.insert(*value))
    }

    fn end(&mut self, slot: u32) {
        self.vacate(slot);
    }

    fn end_guest(&mut self, slot: u32) {
        // Its key may be that of a tracked row, which keeps its place in the map.
        self.vacate_unmapped(slot);
    }

    fn merge(&mut self, guest: u32, onto: u32) {
        let Some(mut value) = self.vacate_unmapped(guest) else { return };
        self.touch(onto);
        let target = self.value_mut(onto);
        for relation in E::meta().relations {
            if let (LinkMut::Many(new), Link::Many(old)) =
                (value.link_mut(relation.position), target.link(relation.position))
                && new.state() == ManyState::NotSet
            {
                new.copy_from(old);
            }
        }
        let meta = E::meta();
        let unset = value.unset();
        let is_unset = |bit: &usize| unset & (1 << bit) != 0;
        let left = (0..meta.server_defaults.len()).filter(is_unset).map(|bit| meta.server_defaults[bit]);
        let kept = meta.version.into_iter().chain(meta.generated.iter().copied()).chain(left);
        for column in kept {
            let mut cells = Cells::default();
            target.encode(column, &mut cells);
            let _ = value.assign(column, cells.value(0));
        }
        *target = value;
    }

    fn discard(&mut self, slot: u32, layer: usize) {
        self.slots[slot as usize].state = State::Deleted;
        self.deleted.push(slot);
        self.note(slot, layer, Undo::Added { unset: None });
    }

    fn key(&self, slot: u32) -> Option<Box<dyn Any>> {
        self.value(slot).key().map(|key| Box::new(key) as Box<dyn Any>)
    }

    fn key_text(&self, slot: u32) -> Option<String> {
        let key = self.row_key(slot).or_else(|| self.value(slot).key())?;
        Some(format!("{key:?}"))
    }

    fn has_key(&self, slot: u32, key: &dyn Any) -> bool {
        self.value(slot).key().is_some_and(|own| key.downcast_ref() == Some(&own))
    }

    fn row_key_any(&self, slot: u32) -> Option<Box<dyn Any>> {
        self.row_key(slot).map(|key| Box::new(key) as Box<dyn Any>)
    }

    fn finder(&self, had: Vec<(u32, Box<dyn Any>)>) -> Finder {
        let keys = had.into_iter().filter_map(|(slot, key)| Some((*key.downcast::<E::Key>().ok()?, slot)));
        let known: Map<E::Key> = keys.collect();
        Box::new(move |key| known.get(key.downcast_ref()?).copied())
    }

    fn find_any(&self, key: &dyn Any) -> Option<u32> {
        self.find(key.downcast_ref()?)
    }

    fn find_encoded(&self, key: Cells) -> Option<u32> {
        let key = E::Key::decode(&Row::new(&CellsRow(key)), 0).ok()?;
        self.find(&key)
    }

    fn find_same_key(&self, slot: u32) -> Option<u32> {
        self.find(&self.value(slot).key()?)
    }

    fn equal_keys(&self, slots: &[u32]) -> Option<(u32, u32)> {
        let mut seen: Map<E::Key> = Map::default();
        slots.iter().find_map(|&slot| {
            let before = seen.insert(self.value(slot).key()?, slot)?;
            Some((before, slot))
        })
    }

    fn is_keyed(&self, slot: u32) -> bool {
        self.value(slot).key().is_some()
    }

    fn sort_by_row_key(&self, slots: &mut [(u32, u32)]) {
        // Rows that were read in key order stay so: the common case is one pass.
        if !slots.is_sorted_by_key(|&(slot, _)| self.row_key(slot)) {
            slots.sort_by_cached_key(|&(slot, _)| self.row_key(slot));
        }
    }

    fn encode_row_key(&self, slot: u32, cells: &mut Cells) {
        if let Some(key) = self.row_key(slot) {
            key.encode(cells);
        }
    }

    fn encode_key(&self, slot: u32, cells: &mut Cells) {
        if let Some(key) = self.value(slot).key() {
            key.encode(cells);
        }
    }

    fn keys_of(&self, members: &[RawHandle]) -> Box<dyn Any> {
        let mut keys: Vec<E::Key> = Vec::with_capacity(members.len());
        keys.extend(members.iter().filter_map(|&member| self.read(member)?.key()));
        Box::new(keys)
    }

    fn touch(&mut self, slot: u32) {
        let handle =
            RawHandle { session: NonZeroU32::MIN, slot, generation: self.slots[slot as usize].generation };
        if self.is_writable(handle) {
            self.write(handle);
        }
    }

    fn is_dirty(&self, slot: u32) -> bool {
        self.slots[slot as usize].image != NO_IMAGE
    }

    fn dirty_slots(&self) -> Vec<u32> {
        self.images.iter().filter(|image| image.value.is_some()).map(|image| image.slot).collect()
    }

    fn written_slots(&self) -> Vec<u32> {
        let mut slots = self.dirty_slots();
        slots.extend(self.undo_slots());
        slots
    }

    fn dirty(&self) -> usize {
        self.dirty
    }

    fn encode(&self, slot: u32, column: usize, cells: &mut Cells) {
        self.value(slot).encode(column, cells);
    }

    fn encode_rows(&self, rows: &[Place], columns: &[usize], cells: &mut Cells) {
        cells.reserve(rows.len() * columns.len());
        encode_alike(rows, cells, |row, cells| {
            let value = self.value(row.slot);
            columns.iter().for_each(|&column| value.encode(column, cells));
        });
    }

    fn encode_updates(&self, values: &[Place], rows: &[Place], columns: &[usize], cells: &mut Cells) {
        cells.reserve(rows.len() * (columns.len() + E::meta().key.len()));
        let mut values = values.iter();
        encode_alike(rows, cells, |row, cells| {
            if let Some(place) = values.next() {
                let value = self.value(place.slot);
                columns.iter().for_each(|&column| value.encode(column, cells));
            }
            self.encode_row_key(row.slot, cells);
        });
    }

    fn encode_row(&self, slot: u32, column: usize, cells: &mut Cells) {
        self.image(slot).unwrap_or_else(|| self.value(slot)).encode(column, cells);
    }

    fn compare_images(&self, each: EachChange<'_>) -> Result<()> {
        let mut columns = Vec::new();
        for Image { slot, value: image } in &self.images {
            let (Some(image), Slot { value: Some(value), state: State::Persistent, .. }) =
                (image, &self.slots[*slot as usize])
            else {
                continue;
            };
            columns.clear();
            value.differences(image, &mut columns);
            each(*slot, value.key().is_some(), &mut columns)?;
        }
        Ok(())
    }

    fn assign(&mut self, slot: u32, column: usize, value: ValueRef<'_>) {
        let _ = self.value_mut(slot).assign(column, value);
    }

    fn fill(&mut self, slot: u32, column: usize, value: ValueRef<'_>) {
        let Some(image) = self.image(slot) else { return self.assign(slot, column, value) };
        let mut cells = Cells::default();
        image.encode(column, &mut cells);
        self.value(slot).encode(column, &mut cells);
        let is_written = !cells.same(0, 1);
        if let Some(image) = self.image_mut(slot) {
            let _ = image.assign(column, value);
        }
        if !is_written {
            self.assign(slot, column, value);
        }
    }

    fn given(&self, slot: u32) -> (bool, u64) {
        let value = self.value(slot);
        (!E::meta().auto_key || value.key().is_some(), value.unset())
    }

    fn assign_row(&mut self, slot: u32, column: usize, value: ValueRef<'_>) {
        AnyArena::assign_image(self, slot, column, value);
        let _ = self.value_mut(slot).assign(column, value);
    }

    fn assign_image(&mut self, slot: u32, column: usize, value: ValueRef<'_>) {
        if let Some(image) = self.image_mut(slot) {
            let _ = image.assign(column, value);
        }
    }

    fn assign_value(&mut self, slot: u32, column: usize, value: ValueRef<'_>) {
        let _ = self.value_mut(slot).assign(column, value);
    }

    fn unmap(&mut self, slot: u32) {
        Arena::unmap(self, slot);
    }

    fn remap(&mut self, slot: u32) {
        Arena::remap(self, slot);
    }

    fn moments(&self) -> Moments {
        self.hooks.moments
    }

    fn run_hooks(&mut self, slot: u32, moment: Moments) -> Result<()> {
        Arena::run_hooks(self, slot, moment)
    }

    fn link(&self, slot: u32, relation: usize) -> Link<'_> {
        self.value(slot).link(relation)
    }

    fn link_mut(&mut self, slot: u32, relation: usize) -> LinkMut<'_> {
        self.value_mut(slot).link_mut(relation)
    }

    fn image_link(&self, slot: u32, relation: usize) -> Option<Link<'_>> {
        self.image(slot).map(|image| image.link(relation))
    }

    fn image_link_mut(&mut self, slot: u32, relation: usize) -> Option<LinkMut<'_>> {
        self.image_mut(slot).map(|image| image.link_mut(relation))
    }

    fn send(&mut self, inserts: &[u32]) {
        self.send_images();
        for &slot in inserts {
            self.slots[slot as usize].state = State::Inserting;
        }
    }

    fn unsend(&mut self, inserts: &[u32]) {
        self.return_images();
        for &slot in inserts {
            self.drop_image(slot);
            self.slots[slot as usize].state = State::Pending;
        }
    }

    fn settle_images(&mut self, layer: Option<usize>) {
        Arena::settle_images(self, layer);
    }

    fn settle_inserts(&mut self, slots: &[u32], generated: &[i64], layer: Option<usize>) {
        Arena::settle_inserts(self, slots, generated, layer);
    }

    fn settle_deletes(&mut self, slots: &[u32], layer: Option<usize>) {
        Arena::settle_deletes(self, slots, layer);
    }

    fn commit(&mut self) {
        self.commit_layers();
    }

    fn release(&mut self, layer: usize) {
        self.release_layers(layer);
    }

    fn rollback(&mut self, layer: usize) {
        self.rollback_layers(layer);
    }

    fn recover(&mut self) -> Recovered {
        self.recover_layers()
    }

    fn save_undo(&mut self, slot: u32, layer: usize) {
        if self.slots[slot as usize].layer as usize > layer || self.is_dirty(slot) {
            return;
        }
        let row = self.value(slot).clone();
        self.note(slot, layer, Undo::Value(row));
    }

    fn forget_undo(&mut self) {
        self.undo.clear();
        self.images.clear();
        self.deleted.clear();
    }

    fn rows_part(&self) -> Box<dyn Part> {
        Box::new(Rows::<E>(Vec::new()))
    }

    fn joined_part(&self, at: usize) -> Box<dyn Part> {
        Box::new(Joined::<E> { at, rows: Vec::new() })
    }

    fn keys_part(&self, at: usize) -> Box<dyn Part> {
        Box::new(Keys::<E::Key> { at, keys: Vec::new() })
    }

    fn adopt_part(&mut self, rows: Box<dyn Any>, how: Adopt) -> Vec<u32> {
        let rows = rows.downcast::<Vec<Slot<E>>>().map(|rows| *rows).unwrap_or_default();
        self.reserve_keys(rows.len());
        if self.slots.is_empty() && !how.over {
            return self.adopt_first(rows, how.uncommitted);
        }
        self.reserve_slots(rows.len());
        let rows = rows.into_iter().filter_map(|slot| slot.value);
        match how.over {
            false => rows.map(|row| self.adopt(row, how.uncommitted)).collect(),
            true => rows.map(|row| self.adopt_over(row, how.uncommitted)).collect(),
        }
    }

    fn attach(&mut self, relation: usize, rows: &[RawHandle], target: RawHandle, key: &dyn Any, how: Adopt) {
        for &RawHandle { slot, .. } in rows {
            if self.is_dirty(slot) || self.state(slot) != State::Persistent {
                continue;
            }
            if let Some(layer) = how.uncommitted {
                self.save_undo(slot, layer);
            }
            if let LinkMut::One(link) = self.value_mut(slot).link_mut(relation) {
                link.attach(target, key);
            }
        }
    }

    fn follow_update(&mut self, rows: Box<dyn Any>, layer: usize) {
        let rows = rows.downcast::<Vec<Slot<E>>>().map(|rows| *rows).unwrap_or_default();
        for row in rows.into_iter().filter_map(|slot| slot.value) {
            let slot = row.key().and_then(|key| self.find(&key));
            if let Some(slot) = slot.filter(|&slot| self.slots[slot as usize].state == State::Persistent) {
                self.follow_row(slot, row, layer);
            }
        }
    }

    fn find_part(&self, keys: Box<dyn Any>) -> Vec<Option<u32>> {
        let keys = keys.downcast::<Vec<E::Key>>().map(|keys| *keys).unwrap_or_default();
        let mut last: Option<(&E::Key, Option<u32>)> = None;
        let find = |key| match last {
            // Rows of one owner often stand together.
            Some((before, slot)) if before == key => slot,
            _ => last.insert((key, self.find(key))).1,
        };
        keys.iter().map(find).collect()
    }

    fn members(&self, slots: &[u32], owners: &[Option<u32>], session: NonZeroU32) -> Members {
        Arena::members(self, slots, owners, session)
    }

    fn order_by_key(&self, members: &mut Members) {
        Arena::order_by_key(self, members);
    }
}

/// Adds the cells of rows that are much alike: the first ones tell how many bytes the others will need.
fn encode_alike(rows: &[Place], cells: &mut Cells, mut encode: impl FnMut(Place, &mut Cells)) {
    const SAMPLE: usize = 16;
    let (sample, others) = rows.split_at(rows.len().min(SAMPLE));
    let before = cells.bytes().len();
    sample.iter().for_each(|&row| encode(row, cells));
    // An eighth more, for the first ones are often the shortest.
    cells.reserve_bytes((cells.bytes().len() - before) * others.len() / SAMPLE * 9 / 8);
    others.iter().for_each(|&row| encode(row, cells));
}
