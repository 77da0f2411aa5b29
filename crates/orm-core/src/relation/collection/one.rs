//! The field of a relation to one whose row has the key of this one: a collection of one member at most.

use std::any::Any;
use std::fmt;

use serde::{Serialize, Serializer};

use super::Collection;
use crate::entity::Entity;
use crate::handle::{Handle, RawHandle};
use crate::relation::{ManyLink, ManyState, Member};

/// The one entity whose `belongs_to` points here, or none: `#[has_one(Profile::USER)] profile: HasOne<Profile>`.
///
/// - The default is *not set*: `add` makes it loaded and empty, a row makes it not loaded.
/// - [`set`](Self::set), [`clear`](Self::clear) and assignment work loaded or not: for one that is not loaded the flush
///   reads what was there before.
/// - The entity that was there loses its link, or is deleted where the attribute says `delete_orphan`, before the new one
///   takes its place. Where the link may not be empty, the flush is an error.
///
/// `create_all` makes the foreign key unique: two rows cannot point to one.
///
/// # Example
/// ```
/// # orm_blog::run(async |engine| {
/// use anyorm::prelude::*;
///
/// #[derive(Clone, Default, Entity)]
/// struct Person {
///     #[key(auto)]
///     id: i64,
///     #[has_one(Passport::OWNER, delete_orphan)]
///     passport: HasOne<Passport>,
/// }
///
/// #[derive(Clone, Default, Entity)]
/// struct Passport {
///     #[key(auto)]
///     id: i64,
///     number: String,
///     #[belongs_to(unique)]
///     owner: BelongsTo<Person>,
/// }
///
/// engine.create_all(&schema![Person, Passport]).await?;
/// let mut session = engine.session();
/// let passport = |number: &str| Passport { number: number.into(), ..Default::default() };
/// let ada = session.add(Person { passport: passport("A1").into(), ..Default::default() });
/// session.commit().await?;
/// let first = session[ada].passport.handle().expect("it was taken in");
/// assert_eq!(session[first].owner.handle(), Some(ada));
///
/// session[ada].passport.set(passport("A2"));
/// session.commit().await?; // DELETE FROM passport, INSERT INTO passport
/// assert!(session.peek(first).is_none());
/// # Ok(()) });
/// ```
pub struct HasOne<E: Entity>(Collection<E>);

impl<E: Entity> HasOne<E> {
    /// The field of a row: what it leads to was not read.
    #[doc(hidden)]
    pub const fn not_loaded() -> Self {
        Self(Collection::not_loaded())
    }

    fn of(member: impl Member<E>) -> Self {
        let mut one = Self(Collection::replaced(Vec::new(), Vec::new()));
        member.add_to(&mut one.0);
        one
    }

    /// The one entity, or `None` where there is none.
    ///
    /// # Panics
    /// If it is not loaded: [`loaded`](Self::loaded) asks.
    #[track_caller]
    pub fn handle(&self) -> Option<Handle<E>> {
        match self.loaded() {
            Some(handle) => handle,
            None => panic!(
                "this {} is not loaded: load it with the query, `.with(..)`, or with `session.load(&[handle], ..)`, or \
                 ask `loaded()`, which answers None",
                E::meta().name
            ),
        }
    }

    /// The one entity, or `None` where there is none: the same as [`handle`](Self::handle).
    ///
    /// # Panics
    /// If it is not loaded.
    #[track_caller]
    pub fn get(&self) -> Option<Handle<E>> {
        self.handle()
    }

    /// `None` where it is not loaded; else the one entity, if there is one.
    #[allow(clippy::option_option, reason = "not loaded, and none, are two things")]
    pub fn loaded(&self) -> Option<Option<Handle<E>>> {
        self.0.loaded().map(|members| members.first().copied())
    }

    /// Whether it is there to read.
    pub fn is_loaded(&self) -> bool {
        self.0.is_loaded()
    }

    /// Whether there is none.
    ///
    /// # Panics
    /// If it is not loaded.
    #[track_caller]
    pub fn is_empty(&self) -> bool {
        self.handle().is_none() && self.value().is_none()
    }

    /// The new value, if one was put in and no session has taken it yet.
    pub fn value(&self) -> Option<&E> {
        self.0.new_values().last()
    }

