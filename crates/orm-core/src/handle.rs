//! What a user holds instead of a reference: a `Copy` key into a session.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;
use std::num::NonZeroU32;

/// A slot of a session, without the entity's type. [`Handle`] is the typed form that users hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RawHandle {
    /// The session that made the handle. Session ids are never used twice in a process.
    pub session: NonZeroU32,
    /// The place in the session's arena of that entity.
    pub slot: u32,
    /// Raised each time the slot changes its tenant, so that an old handle is recognised.
    pub generation: u32,
}

/// Names one entity inside one session: `session[handle]` reads it, and writes it.
///
/// A handle is inert data: `Copy`, `Eq`, `Hash`, `Send`, 12 bytes. It keeps nothing alive. Used with another
/// session, or after its entity left the session, it is refused with a message that says which.
///
/// # Example
/// ```
/// # use orm_blog::*;
/// # run(async |engine| {
/// use anyorm::prelude::*;
///
/// let mut session = engine.session();
/// let ada = session.get_one::<User>(1).await?;
/// let copy = ada; // keep as many as you like: they borrow nothing
/// session[ada].age = Some(37);
/// assert_eq!(session[copy].age, Some(37));
/// assert_eq!(copy, ada);
/// # Ok(()) });
/// ```
pub struct Handle<T> {
    raw: RawHandle,
    entity: PhantomData<fn() -> T>,
}

impl<T> Handle<T> {
    /// Gives an untyped handle its type back. Only a session knows that the type is right.
    #[doc(hidden)]
    pub const fn from_raw(raw: RawHandle) -> Self {
        Self { raw, entity: PhantomData }
    }

    /// The handle without its type.
    #[doc(hidden)]
    pub const fn raw(self) -> RawHandle {
        self.raw
    }
}

impl<T> Clone for Handle<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Handle<T> {}

impl<T> PartialEq for Handle<T> {
    fn eq(&self, other: &Self) -> bool {
        self.raw == other.raw
    }
}

impl<T> Eq for Handle<T> {}

impl<T> Hash for Handle<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.raw.hash(state);
    }
}

impl<T> fmt::Debug for Handle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let entity = std::any::type_name::<T>();
        let entity = entity.rsplit("::").next().unwrap_or(entity);
        write!(f, "Handle<{entity}>({}.{}.{})", self.raw.session, self.raw.slot, self.raw.generation)
    }
}
