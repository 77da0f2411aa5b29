//! Registering hooks, and what hooks ask a session for.

use std::sync::Arc;

use orm_core::Handle;
use orm_core::entity::Entity;

use super::super::Session;
use crate::events::{AnySessionHooks, EntityHooks, Listeners, SessionHooks};
use crate::state::State;
use crate::tracker::Place;

impl Session {
    /// Adds hooks around flush, commit and rollback. They run in the order in which they were added.
    ///
    /// # Example
    /// ```
    /// # use orm_blog::*;
    /// # run(async |engine| {
    /// use anyorm::prelude::*;
    /// use anyorm::{Moments, SessionHooks};
    ///
    /// struct NoDeletes;
    ///
    /// impl SessionHooks for NoDeletes {
    ///     fn moments(&self) -> Moments {
    ///         Moments::BEFORE_FLUSH
    ///     }
    ///     async fn before_flush(&self, session: &mut Session) -> anyorm::Result<()> {
    ///         match session.deleted::<User>().first() {
    ///             Some(&user) => Err(anyorm::Error::other(format!("{} stays", session[user].name))),
    ///             None => Ok(()),
    ///         }
    ///     }
    /// }
    ///
    /// let mut session = engine.session();
    /// session.listen(NoDeletes);
    /// let ada = session.get_one::<User>(1).await?;
    /// session.delete(ada);
    /// let error = session.commit().await.unwrap_err(); // nothing was sent
    /// assert_eq!(error.to_string(), "before_flush: Ada stays");
    /// # Ok(()) });
    /// ```
    pub fn listen(&mut self, hooks: impl SessionHooks) {
        self.listen_any(Arc::new(hooks));
    }

    /// Adds hooks of the entities of one type. They run in the order in which they were added.
    ///
    /// # Example
    /// ```
    /// # use orm_blog::*;
    /// # run(async |engine| {
    /// use anyorm::prelude::*;
    /// use anyorm::Hooks;
    ///
    /// let mut session = engine.session();
    /// session.listen_to(Hooks::<User>::new().before_update(|user, stored| {
    ///     if user.email != stored.email {
    ///         user.name = format!("{} (formerly {})", user.name, stored.email);
    ///     }
    ///     Ok(())
    /// }));
    /// let ada = session.get_one::<User>(1).await?;
    /// session[ada].email = "ada@example.com".into();
    /// session.commit().await?; // UPDATE users SET email = ?, name = ?
    /// assert_eq!(session[ada].name, "Ada (formerly ada@example.org)");
    /// # Ok(()) });
    /// ```
    pub fn listen_to<E: Entity>(&mut self, hooks: impl EntityHooks<E>) {
        self.make_gate();
        self.tracker.listen_to::<E>(Arc::new(hooks));
    }

    /// Adds hooks that several sessions share: see [`Listeners`].
    pub fn attach(&mut self, listeners: &Listeners) {
        listeners.sessions.iter().for_each(|hooks| self.listen_any(Arc::clone(hooks)));
        if !listeners.entities.is_empty() {
            self.make_gate();
            listeners.entities.iter().for_each(|hooks| hooks.install(&mut self.tracker));
        }
    }

    fn listen_any(&mut self, hooks: Arc<dyn AnySessionHooks>) {
        self.make_gate();
        self.events.moments |= hooks.moments();
        Arc::make_mut(self.events.hooks.get_or_insert_default()).push(hooks);
    }

    fn make_gate(&mut self) {
        self.events.gate.get_or_insert_default();
    }

