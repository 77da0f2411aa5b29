//! Hooks of the entities of one type.

use std::fmt;

use orm_core::Result;
use orm_core::entity::Entity;

use super::Moments;

/// What runs around the INSERT, UPDATE and DELETE of each entity of a type, and after a row was read. Registered with
/// [`Session::listen_to`](crate::Session::listen_to); for one or two functions, [`Hooks`] needs no type of its own.
///
/// - They are plain functions, called while a flush runs: what needs the database is the work of
///   [`SessionHooks`](crate::SessionHooks).
/// - All before-hooks of a flush run before anything is sent, in the order of `add`, then updates and deletes; all
///   after-hooks run once everything of the flush is written, before COMMIT.
/// - A new value for the row of a deleted entity (one key, deleted and added) is a delete and an insert to its hooks,
///   though it is one UPDATE to the database.
/// - Rows that the database changes by itself have hooks only where the session tracks them and the database deletes
///   them (`on_delete = cascade`): those are loaded for their hooks. References that become NULL, rows of many-to-many
///   links, statements by criteria and raw SQL have none.
/// - `changes()` and `is_dirty()` run none.
///
/// # Errors
/// An error of a before-hook refuses the flush: nothing is sent, the session goes on, and all is pending as before; what
/// hooks changed in entities until then stays changed. An error of an after-hook rolls the transaction back (inside a
/// savepoint: that part is for the savepoint's rollback), and the session is inactive until `rollback` or `recover`. Both
/// are [`Error::Hook`](orm_core::Error::Hook), which names the hook, the entity and its key. A panic does the same as an
/// error, and goes on to the caller. The next flush runs all hooks of its rows again.
///
/// # Example
/// ```
/// # use orm_blog::*;
/// # run(async |engine| {
/// use anyorm::prelude::*;
/// use anyorm::{EntityHooks, Moments};
///
/// struct Trimmed;
///
/// impl EntityHooks<Tag> for Trimmed {
///     fn moments(&self) -> Moments {
///         Moments::BEFORE_INSERT | Moments::BEFORE_UPDATE
///     }
///     fn before_insert(&self, tag: &mut Tag) -> anyorm::Result<()> {
///         tag.name = tag.name.trim().to_owned();
///         Ok(())
///     }
///     fn before_update(&self, tag: &mut Tag, stored: &Tag) -> anyorm::Result<()> {
///         if tag.name.is_empty() {
///             return Err(anyorm::Error::other(format!("{} needs a name", stored.name)));
///         }
///         self.before_insert(tag)
///     }
/// }
///
/// let mut session = engine.session();
/// session.listen_to::<Tag>(Trimmed);
/// let tag = session.add(Tag { name: " engines ".into(), ..Default::default() });
/// session.commit().await?;
/// assert_eq!(session[tag].name, "engines");
///
/// session[tag].name.clear();
/// let error = session.commit().await.unwrap_err();
/// assert_eq!(error.to_string(), "before_update of Tag 3: engines needs a name");
/// # Ok(()) });
/// ```
pub trait EntityHooks<E: Entity>: Send + Sync + 'static {
    /// The moments that it implements. All, unless it says less: then the others cost nothing.
    fn moments(&self) -> Moments {
        Moments::ALL
    }

    /// The entity is about to be inserted. What this changes is inserted. It may set the key, and give relations.
    ///
    /// # Errors
    /// Refuse the flush.
    fn before_insert(&self, entity: &mut E) -> Result<()> {
        let _ = entity;
        Ok(())
    }

    /// The entity differs from its row, `stored`. What this changes is part of the same UPDATE. Not called for entities
    /// that were written without a difference.
    ///
    /// # Errors
    /// Refuse the flush.
    fn before_update(&self, entity: &mut E, stored: &E) -> Result<()> {
        let _ = (entity, stored);
        Ok(())
    }

    /// The row is about to be deleted.
    ///
    /// # Errors
    /// Refuse the flush.
    fn before_delete(&self, entity: &E) -> Result<()> {
        let _ = entity;
        Ok(())
    }

    /// The entity is stored; its key is set.
    ///
    /// # Errors
    /// Roll the transaction back.
    fn after_insert(&self, entity: &E) -> Result<()> {
        let _ = entity;
        Ok(())
    }

    /// The row is updated.
    ///
    /// # Errors
    /// Roll the transaction back.
    fn after_update(&self, entity: &E) -> Result<()> {
        let _ = entity;
        Ok(())
    }

    /// The row is deleted.
    ///
    /// # Errors
    /// Roll the transaction back.
    fn after_delete(&self, entity: &E) -> Result<()> {
        let _ = entity;
        Ok(())
    }

    /// A row was read into an entity that the session did not have, or again by `refresh`. What this changes is not a
    /// change: nothing is written for it. It leaves key, version and relations alone.
    fn after_load(&self, entity: &mut E) {
        let _ = entity;
    }
}

type Change<E> = Box<dyn Fn(&mut E) -> Result<()> + Send + Sync>;
type Compare<E> = Box<dyn Fn(&mut E, &E) -> Result<()> + Send + Sync>;
type Look<E> = Box<dyn Fn(&E) -> Result<()> + Send + Sync>;
type Fill<E> = Box<dyn Fn(&mut E) + Send + Sync>;

