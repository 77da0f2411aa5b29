//! Keys of slots, and slots of keys. Keys that are handed over are `E::Key`.

use std::any::Any;

use orm_core::Cells;
use orm_core::handle::RawHandle;

use super::{Arena, Finder};
use crate::state::State;

impl Arena {
    /// The key in the value.
    pub(crate) fn key(&self, slot: u32) -> Option<Box<dyn Any>> {
        self.map.key(self.value(slot))
    }

    /// The key as a person reads it.
    pub(crate) fn key_text(&self, slot: u32) -> Option<String> {
        let of_row = self.row(slot).and_then(|row| self.map.text(row));
        of_row.or_else(|| self.map.text(self.value(slot)))
    }

    /// Whether the value has this key.
    pub(crate) fn has_key(&self, slot: u32, key: &dyn Any) -> bool {
        self.map.has_key(self.value(slot), key)
    }

    /// Whether the value has a key.
    pub(crate) fn is_keyed(&self, slot: u32) -> bool {
        self.value(slot).is_keyed()
    }

    /// The key of the row, as the transaction has it.
    pub(crate) fn row_key(&self, slot: u32) -> Option<Box<dyn Any>> {
        self.map.key(self.row(slot)?)
    }

    /// The key of the row, if there is one.
    pub(crate) fn key_of_row<K: 'static>(&self, slot: u32) -> Option<K> {
        if !matches!(self.state(slot), State::Persistent | State::Deleting) {
            return None;
        }
        let mut key = None;
        self.row(slot)?.key_into(&mut key);
        key
    }

    /// The slot of a key in the identity map, whatever its state.
    pub(crate) fn find(&self, key: &dyn Any) -> Option<u32> {
        self.map.find(key)
    }

    /// The slot that the identity map has for the key in these cells.
    pub(crate) fn find_encoded(&self, key: Cells) -> Option<u32> {
        self.map.find_encoded(key)
    }

    /// The slot that the identity map has for the key of this slot's value.
    pub(crate) fn find_same_key(&self, slot: u32) -> Option<u32> {
        self.map.find_of(self.value(slot))
    }

    /// Finds slots by keys that they had.
    pub(crate) fn finder(&self, had: Vec<(u32, Box<dyn Any>)>) -> Finder {
        self.map.finder(had)
    }

    /// Two of these slots whose values have one key.
    pub(crate) fn equal_keys(&self, slots: &[u32]) -> Option<(u32, u32)> {
        self.map.equal(&mut slots.iter().map(|&slot| (slot, self.value(slot))))
    }

    /// Sorts slots, each with something of its own, by the key of their rows.
    pub(crate) fn sort_by_row_key(&self, slots: &mut [(u32, u32)]) {
        self.map.sort(slots, &|slot| self.row(slot));
    }

    /// Adds the key of the row, as the transaction has it.
    pub(crate) fn encode_row_key(&self, slot: u32, cells: &mut Cells) {
        if let Some(row) = self.row(slot) {
            self.map.encode(row, cells);
        }
    }

    /// Adds the key in the value.
    pub(crate) fn encode_key(&self, slot: u32, cells: &mut Cells) {
        self.map.encode(self.value(slot), cells);
    }

    /// The members' keys for serde: a `Vec<E::Key>`. Stale handles are passed over.
    pub(crate) fn keys_of(&self, members: &[RawHandle]) -> Box<dyn Any> {
        let slots = members.iter().filter_map(|&member| self.slot(member));
        self.map.keys_of(&mut slots.map(|slot| self.value(slot)))
    }

    /// Takes the slot out of the identity map while its row's key changes.
    pub(crate) fn unmap(&mut self, slot: u32) {
        if let Some(row) = self.values.get(self.row_id(slot)) {
            self.map.remove(row, slot);
        }
    }

    /// Puts it back.
    pub(crate) fn remap(&mut self, slot: u32) {
        if let Some(row) = self.values.get(self.row_id(slot)) {
            self.map.insert(row, slot);
        }
    }
}
