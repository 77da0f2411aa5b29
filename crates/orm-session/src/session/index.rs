//! `session[handle]`: reading and writing entities. The write is what tracks changes.

use std::ops::{Index, IndexMut};

use orm_core::Handle;
use orm_core::entity::Entity;

use super::Session;
use crate::arena::stale;
use crate::tracker::Place;

impl Session {
    /// The entity behind a handle, or `None` if the handle is stale or of another session. `session[handle]` panics
    /// instead.
    ///
    /// # Example
    /// ```
    /// # use orm_blog::*;
    /// # run(async |engine| {
    /// use anyorm::prelude::*;
    ///
    /// let mut session = engine.session();
    /// let ada = session.get_one::<User>(1).await?;
    /// assert_eq!(session.peek(ada).map(|user| user.name.as_str()), Some("Ada"));
    /// session.detach(ada);
    /// assert!(session.peek(ada).is_none()); // `session[ada]` would panic
    /// # Ok(()) });
    /// ```
    pub fn peek<E: Entity>(&self, handle: Handle<E>) -> Option<&E> {
        if handle.raw().session != self.id() {
            return None;
        }
        self.tracker.of::<E>()?.read::<E>(handle.raw())
    }

    /// The place of a handle.
    #[track_caller]
    pub(super) fn place<E: Entity>(&self, handle: Handle<E>) -> Place {
        match self.peek(handle) {
            Some(_) => Place { arena: E::meta().index.get() as u32, slot: handle.raw().slot },
            None => self.refuse(handle),
        }
    }

    #[cold]
    #[track_caller]
    fn refuse<E: Entity>(&self, handle: Handle<E>) -> ! {
        let entity = E::meta().name;
        if handle.raw().session != self.id() {
            panic!(
                "this handle of {entity} belongs to another session: a handle is good only in the session that made it"
            )
        }
        panic!("{}", stale(entity))
    }
}

/// Reads an entity.
///
/// # Panics
/// If the handle is stale or of another session: see [`Session::peek`].
///
/// # Example
/// ```
/// # use orm_blog::*;
/// # run(async |engine| {
/// use anyorm::prelude::*;
///
/// let mut session = engine.session();
/// let ada = session.get_one::<User>(1).await?;
/// let name: &str = &session[ada].name; // a plain borrow
/// assert_eq!(name, "Ada");
/// # Ok(()) });
/// ```
impl<E: Entity> Index<Handle<E>> for Session {
    type Output = E;

    #[inline]
    #[track_caller]
    fn index(&self, handle: Handle<E>) -> &E {
        match self.peek(handle) {
            Some(value) => value,
            None => self.refuse(handle),
        }
    }
}

/// Gives write access to an entity, and so marks it as perhaps changed: the first write after a flush keeps a copy of
/// the row, and the next flush writes the columns that differ from it.
///
/// # Panics
/// If the handle is stale or of another session, or the entity is deleted.
///
/// # Example
/// ```
/// # use orm_blog::*;
/// # run(async |engine| {
/// use anyorm::prelude::*;
///
/// let mut session = engine.session();
/// let ada = session.get_one::<User>(1).await?;
/// session[ada].name.push_str(" Lovelace");
/// assert_eq!(session.changes()?.to_string(), "update User 1: name");
/// # Ok(()) });
/// ```
impl<E: Entity> IndexMut<Handle<E>> for Session {
    #[inline]
    #[track_caller]
    fn index_mut(&mut self, handle: Handle<E>) -> &mut E {
        if handle.raw().session != self.id() {
            self.refuse(handle);
        }
        let arena = self.tracker.of_mut::<E>();
        arena.expect("a session keeps the arena of each handle that it gave").write(handle.raw())
    }
}