/// [`EntityHooks`] made of closures: it runs at the moments that it was given one for.
///
/// # Example
/// ```
/// # use orm_blog::*;
/// # run(async |engine| {
/// use anyorm::prelude::*;
/// use anyorm::Hooks;
///
/// let mut session = engine.session();
/// session.listen_to(Hooks::<Tag>::new().before_insert(|tag| {
///     tag.name.make_ascii_lowercase();
///     Ok(())
/// }));
/// let tag = session.add(Tag { name: "Engines".into(), ..Default::default() });
/// session.commit().await?; // one hop, as without hooks
/// assert_eq!(session[tag].name, "engines");
/// # Ok(()) });
/// ```
pub struct Hooks<E> {
    before_insert: Option<Change<E>>,
    before_update: Option<Compare<E>>,
    before_delete: Option<Look<E>>,
    after_insert: Option<Look<E>>,
    after_update: Option<Look<E>>,
    after_delete: Option<Look<E>>,
    after_load: Option<Fill<E>>,
    moments: Moments,
}

impl<E: Entity> Hooks<E> {
    /// None yet.
    pub fn new() -> Self {
        Self {
            before_insert: None,
            before_update: None,
            before_delete: None,
            after_insert: None,
            after_update: None,
            after_delete: None,
            after_load: None,
            moments: Moments::NONE,
        }
    }

    /// See [`EntityHooks::before_insert`].
    pub fn before_insert(mut self, hook: impl Fn(&mut E) -> Result<()> + Send + Sync + 'static) -> Self {
        self.moments |= Moments::BEFORE_INSERT;
        self.before_insert = Some(Box::new(hook));
        self
    }

    /// See [`EntityHooks::before_update`].
    pub fn before_update(mut self, hook: impl Fn(&mut E, &E) -> Result<()> + Send + Sync + 'static) -> Self {
        self.moments |= Moments::BEFORE_UPDATE;
        self.before_update = Some(Box::new(hook));
        self
    }

    /// See [`EntityHooks::before_delete`].
    pub fn before_delete(mut self, hook: impl Fn(&E) -> Result<()> + Send + Sync + 'static) -> Self {
        self.moments |= Moments::BEFORE_DELETE;
        self.before_delete = Some(Box::new(hook));
        self
    }

    /// See [`EntityHooks::after_insert`].
    pub fn after_insert(mut self, hook: impl Fn(&E) -> Result<()> + Send + Sync + 'static) -> Self {
        self.moments |= Moments::AFTER_INSERT;
        self.after_insert = Some(Box::new(hook));
        self
    }

    /// See [`EntityHooks::after_update`].
    pub fn after_update(mut self, hook: impl Fn(&E) -> Result<()> + Send + Sync + 'static) -> Self {
        self.moments |= Moments::AFTER_UPDATE;
        self.after_update = Some(Box::new(hook));
        self
    }

    /// See [`EntityHooks::after_delete`].
    pub fn after_delete(mut self, hook: impl Fn(&E) -> Result<()> + Send + Sync + 'static) -> Self {
        self.moments |= Moments::AFTER_DELETE;
        self.after_delete = Some(Box::new(hook));
        self
    }

    /// See [`EntityHooks::after_load`].
    pub fn after_load(mut self, hook: impl Fn(&mut E) + Send + Sync + 'static) -> Self {
        self.moments |= Moments::AFTER_LOAD;
        self.after_load = Some(Box::new(hook));
        self
    }
}

impl<E: Entity> Default for Hooks<E> {
    fn default() -> Self {
        Self::new()
    }
}

impl<E: Entity> EntityHooks<E> for Hooks<E> {
    fn moments(&self) -> Moments {
        self.moments
    }

    fn before_insert(&self, entity: &mut E) -> Result<()> {
        self.before_insert.as_ref().map_or(Ok(()), |hook| hook(entity))
    }

    fn before_update(&self, entity: &mut E, stored: &E) -> Result<()> {
        self.before_update.as_ref().map_or(Ok(()), |hook| hook(entity, stored))
    }

    fn before_delete(&self, entity: &E) -> Result<()> {
        self.before_delete.as_ref().map_or(Ok(()), |hook| hook(entity))
    }

    fn after_insert(&self, entity: &E) -> Result<()> {
        self.after_insert.as_ref().map_or(Ok(()), |hook| hook(entity))
    }

    fn after_update(&self, entity: &E) -> Result<()> {
        self.after_update.as_ref().map_or(Ok(()), |hook| hook(entity))
    }

    fn after_delete(&self, entity: &E) -> Result<()> {
        self.after_delete.as_ref().map_or(Ok(()), |hook| hook(entity))
    }

    fn after_load(&self, entity: &mut E) {
        if let Some(hook) = &self.after_load {
            hook(entity);
        }
    }
}

impl<E: Entity> fmt::Debug for Hooks<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hooks")
            .field("entity", &E::meta().name)
            .field("moments", &self.moments)
            .finish_non_exhaustive()
    }
}
