//! Rows that were read, and how they are taken in.

use std::any::Any;

use orm_core::entity::Entity;
use orm_core::handle::RawHandle;
use orm_core::relation::LinkMut;

use super::parts::{Part, Rows};
use super::undo::Undo;
use super::values::{AnyValues, ValueId, Values};
use super::{Arena, NO_IMAGE, Slot};
use crate::state::State;

/// How rows that were read are taken in.
#[derive(Clone, Copy)]
pub(crate) struct Adopt {
    /// The layer whose end takes them back, where they may be uncommitted.
    pub(crate) uncommitted: Option<usize>,
    /// Whether they overwrite what is tracked.
    pub(crate) over: bool,
}

impl Arena {
    /// Takes in a row that was read. Answers its slot.
    pub(crate) fn adopt<E: Entity>(&mut self, row: E, how: Adopt) -> u32 {
        let row = self.values.insert(row);
        self.take_in(row, how)
    }

    /// Overwrites a slot with a freshly read row. Its pending changes are gone; where the row may be uncommitted, a
    /// rollback brings the one before back.
    pub(crate) fn overwrite<E: Entity>(&mut self, slot: u32, row: E, uncommitted: Option<usize>) {
        let row = self.values.insert(row);
        self.write_over(slot, row, uncommitted);
    }

    /// The row of a slot was read again: where the slot has no pending changes, its columns follow. Links and collections
    /// stay, where their columns did.
    pub(crate) fn renew<E: Entity>(&mut self, slot: u32, row: E, uncommitted: Option<usize>) {
        if self.is_dirty(slot) {
            return;
        }
        if let Some(layer) = uncommitted {
            self.save_undo(slot, layer);
        }
        let row = self.values.insert(row);
        self.copy_columns(row, self.slots[slot as usize].value, &[]);
        self.values.remove(row);
        self.loaded(slot);
    }

    /// A collector of rows of this type.
    pub(crate) fn rows_part(&self) -> Box<dyn Part> {
        Box::new(Rows { meta: self.meta, list: self.values.list().like(), joined_at: None })
    }

    /// A collector of the rows of this type that stand at a column of other rows, where they are not all NULL.
    pub(crate) fn joined_part(&self, at: usize) -> Box<dyn Part> {
        Box::new(Rows { meta: self.meta, list: self.values.list().like(), joined_at: Some(at) })
    }

    /// A collector of keys of this type that stand at a column of other rows.
    pub(crate) fn keys_part(&self, at: usize) -> Box<dyn Part> {
        self.map.part(at)
    }

    /// The slots of the keys that `keys_part` collected.
    pub(crate) fn find_part(&self, keys: Box<dyn Any>) -> Vec<Option<u32>> {
        self.map.find_all(keys)
    }

    /// Takes in what `rows_part` or `joined_part` collected.
    pub(crate) fn adopt_part(&mut self, rows: Box<dyn Any>, how: Adopt) -> Vec<u32> {
        let Some(mut rows) = list_of(rows) else { return Vec::new() };
        let count = rows.len(0);
        self.map.reserve(count);
        if self.slots.is_empty() && !how.over {
            return self.adopt_first(rows, count, how.uncommitted);
        }
        self.reserve_slots(count);
        let mut slots = Vec::with_capacity(count);
        for at in 0..count {
            let row = self.values.insert_from(&mut *rows, at);
            slots.push(self.take_in(row, how));
        }
        slots
    }

    /// Takes in rows that were read where none is tracked yet, as they are: nothing is moved. Answers their slots.
    fn adopt_first(
        &mut self,
        rows: Box<dyn AnyValues>,
        count: usize,
        uncommitted: Option<usize>,
    ) -> Vec<u32> {
        self.values.become_list(rows);
        self.slots.reserve(count);
        let mut slots = Vec::with_capacity(count);
        for row in (0..count).map(Values::nth) {
            slots.push(self.take_in(row, Adopt { uncommitted, over: false }));
        }
        slots
    }

    /// Takes in a row that was read: the slot that has its key keeps its value, or takes this one; a new key gets a new slot.
    /// Slots read while uncommitted work is in the transaction are forgotten by its rollback.
    fn take_in(&mut self, row: ValueId, how: Adopt) -> u32 {
        let next = self.next_slot();
        // A row has a key; an auto key of 0 is stored by others than us, and not mapped.
        let slot = self.values.get(row).map_or(next, |row| self.map.find_or_insert(row, next));
        if slot == next {
            let slot = self.occupy(row, State::Persistent);
            if let Some(layer) = how.uncommitted {
                self.note(slot, layer, Undo::Loaded);
            }
            self.loaded(slot);
        } else if how.over && self.slots[slot as usize].state == State::Persistent {
            self.write_over(slot, row, how.uncommitted);
        } else {
            // A pending delete stays, with the value that it has.
            self.values.remove(row);
        }
        slot
    }

    fn write_over(&mut self, slot: u32, row: ValueId, uncommitted: Option<usize>) {
        self.unmap(slot);
        let value = std::mem::replace(&mut self.slots[slot as usize].value, row);
        let before = match self.drop_image(slot) {
            Some(image) => {
                self.values.remove(value);
                image
            }
            None => value,
        };
        match uncommitted {
            Some(layer) => self.note(slot, layer, Undo::Value(before)),
            None => self.values.remove(before),
        }
        self.slots[slot as usize].state = State::Persistent;
        self.remap(slot);
        self.loaded(slot);
    }

    /// Rows that a statement changed, collected by `rows_part`: the slots that have their keys follow, but for the columns
    /// that the program has written.
    pub(crate) fn follow_update(&mut self, rows: Box<dyn Any>, layer: usize) {
        let Some(mut rows) = list_of(rows) else { return };
        for at in 0..rows.len(0) {
            let row = self.values.insert_from(&mut *rows, at);
            let slot = self.values.get(row).and_then(|row| self.map.find_of(row));
            if let Some(slot) = slot.filter(|&slot| self.state(slot) == State::Persistent) {
                self.follow_row(slot, row, layer);
            }
            self.values.remove(row);
        }
    }

    /// The row of a slot was changed by a statement. Columns that the program has written keep its value; links and
    /// collections stay, where their columns did.
    fn follow_row(&mut self, slot: u32, row: ValueId, layer: usize) {
        let Slot { value, image, .. } = self.slots[slot as usize];
        let mut written = Vec::new();
        if image != NO_IMAGE {
            self.values.differences(value, self.image(slot), &mut written);
        }
        let before = self.values.copy(self.row_id(slot));
        self.note(slot, layer, Undo::Value(before));
        self.copy_columns(row, self.image(slot), &[]);
        self.copy_columns(row, value, &written);
    }

    /// Links of stored rows without pending changes that hold this key lead to the entity that has it.
    pub(crate) fn attach(
        &mut self,
        relation: usize,
        rows: &[RawHandle],
        target: RawHandle,
        key: &dyn Any,
        how: Adopt,
    ) {
        for &RawHandle { slot, .. } in rows {
            if self.is_dirty(slot) || self.state(slot) != State::Persistent {
                continue;
            }
            if let Some(layer) = how.uncommitted {
                self.save_undo(slot, layer);
            }
            if let LinkMut::One(link) = self.link_mut(slot, relation) {
                link.attach(target, key);
            }
        }
    }
}

/// The list that a collector of rows answered.
fn list_of(rows: Box<dyn Any>) -> Option<Box<dyn AnyValues>> {
    rows.downcast::<Box<dyn AnyValues>>().ok().map(|list| *list)
}
