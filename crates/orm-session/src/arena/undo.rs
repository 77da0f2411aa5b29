//! Settling and taking back: what a flush, a commit, a rollback and a recovery do to the slots of one type.

use std::any::Any;
use std::collections::{HashMap, hash_map};

use orm_core::row::ColumnError;
use orm_core::value::ValueRef;

use super::images::Image;
use super::values::ValueId;
use super::{Arena, NO_IMAGE, columns};
use crate::state::State;

/// How to take a slot back to where it was when a layer began.
pub(super) enum Undo {
    /// The row was this.
    Value(ValueId),
    /// The value is as it was; only the state changed, by a delete.
    Revive,
    /// There was no row. Where its key came from the database, the field had this value before: *unset*.
    Added { unset: Option<i64> },
    /// The row was not read yet, and may not exist outside the transaction.
    Loaded,
}

/// An undo entry of one slot in one layer.
pub(super) struct Entry {
    pub(super) slot: u32,
    /// The slot's tenant: one that was detached or cleared since is not brought back.
    pub(super) generation: u32,
    /// The slot's mark before this entry, to go back to when the layer ends.
    pub(super) outer: u16,
    pub(super) undo: Undo,
}

/// What `recover` found of one type.
#[derive(Default)]
pub(crate) struct Recovered {
    /// Slots whose INSERT was taken back, in the order of the INSERTs.
    pub(crate) pending: Vec<u32>,
    /// Slots whose DELETE was taken back.
    pub(crate) deleting: Vec<u32>,
    /// Slots that lost the key that the database had given them, each with that key, an `E::Key`.
    pub(crate) lost: Vec<(u32, Box<dyn Any>)>,
}

impl Arena {
    /// Where a layer's undo list says nothing of the slot yet, adds an entry.
    pub(super) fn note(&mut self, slot: u32, layer: usize, undo: Undo) {
        let mark = layer as u16 + 1;
        let outer = self.slots[slot as usize].layer;
        if outer >= mark {
            return self.forget(undo);
        }
        self.slots[slot as usize].layer = mark;
        self.slots[slot as usize].as_read = matches!(undo, Undo::Loaded);
        if self.undo.len() <= layer {
            self.undo.resize_with(layer + 1, Vec::new);
        }
        let generation = self.slots[slot as usize].generation;
        self.undo[layer].push(Entry { slot, generation, outer, undo });
    }

    fn forget(&mut self, undo: Undo) {
        if let Undo::Value(row) = undo {
            self.values.remove(row);
        }
    }

    /// Moves all images, and the slots of new rows, onto the way to the database.
    pub(crate) fn send(&mut self, inserts: &[u32]) {
        debug_assert!(self.sent.is_empty(), "one flush at a time");
        self.sent = std::mem::take(&mut self.images);
        self.dirty = 0;
        self.sent.retain(|image| image.value.is_some());
        for image in &self.sent {
            self.slots[image.slot as usize].image = NO_IMAGE;
        }
        for &slot in inserts {
            self.slots[slot as usize].state = State::Inserting;
        }
    }

    /// The flush failed: the older image of each slot is the row again.
    pub(crate) fn unsend(&mut self, inserts: &[u32]) {
        for Image { slot, value } in std::mem::take(&mut self.sent) {
            self.set_image(slot, value);
        }
        for &slot in inserts {
            if let Some(image) = self.drop_image(slot) {
                self.values.remove(image);
            }
            self.slots[slot as usize].state = State::Pending;
        }
    }

