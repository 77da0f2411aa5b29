//! Where a session keeps the entities of one type.

use std::any::Any;
use std::marker::PhantomData;

use orm_core::Entity;

/// The entities of one type in one session.
struct Arena<E> {
    entity: PhantomData<fn() -> E>,
}

/// Makes an empty arena, for the metadata of an entity.
#[doc(hidden)]
pub fn new_arena<E: Entity>() -> Box<dyn Any + Send> {
    Box::new(Arena::<E> { entity: PhantomData })
}
