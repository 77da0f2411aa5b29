//! The hooks of one type of entity, which live with the entities: so they are called with their own type.

use std::sync::Arc;

use orm_core::Result;
use orm_core::entity::Entity;

use super::{Arena, NO_IMAGE, Slot};
use crate::events::{EntityHooks, Moments};

pub(super) struct HookList<E> {
    list: Vec<Arc<dyn EntityHooks<E>>>,
    /// What any of them wants.
    pub(super) moments: Moments,
}

impl<E> Default for HookList<E> {
    fn default() -> Self {
        Self { list: Vec::new(), moments: Moments::NONE }
    }
}

impl<E: Entity> HookList<E> {
    fn at(&self, moment: Moments) -> impl Iterator<Item = &Arc<dyn EntityHooks<E>>> {
        self.list.iter().filter(move |hooks| hooks.moments().contains(moment))
    }
}

impl<E: Entity> Arena<E> {
    pub(crate) fn listen(&mut self, hooks: Arc<dyn EntityHooks<E>>) {
        self.hooks.moments |= hooks.moments();
        self.hooks.list.push(hooks);
    }

    /// Runs the hooks of one moment on one entity.
    pub(super) fn run_hooks(&mut self, slot: u32, moment: Moments) -> Result<()> {
        let Slot { value: Some(entity), image, .. } = &mut self.slots[slot as usize] else { return Ok(()) };
        let stored = match *image {
            NO_IMAGE => None,
            at => self.images[at as usize].value.as_ref(),
        };
        for hooks in self.hooks.at(moment) {
            match moment {
                Moments::BEFORE_INSERT => hooks.before_insert(entity)?,
                Moments::BEFORE_UPDATE => {
                    stored.map_or(Ok(()), |stored| hooks.before_update(entity, stored))?
                }
                Moments::BEFORE_DELETE => hooks.before_delete(entity)?,
                Moments::AFTER_INSERT => hooks.after_insert(entity)?,
                Moments::AFTER_UPDATE => hooks.after_update(entity)?,
                Moments::AFTER_DELETE => hooks.after_delete(entity)?,
                Moments::AFTER_LOAD => hooks.after_load(entity),
                _ => {}
            }
        }
        Ok(())
    }

    /// A row was read into a slot.
    #[inline]
    pub(super) fn loaded(&mut self, slot: u32) {
        if self.hooks.moments.contains(Moments::AFTER_LOAD) {
            // Its hooks answer no errors.
            let _ = self.run_hooks(slot, Moments::AFTER_LOAD);
        }
    }
}