    /// The flush succeeded: rows are what was sent. `layer` is there while the transaction stays open.
    pub(crate) fn settle_images(&mut self, layer: Option<usize>) {
        let sent = std::mem::take(&mut self.sent);
        let mut moved = Vec::new();
        for image in &sent {
            let state = self.slots[image.slot as usize].state;
            // A slot whose row was deleted elsewhere in this flush has left the map already.
            let is_mapped = matches!(state, State::Persistent | State::Deleting);
            let (Some(old), Some(row)) = (self.values.get(image.value), self.row(image.slot)) else {
                continue;
            };
            if !is_mapped || !old.is_keyed() || self.map.same(old, row) {
                continue;
            }
            self.map.remove(old, image.slot);
            // The new key of a row that is deleted was never written.
            if state == State::Persistent {
                moved.push(image.slot);
            }
        }
        for slot in moved {
            self.remap(slot);
        }
        for Image { slot, value } in sent {
            let Some(layer) = layer else {
                self.values.remove(value);
                continue;
            };
            if self.slots[slot as usize].as_read && self.slots[slot as usize].layer as usize > layer {
                self.slots[slot as usize].as_read = false;
                self.changed_since_read.push(Image { slot, value });
            } else {
                self.note(slot, layer, Undo::Value(value));
            }
        }
    }

    /// The INSERTs succeeded. Answers the slots whose keys do not fit their fields, which are left unset.
    pub(crate) fn settle_inserts(
        &mut self,
        slots: &[u32],
        generated: &[i64],
        layer: Option<usize>,
    ) -> Vec<(u32, ColumnError)> {
        self.map.reserve(slots.len());
        let mut misfits = Vec::new();
        let mut scratch = orm_core::Cells::default();
        for (at, &slot) in slots.iter().enumerate() {
            self.slots[slot as usize].state = State::Persistent;
            let given = generated.get(at).filter(|_| !self.is_keyed(slot));
            // Only what a rollback or recovery may take back is remembered.
            let unset = given.filter(|_| layer.is_some()).and_then(|_| self.unset_key(slot, &mut scratch));
            if let Some(&key) = generated.get(at) {
                misfits.extend(self.assign_generated_key(slot, key).err().map(|misfit| (slot, misfit)));
            }
            self.remap(slot);
            if let Some(layer) = layer {
                self.note(slot, layer, Undo::Added { unset });
            }
        }
        misfits
    }

    /// What the field of a key is before the database assigns it: *unset* for its type.
    fn unset_key(&self, slot: u32, scratch: &mut orm_core::Cells) -> Option<i64> {
        scratch.clear();
        self.encode(slot, self.meta.key[0], scratch);
        match scratch.value(0) {
            ValueRef::Int(unset) => Some(unset),
            _ => None,
        }
    }

    fn assign_generated_key(&mut self, slot: u32, key: i64) -> Result<(), ColumnError> {
        let column = self.meta.key[0];
        // Written while the flush was under way: the key goes into the row's image whatever the program wrote.
        self.assign_image(slot, column, ValueRef::Int(key));
        if self.is_keyed(slot) { Ok(()) } else { self.value_mut(slot).assign(column, ValueRef::Int(key)) }
    }

    /// The DELETEs succeeded, in a transaction that stays open or not: the slots stay readable until `commit`.
    pub(crate) fn settle_deletes(&mut self, slots: &[u32], layer: Option<usize>) {
        for &slot in slots {
            if self.slots[slot as usize].state == State::Deleted {
                continue;
            }
            self.unmap(slot);
            let before = self.drop_image(slot).map_or(Undo::Revive, Undo::Value);
            self.slots[slot as usize].state = State::Deleted;
            self.deleted.push(slot);
            match layer {
                Some(layer) => self.note(slot, layer, before),
                None => self.forget(before),
            }
        }
    }

    /// Ends all layers: what was flushed is committed. Deleted slots lose their tenants.
    pub(crate) fn commit(&mut self) {
        for entry in self.take_entries(0) {
            self.slots[entry.slot as usize].layer = 0;
            self.forget(entry.undo);
        }
        self.forget_rows_as_read();
        for slot in std::mem::take(&mut self.deleted) {
            if self.slots[slot as usize].state == State::Deleted {
                self.end_guest(slot);
            }
        }
        // Looking at all of many would cost a debug build more than the commit does.
        debug_assert!(
            self.slots.len() > 1_000 || self.values.held() == self.named(),
            "each value of {} is named once",
            self.meta.name
        );
    }

