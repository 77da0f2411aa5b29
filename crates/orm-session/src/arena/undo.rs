//! Settling and taking back: what a flush, a commit, a rollback and a recovery do to the slots of one type.

use std::any::Any;
use std::collections::HashMap;

use orm_core::entity::Entity;
use orm_core::value::ValueRef;

use super::{Arena, Image, NO_IMAGE};
use crate::state::State;

/// How to take a slot back to where it was when a layer began.
pub(super) enum Undo<E> {
    /// The row was this.
    Value(E),
    /// The value is as it was; only the state changed, by a delete.
    Revive,
    /// There was no row. Where its key came from the database, the field had this value before: *unset*.
    Added { unset: Option<i64> },
    /// The row was not read yet, and may not exist outside the transaction.
    Loaded,
}

/// An undo entry of one slot in one layer.
pub(super) struct Entry<E> {
    pub(super) slot: u32,
    /// The slot's tenant: one that was detached or cleared since is not brought back.
    pub(super) generation: u32,
    /// The slot's mark before this entry, to go back to when the layer ends.
    pub(super) outer: u16,
    pub(super) undo: Undo<E>,
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

impl<E: Entity> Arena<E> {
    /// Moves all images onto the way to the database.
    pub(super) fn send_images(&mut self) {
        debug_assert!(self.sent.is_empty(), "one flush at a time");
        self.sent = std::mem::take(&mut self.images);
        self.dirty = 0;
        self.sent.retain(|image| image.value.is_some());
        for image in &self.sent {
            self.slots[image.slot as usize].image = NO_IMAGE;
        }
    }

    /// The flush failed: the older image of each slot is the row again.
    pub(super) fn return_images(&mut self) {
        for Image { slot, value } in std::mem::take(&mut self.sent) {
            if let Some(value) = value {
                self.set_image(slot, value);
            }
        }
    }

    /// The flush succeeded: rows are what was sent. `layer` is there while the transaction stays open.
    pub(super) fn settle_images(&mut self, layer: Option<usize>) {
        let sent = std::mem::take(&mut self.sent);
        let mut moved = Vec::new();
        for image in &sent {
            let state = self.slots[image.slot as usize].state;
            let Some(old) = image.value.as_ref().and_then(E::key) else { continue };
            // A slot whose row was deleted elsewhere in this flush has left the map already.
            let is_mapped = matches!(state, State::Persistent | State::Deleting);
            if !is_mapped || Some(&old) == self.row_key(image.slot).as_ref() {
                continue;
            }
            if self.map.get(&old) == Some(&image.slot) {
                self.map.remove(&old);
            }
            // The new key of a row that is deleted was never written.
            if state == State::Persistent {
                moved.push(image.slot);
            }
        }
        for slot in moved {
            self.remap(slot);
        }
        let Some(layer) = layer else { return };
        for Image { slot, value } in sent {
            let Some(value) = value else { continue };
            if self.slots[slot as usize].as_read && self.slots[slot as usize].layer as usize > layer {
                self.slots[slot as usize].as_read = false;
                self.changed_since_read.push(Image { slot, value: Some(value) });
            } else {
                self.note(slot, layer, Undo::Value(value));
            }
        }
    }

    /// The INSERTs succeeded.
    pub(super) fn settle_inserts(&mut self, slots: &[u32], generated: &[i64], layer: Option<usize>) {
        self.map.reserve(slots.len());
        let mut scratch = orm_core::Cells::default();
        for (at, &slot) in slots.iter().enumerate() {
            self.slots[slot as usize].state = State::Persistent;
            let given = generated.get(at).filter(|_| self.value(slot).key().is_none());
            // Only what a rollback or recovery may take back is remembered.
            let unset = given.filter(|_| layer.is_some()).and_then(|_| self.unset_key(slot, &mut scratch));
            if let Some(&key) = generated.get(at) {
                self.assign_generated_key(slot, key);
            }
            self.remap(slot);
            if let Some(layer) = layer {
                self.note(slot, layer, Undo::Added { unset });
            }
        }
    }

    /// What the field of a key is before the database assigns it: *unset* for its type.
    fn unset_key(&self, slot: u32, scratch: &mut orm_core::Cells) -> Option<i64> {
        scratch.clear();
        self.value(slot).encode(E::meta().key[0], scratch);
        match scratch.value(0) {
            ValueRef::Int(unset) => Some(unset),
            _ => None,
        }
    }

    fn assign_generated_key(&mut self, slot: u32, key: i64) {
        let column = E::meta().key[0];
        if let Some(image) = self.image_mut(slot) {
            // Written while the flush was under way: the key goes into the row's image whatever the program wrote.
            let _ = image.assign(column, ValueRef::Int(key));
        }
        let value = self.value_mut(slot);
        if value.key().is_none() {
            // A key that does not fit the field is left unset, and shows as such: the database made it.
            let _ = value.assign(column, ValueRef::Int(key));
        }
    }

    /// The DELETEs succeeded, in a transaction that stays open or not: the slots stay readable until `commit`.
    pub(super) fn settle_deletes(&mut self, slots: &[u32], layer: Option<usize>) {
        for &slot in slots {
            if self.slots[slot as usize].state == State::Deleted {
                continue;
            }
            self.unmap(slot);
            let image = self.drop_image(slot);
            self.slots[slot as usize].state = State::Deleted;
            self.deleted.push(slot);
            if let Some(layer) = layer {
                self.note(slot, layer, image.map_or(Undo::Revive, Undo::Value));
            }
        }
    }