    /// The key of the one entity, as of the last load or flush: what a detached value still knows.
    pub fn key(&self) -> Option<&E::Key> {
        self.0.keys().and_then(|keys| keys.first())
    }

    /// Puts an entity there, by handle or as a new value, in place of the one that was.
    pub fn set(&mut self, member: impl Member<E>) {
        self.clear();
        member.add_to(&mut self.0);
    }

    /// Takes the entity out, if there is one.
    pub fn clear(&mut self) {
        self.0.clear();
    }
}

impl<E: Entity> From<Handle<E>> for HasOne<E> {
    fn from(handle: Handle<E>) -> Self {
        Self::of(handle)
    }
}

impl<E: Entity> From<Option<Handle<E>>> for HasOne<E> {
    fn from(handle: Option<Handle<E>>) -> Self {
        match handle {
            Some(handle) => Self::of(handle),
            None => Self(Collection::replaced(Vec::new(), Vec::new())),
        }
    }
}

impl<E: Entity> From<E> for HasOne<E> {
    /// A new value, taken in by `add` or the next flush.
    fn from(value: E) -> Self {
        Self::of(value)
    }
}

impl<E: Entity> Default for HasOne<E> {
    fn default() -> Self {
        Self(Collection::default())
    }
}

impl<E: Entity> Clone for HasOne<E> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<E: Entity> fmt::Debug for HasOne<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.loaded() {
            Some(handle) => handle.fmt(f),
            None => self.0.fmt(f),
        }
    }
}

/// Equal if both are in the same state with the same entity.
impl<E: Entity> PartialEq for HasOne<E> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl<E: Entity> Serialize for HasOne<E>
where
    E::Key: Serialize,
{
    /// As the entity's key; null where there is none or it is not loaded.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.key().serialize(serializer)
    }
}

impl<'de, E: Entity> serde::Deserialize<'de> for HasOne<E> {
    /// Anything reads as *not set*.
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Collection::deserialize(deserializer).map(Self)
    }
}

/// A collection in all but this: what comes in takes the place of what was there.
impl<E: Entity> ManyLink for HasOne<E> {
    fn state(&self) -> ManyState {
        self.0.state()
    }

    fn members(&self) -> Vec<RawHandle> {
        self.0.members()
    }

    fn added(&self) -> Vec<RawHandle> {
        self.0.added()
    }

    fn removed(&self) -> Vec<RawHandle> {
        self.0.removed()
    }

    fn left(&self) -> Vec<RawHandle> {
        self.0.left()
    }

    fn shares(&self, other: &dyn ManyLink) -> bool {
        other.as_any().downcast_ref::<Self>().is_some_and(|other| self.0.shares(&other.0))
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn has_new(&self) -> bool {
        self.0.has_new()
    }

    fn take_new(&mut self) -> Vec<Box<dyn Any + Send>> {
        self.0.take_new()
    }

    fn set_loaded(&mut self, members: &[RawHandle]) {
        self.0.set_loaded(members);
    }

    fn set_partial(&mut self, members: &[RawHandle]) {
        self.0.set_partial(members);
    }

    fn set_not_loaded(&mut self) {
        self.0.set_not_loaded();
    }

    fn insert(&mut self, member: RawHandle) {
        if !ManyLink::contains(&self.0, member) {
            // The one that was there is read by the flush where it is not known.
            self.0.clear();
            ManyLink::insert(&mut self.0, member);
        }
    }

    fn remove(&mut self, member: RawHandle) {
        ManyLink::remove(&mut self.0, member);
    }

    fn edit(&mut self, add: &[RawHandle], remove: &[RawHandle]) {
        match add.last() {
            Some(&last) if self.is_loaded() => {
                let others: Vec<RawHandle> =
                    self.members().into_iter().filter(|&other| other != last).collect();
                self.0.edit(&[last], &others);
            }
            _ => self.0.edit(add, remove),
        }
    }

    fn contains(&self, member: RawHandle) -> bool {
        ManyLink::contains(&self.0, member)
    }

    fn copy_from(&mut self, other: &dyn ManyLink) {
        if let Some(other) = other.as_any().downcast_ref::<Self>() {
            self.clone_from(other);
        }
    }

    fn set_keys(&mut self, keys: Box<dyn Any>) {
        self.0.set_keys(keys);
    }
}