    /// How many values something names.
    fn named(&self) -> usize {
        let slots = self.slots.iter().filter(|slot| slot.value.is_some()).count();
        let entries = self.undo.iter().flatten().filter(|entry| matches!(entry.undo, Undo::Value(_))).count();
        slots + self.dirty + self.sent.len() + entries + self.changed_since_read.len()
    }

    fn forget_rows_as_read(&mut self) {
        for Image { value, .. } in std::mem::take(&mut self.changed_since_read) {
            self.values.remove(value);
        }
    }

    /// After every slot was ended: nothing is left to take back.
    pub(crate) fn forget_undo(&mut self) {
        for entry in std::mem::take(&mut self.undo).into_iter().flatten() {
            self.forget(entry.undo);
        }
        self.images.clear();
        self.deleted.clear();
    }

    /// The slots that a rollback would take back.
    pub(super) fn undo_slots(&self) -> impl Iterator<Item = u32> {
        let entries = self.undo.iter().flatten();
        let alive = entries.filter(|entry| self.slots[entry.slot as usize].generation == entry.generation);
        alive.map(|entry| entry.slot)
    }

    /// Empties the layers from `layer` on, outermost first, without the entries of slots that have another tenant.
    fn take_entries(&mut self, layer: usize) -> Vec<Entry> {
        let layers: Vec<Vec<Entry>> = self.undo.drain(layer.min(self.undo.len())..).collect();
        let mut entries: Vec<Entry> = layers.into_iter().flatten().collect();
        let Self { slots, values, .. } = self;
        entries.retain(|entry| {
            let is_its_own = slots[entry.slot as usize].generation == entry.generation;
            if let (false, Undo::Value(row)) = (is_its_own, &entry.undo) {
                values.remove(*row);
            }
            is_its_own
        });
        entries
    }

    /// Ends the innermost layers from `layer` on by merging them into the one before: the older entry wins.
    pub(crate) fn release(&mut self, layer: usize) {
        while self.undo.len() > layer {
            let inner = self.take_entries(self.undo.len() - 1);
            let below = self.undo.len() as u16;
            for entry in inner {
                if entry.outer == below {
                    // The layer below has an older entry.
                    self.slots[entry.slot as usize].layer = below;
                    match entry.undo {
                        Undo::Value(value)
                            if std::mem::take(&mut self.slots[entry.slot as usize].as_read) =>
                        {
                            self.changed_since_read.push(Image { slot: entry.slot, value });
                        }
                        undo => self.forget(undo),
                    }
                } else if let Some(list) = self.undo.last_mut() {
                    self.slots[entry.slot as usize].layer = below;
                    list.push(entry);
                } else {
                    self.forget(entry.undo);
                }
            }
        }
    }

    /// Takes every slot back to where it was when `layer` began; 0 is the transaction. Unflushed changes go first.
    /// Pending slots are the session's to end.
    pub(crate) fn rollback(&mut self, layer: usize) {
        // Innermost layer first: the outermost entry of a slot is the last to be restored.
        let mut entries = self.take_entries(layer);
        entries.reverse();
        if layer == 0 {
            self.forget_rows_as_read();
        }
        // Keys may have moved between slots: all leave the map before any comes back.
        let mut affected: Vec<u32> = entries.iter().map(|entry| entry.slot).collect();
        affected.extend(self.dirty_slots());
        for &slot in &affected {
            self.unmap(slot);
        }
        self.dirty = 0;
        for Image { slot, value } in std::mem::take(&mut self.images) {
            if value.is_some() {
                self.slots[slot as usize].image = NO_IMAGE;
                self.slots[slot as usize].state = State::Persistent;
                self.replace(slot, value);
            }
        }
        for Entry { slot, outer, undo, .. } in entries {
            self.slots[slot as usize].layer = outer;
            match undo {
                Undo::Value(value) => {
                    self.slots[slot as usize].state = State::Persistent;
                    self.replace(slot, value);
                }
                Undo::Revive => self.slots[slot as usize].state = State::Persistent,
                Undo::Added { .. } | Undo::Loaded => self.end_guest(slot),
            }
        }
        for slot in affected {
            if self.slots[slot as usize].state != State::Vacant {
                self.remap(slot);
            }
        }
        let slots = &self.slots;
        self.deleted.retain(|&slot| slots[slot as usize].state == State::Deleted);
    }