    /// Ends all layers: what was flushed is committed. Deleted slots lose their tenants.
    pub(super) fn commit_layers(&mut self) {
        for entry in self.take_entries(0) {
            self.slots[entry.slot as usize].layer = 0;
        }
        self.changed_since_read.clear();
        for slot in std::mem::take(&mut self.deleted) {
            if self.slots[slot as usize].state == State::Deleted {
                self.vacate_unmapped(slot);
            }
        }
    }

    /// The slots that a rollback would take back.
    pub(super) fn undo_slots(&self) -> impl Iterator<Item = u32> {
        let entries = self.undo.iter().flatten();
        let alive = entries.filter(|entry| self.slots[entry.slot as usize].generation == entry.generation);
        alive.map(|entry| entry.slot)
    }

    /// Empties the layers from `layer` on, outermost first, without the entries of slots that have another tenant.
    fn take_entries(&mut self, layer: usize) -> Vec<Entry<E>> {
        let layers: Vec<Vec<Entry<E>>> = self.undo.drain(layer.min(self.undo.len())..).collect();
        let mut entries: Vec<Entry<E>> = layers.into_iter().flatten().collect();
        entries.retain(|entry| self.slots[entry.slot as usize].generation == entry.generation);
        entries
    }

    /// Ends the innermost layers from `layer` on by merging them into the one before: the older entry wins.
    pub(super) fn release_layers(&mut self, layer: usize) {
        while self.undo.len() > layer {
            let inner = self.take_entries(self.undo.len() - 1);
            let below = self.undo.len() as u16;
            for entry in inner {
                if entry.outer == below {
                    // The layer below has an older entry.
                    self.slots[entry.slot as usize].layer = below;
                    if let Undo::Value(row) = entry.undo
                        && std::mem::take(&mut self.slots[entry.slot as usize].as_read)
                    {
                        self.changed_since_read.push(Image { slot: entry.slot, value: Some(row) });
                    }
                } else if let Some(list) = self.undo.last_mut() {
                    self.slots[entry.slot as usize].layer = below;
                    list.push(entry);
                }
            }
        }
    }

    /// Takes every slot back to where it was when `layer` began; 0 is the transaction. Unflushed changes go first.
    /// Pending slots are the session's to end.
    pub(super) fn rollback_layers(&mut self, layer: usize) {
        // Innermost layer first: the outermost entry of a slot is the last to be restored.
        let mut entries = self.take_entries(layer);
        entries.reverse();
        if layer == 0 {
            self.changed_since_read.clear();
        }
        // Keys may have moved between slots: all leave the map before any comes back.
        let mut affected: Vec<u32> = entries.iter().map(|entry| entry.slot).collect();
        affected.extend(self.images.iter().filter(|image| image.value.is_some()).map(|image| image.slot));
        for &slot in &affected {
            self.unmap(slot);
        }
        self.dirty = 0;
        for Image { slot, value } in std::mem::take(&mut self.images) {
            if value.is_some() {
                let slot = &mut self.slots[slot as usize];
                slot.value = value;
                slot.image = NO_IMAGE;
                slot.state = State::Persistent;
            }
        }
        for Entry { slot, outer, undo, .. } in entries {
            let place = &mut self.slots[slot as usize];
            place.layer = outer;
            match undo {
                Undo::Value(value) => {
                    place.value = Some(value);
                    place.state = State::Persistent;
                }
                Undo::Revive => place.state = State::Persistent,
                Undo::Added { .. } | Undo::Loaded => {
                    self.vacate_unmapped(slot);
                }
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
    pub(super) fn recover_layers(&mut self) -> Recovered {
        let mut recovered = Recovered::default();
        // Outermost layer first: the oldest entry of a slot is the committed row.
        let entries = self.take_entries(0);
        let mut seen = vec![false; if entries.is_empty() { 0 } else { self.slots.len() }];
        for entry in &entries {
            self.unmap(entry.slot);
        }
        // The oldest of each slot is the row as it was read.
        let mut read: HashMap<u32, E> = HashMap::new();
        for Image { slot, value } in std::mem::take(&mut self.changed_since_read) {
            if let Some(row) = value {
                read.entry(slot).or_insert(row);
            }
        }
        for Entry { slot, undo, .. } in entries {
            self.slots[slot as usize].layer = 0;
            if std::mem::replace(&mut seen[slot as usize], true) {
                continue;
            }
            let state = self.slots[slot as usize].state;
            let deleted = state == State::Deleted;
            match undo {
                // Also where the delete is still to come: no row is left to be deleted.
                Undo::Added { .. } if deleted || state == State::Deleting => {
                    self.vacate_unmapped(slot);
                    continue;
                }
                Undo::Value(row) => self.unflush(slot, row),
                Undo::Revive => {}
                Undo::Added { unset } => {
                    self.drop_image(slot);
                    self.slots[slot as usize].state = State::Pending;
                    if let Some(unset) = unset {
                        recovered
                            .lost
                            .extend(self.value(slot).key().map(|key| (slot, Box::new(key) as Box<dyn Any>)));
                        let key = E::meta().key[0];
                        let _ = self.value_mut(slot).assign(key, ValueRef::Int(unset));
                    }
                    recovered.pending.push(slot);
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
        let slots = &self.slots;
        self.deleted.retain(|&slot| slots[slot as usize].state == State::Deleted);
        recovered
    }

    /// The row is this again; what the value has beyond it is to be written again.
    fn unflush(&mut self, slot: u32, row: E) {
        let meta = E::meta();
        for column in meta.version.iter().chain(meta.generated) {
            self.copy_column(slot, &row, *column);
        }
        self.set_image(slot, row);
    }

    fn copy_column(&mut self, slot: u32, from: &E, column: usize) {
        let mut cells = orm_core::Cells::default();
        from.encode(column, &mut cells);
        let _ = self.value_mut(slot).assign(column, cells.value(0));
    }
}
