//! The hooks of one type of entity, which live with the entities: so they are called with their own type.

use std::any::Any;
use std::sync::Arc;

use orm_core::Result;
use orm_core::entity::Entity;

use super::Arena;
use super::values::{ValueId, Values};
use crate::events::{EntityHooks, Moments};

/// The hooks of a type that is not known here.
pub(super) trait AnyHooks: Any + Send {
    /// Calls those of one moment for one entity, with its row as the transaction has it, if that differs.
    fn run(&self, values: &mut Values, entity: ValueId, stored: ValueId, moment: Moments) -> Result<()>;
}

struct HookList<E>(Vec<Arc<dyn EntityHooks<E>>>);

impl<E: Entity> AnyHooks for HookList<E> {
    fn run(&self, values: &mut Values, entity: ValueId, stored: ValueId, moment: Moments) -> Result<()> {
        for hooks in self.0.iter().filter(|hooks| hooks.moments().contains(moment)) {
            let values = values.of_mut::<E>();
            if moment == Moments::BEFORE_UPDATE {
                if let Some((entity, stored)) = values.pair_of(entity, stored) {
                    hooks.before_update(entity, stored)?;
                }
                continue;
            }
            let Some(entity) = values.value_mut(entity) else { continue };
            match moment {
                Moments::BEFORE_INSERT => hooks.before_insert(entity)?,
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
}

impl Arena {
    pub(crate) fn listen<E: Entity>(&mut self, hooks: Arc<dyn EntityHooks<E>>) {
        self.moments |= hooks.moments();
        let list = self.hooks.get_or_insert_with(|| Box::new(HookList::<E>(Vec::new())));
        let list: &mut dyn Any = &mut **list;
        let list: &mut HookList<E> = list.downcast_mut().expect("hooks of the type of the arena's entities");
        list.0.push(hooks);
    }

    /// The moments at which this type has hooks.
    pub(crate) fn moments(&self) -> Moments {
        self.moments
    }

    /// Runs the hooks of one moment on one entity.
    pub(crate) fn run_hooks(&mut self, slot: u32, moment: Moments) -> Result<()> {
        let (entity, stored) = (self.slots[slot as usize].value, self.image(slot));
        match &self.hooks {
            Some(hooks) => hooks.run(&mut self.values, entity, stored, moment),
            None => Ok(()),
        }
    }

    /// A row was read into a slot.
    #[inline]
    pub(super) fn loaded(&mut self, slot: u32) {
        if self.moments.contains(Moments::AFTER_LOAD) {
            // Its hooks answer no errors.
            let _ = self.run_hooks(slot, Moments::AFTER_LOAD);
        }
    }
}