    /// The transaction is gone, its work is not: every change that was flushed in it is pending again.
    pub(crate) fn recover(&mut self) -> Recovered {
        let mut recovered = Recovered::default();
        // Outermost layer first: the oldest entry of a slot is the committed row.
        let entries = self.take_entries(0);
        let mut seen = vec![false; if entries.is_empty() { 0 } else { self.slots.len() }];
        for entry in &entries {
            self.unmap(entry.slot);
        }
        let mut read = self.rows_as_read();
        for Entry { slot, undo, .. } in entries {
            self.slots[slot as usize].layer = 0;
            if std::mem::replace(&mut seen[slot as usize], true) {
                self.forget(undo);
                continue;
            }
            let state = self.slots[slot as usize].state;
            let deleted = state == State::Deleted;
            match undo {
                // Also where the delete is still to come: no row is left to be deleted.
                Undo::Added { .. } if deleted || state == State::Deleting => {
                    self.end_guest(slot);
                    continue;
                }
                Undo::Value(row) => self.unflush(slot, row),
                Undo::Revive => {}
                Undo::Added { unset } => {
                    self.unflush_insert(slot, unset, &mut recovered);
                    continue;
                }
                // It stays, for others may hold its handle. A row that was the transaction's own, by raw SQL, is found
                // missing when it is written or refreshed.
                Undo::Loaded => {
                    if let Some(row) = read.remove(&slot) {
                        self.unflush(slot, row);
                    }
                }
            }
            if deleted {
                self.slots[slot as usize].state = State::Deleting;
                recovered.deleting.push(slot);
            }
            self.remap(slot);
        }
        read.into_values().for_each(|row| self.values.remove(row));
        let slots = &self.slots;
        self.deleted.retain(|&slot| slots[slot as usize].state == State::Deleted);
        recovered
    }

    /// The rows of slots as they were read, where a flush changed them: the oldest of each.
    fn rows_as_read(&mut self) -> HashMap<u32, ValueId> {
        let mut read = HashMap::new();
        for Image { slot, value } in std::mem::take(&mut self.changed_since_read) {
            match read.entry(slot) {
                hash_map::Entry::Occupied(_) => self.values.remove(value),
                hash_map::Entry::Vacant(oldest) => _ = oldest.insert(value),
            }
        }
        read
    }

    /// The row is this again; what the value has beyond it is to be written again.
    fn unflush(&mut self, slot: u32, row: ValueId) {
        if let Some((value, row)) = self.values.pair(self.slots[slot as usize].value, row) {
            for &column in self.meta.version.iter().chain(self.meta.generated) {
                columns::copy(row, value, column);
            }
        }
        self.set_image(slot, row);
    }

    /// There is no row any more: the entity is to be inserted again, with a key that is *unset* if the database gave it.
    fn unflush_insert(&mut self, slot: u32, unset: Option<i64>, recovered: &mut Recovered) {
        if let Some(image) = self.drop_image(slot) {
            self.values.remove(image);
        }
        self.slots[slot as usize].state = State::Pending;
        if let Some(unset) = unset {
            recovered.lost.extend(self.key(slot).map(|key| (slot, key)));
            self.assign(slot, self.meta.key[0], ValueRef::Int(unset));
        }
        recovered.pending.push(slot);
    }
}
