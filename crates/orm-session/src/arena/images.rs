//! Images: rows as the transaction has them, where the program wrote since.

use orm_core::Result;
use orm_core::handle::RawHandle;
use std::num::NonZeroU32;

use super::undo::Undo;
use super::values::{AnyEntity, ValueId};
use super::{Arena, NO_IMAGE, Slot, stale};
use crate::state::State;

/// A row as the transaction has it, and whose it is.
pub(super) struct Image {
    pub(super) slot: u32,
    /// None any more, where the change was discarded.
    pub(super) value: ValueId,
}

/// What is called for each row with an image: the slot, whether its value has a key, and the columns that differ.
type EachChange<'a> = &'a mut dyn FnMut(u32, bool, &mut Vec<u16>) -> Result<()>;

impl Arena {
    /// Before a value is changed: takes the image, if this is the first write after a flush.
    ///
    /// # Panics
    /// If the handle is stale or the entity deleted.
    #[inline]
    #[track_caller]
    pub(super) fn begin_write(&mut self, handle: RawHandle) {
        if !self.is_writable(handle) {
            self.refuse_write(handle);
        }
        let slot = &self.slots[handle.slot as usize];
        if slot.image == NO_IMAGE && slot.state != State::Pending {
            let row = self.values.copy(slot.value);
            self.set_image(handle.slot, row);
        }
    }

    #[cold]
    #[track_caller]
    fn refuse_write(&self, handle: RawHandle) -> ! {
        let entity = self.meta.name;
        if self.slot(handle).is_none() {
            panic!("{}", stale(entity));
        }
        let key = self.key_text(handle.slot).map_or(format!("new {entity}"), |key| format!("{entity} {key}"));
        panic!("{key} is deleted: it can be read until the commit, but not written")
    }

    /// Takes the image if there is none, as a write does.
    pub(crate) fn touch(&mut self, slot: u32) {
        let handle = self.handle(slot, NonZeroU32::MIN);
        if self.is_writable(handle) {
            self.begin_write(handle);
        }
    }

    pub(crate) fn is_dirty(&self, slot: u32) -> bool {
        self.slots[slot as usize].image != NO_IMAGE
    }

    /// The slots with an image, in the order of their first writes.
    pub(crate) fn dirty_slots(&self) -> Vec<u32> {
        self.images.iter().filter(|image| image.value.is_some()).map(|image| image.slot).collect()
    }

    /// The slots that have an image, and those that the open transaction has written or may take back.
    pub(crate) fn written_slots(&self) -> Vec<u32> {
        let mut slots = self.dirty_slots();
        slots.extend(self.undo_slots());
        slots
    }

    /// How many slots have an image.
    pub(crate) fn dirty(&self) -> usize {
        self.dirty
    }

    /// Compares each stored row that has an image with it, in the order of first writes.
    pub(crate) fn compare_images(&self, each: EachChange<'_>) -> Result<()> {
        let mut columns = Vec::new();
        for &Image { slot, value: image } in &self.images {
            let Slot { value, state: State::Persistent, .. } = self.slots[slot as usize] else { continue };
            if !image.is_some() {
                continue;
            }
            columns.clear();
            self.values.differences(value, image, &mut columns);
            each(slot, self.is_keyed(slot), &mut columns)?;
        }
        Ok(())
    }

    /// The image of a slot, if it was written since the last flush.
    pub(super) fn image(&self, slot: u32) -> ValueId {
        match self.slots[slot as usize].image {
            NO_IMAGE => ValueId::NONE,
            at => self.images[at as usize].value,
        }
    }

    /// The row of a slot as the transaction has it.
    pub(super) fn row_id(&self, slot: u32) -> ValueId {
        match self.slots[slot as usize].image {
            NO_IMAGE => self.slots[slot as usize].value,
            at => self.images[at as usize].value,
        }
    }

    /// The row of a slot as the transaction has it.
    pub(super) fn row(&self, slot: u32) -> Option<&dyn AnyEntity> {
        self.values.get(self.row_id(slot))
    }

    pub(super) fn image_mut(&mut self, slot: u32) -> Option<&mut dyn AnyEntity> {
        self.values.get_mut(self.image(slot))
    }

    /// Takes the image of a slot away, and answers it.
    pub(super) fn drop_image(&mut self, slot: u32) -> Option<ValueId> {
        match std::mem::replace(&mut self.slots[slot as usize].image, NO_IMAGE) {
            NO_IMAGE => None,
            at => {
                self.dirty -= 1;
                self.images[at as usize].value.take()
            }
        }
    }

    /// Gives a slot an image, in place of one that it has.
    pub(super) fn set_image(&mut self, slot: u32, value: ValueId) {
        match self.slots[slot as usize].image {
            NO_IMAGE => {
                self.slots[slot as usize].image = self.images.len() as u32;
                self.dirty += 1;
                self.images.push(Image { slot, value });
            }
            at => {
                let before = std::mem::replace(&mut self.images[at as usize].value, value);
                self.values.remove(before);
            }
        }
    }

    /// Before the session itself changes a slot that is not dirty: how to take it back.
    pub(crate) fn save_undo(&mut self, slot: u32, layer: usize) {
        if self.slots[slot as usize].layer as usize > layer || self.is_dirty(slot) {
            return;
        }
        let row = self.values.copy(self.slots[slot as usize].value);
        self.note(slot, layer, Undo::Value(row));
    }
}