    /// The entities of a type that were added and not flushed, in the order of `add`. New values that still wait in
    /// relation fields, written since they were added, come in with the flush.
    ///
    /// # Example
    /// ```
    /// # use orm_blog::*;
    /// # run(async |engine| {
    /// use anyorm::prelude::*;
    ///
    /// let mut session = engine.session();
    /// let tag = session.add(Tag { name: "engines".into(), ..Default::default() });
    /// assert_eq!(session.added::<Tag>(), [tag]);
    /// session.flush().await?;
    /// assert!(session.added::<Tag>().is_empty());
    /// # Ok(()) });
    /// ```
    pub fn added<E: Entity>(&self) -> Vec<Handle<E>> {
        let arena = E::meta().index.get() as u32;
        let places = self.tracker.pending().into_iter().filter(|place| place.arena == arena);
        places.map(|place| self.handle_of(place.slot)).collect()
    }

    /// The stored entities of a type that were written since the last flush and differ from their rows, in the order of
    /// their first writes.
    ///
    /// # Example
    /// ```
    /// # use orm_blog::*;
    /// # run(async |engine| {
    /// use anyorm::prelude::*;
    ///
    /// let mut session = engine.session();
    /// let users = session.all(User::select().order_by(User::ID)).await?;
    /// session[users[0]].age = Some(36); // what it was
    /// session[users[1]].age = Some(85);
    /// assert_eq!(session.changed::<User>(), [users[1]]);
    /// # Ok(()) });
    /// ```
    pub fn changed<E: Entity>(&self) -> Vec<Handle<E>> {
        let arena = E::meta().index.get();
        let Some((index, arena)) = self.tracker.arenas().find(|(index, _)| *index as usize == arena) else {
            return Vec::new();
        };
        let mut slots = Vec::new();
        let compared = arena.compare_images(&mut |slot, _, columns| {
            // One that is set to an SQL expression differs, too, though its field does not show it.
            if !columns.is_empty() || !self.tracker.expressions_of(Place { arena: index, slot }).is_empty() {
                slots.push(slot);
            }
            Ok(())
        });
        debug_assert!(compared.is_ok(), "the function above answers no error");
        slots.into_iter().map(|slot| self.handle_of(slot)).collect()
    }

    /// The entities of a type that were deleted and not flushed, in order. They can be read, and
    /// [taken back](Self::undelete).
    ///
    /// # Example
    /// ```
    /// # use orm_blog::*;
    /// # run(async |engine| {
    /// use anyorm::prelude::*;
    ///
    /// let mut session = engine.session();
    /// let letters = session.get_one::<Post>(2).await?;
    /// session.delete(letters);
    /// assert_eq!(session.deleted::<Post>(), [letters]);
    /// # Ok(()) });
    /// ```
    pub fn deleted<E: Entity>(&self) -> Vec<Handle<E>> {
        let arena = E::meta().index.get() as u32;
        let places = self.tracker.deleting().iter().filter(|place| place.arena == arena);
        places.map(|place| self.handle_of(place.slot)).collect()
    }

    /// Takes a [`delete`](Self::delete) back that was not flushed. Changes that were made before it are pending again.
    /// Nothing happens to an entity that is not deleted. Does no I/O.
    ///
    /// # Panics
    /// If the handle is stale or of another session, or if the delete was flushed, or was that of an entity that was never
    /// stored: then there is no row to keep.
    ///
    /// # Example
    /// ```
    /// # use orm_blog::*;
    /// # run(async |engine| {
    /// use anyorm::prelude::*;
    ///
    /// let mut session = engine.session();
    /// let letters = session.get_one::<Post>(2).await?;
    /// session.delete(letters);
    /// session.undelete(letters);
    /// session[letters].title = "Letters (withdrawn)".into();
    /// session.commit().await?; // an UPDATE
    /// assert_eq!(engine.count(Post::select()).await?, 2);
    /// # Ok(()) });
    /// ```
    #[track_caller]
    pub fn undelete<E: Entity>(&mut self, handle: Handle<E>) {
        let place = self.place(handle);
        assert!(
            self.tracker.state(place) != State::Deleted,
            "{} has no row any more: roll back, or add a copy of it",
            self.tracker.describe(place)
        );
        self.tracker.undelete(place);
    }
}
