//! The field of a relation to many: members by handle, cheap to clone, usable before it is loaded.

use std::any::Any;
use std::collections::HashSet;
use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use serde::{Serialize, Serializer};

use super::{ManyLink, ManyState};
use crate::entity::Entity;
use crate::handle::{Handle, RawHandle};

/// The members of a relation to many. Fields are [`HasMany`] or [`ManyToMany`], which deref to this.
///
/// - The default is *not set*: `add` makes it loaded and empty, a row makes it not loaded.
/// - [`push`](Self::push) and [`remove`](Self::remove) work loaded or not; what is pushed to a collection that is not
///   loaded is written by the next flush without reading the rest.
/// - Reading one that is not loaded needs [`loaded`](Self::loaded), which says so; [`iter`](Self::iter) panics with
///   advice.
///
/// Clones share their storage until one is changed.
///
/// # Example
/// ```
/// # use orm_blog::*;
/// # run(async |engine| {
/// use anyorm::prelude::*;
///
/// let mut session = engine.session();
/// let notes = session.get_one::<Post>(1).await?;
/// let poetry = session.get_one::<Tag>(2).await?;
/// assert_eq!(session[notes].tags.loaded(), None); // no hidden read
/// session[notes].tags.push(poetry);
/// session.commit().await?; // INSERT INTO post_tags; the other tags were not read
///
/// session.load(&[notes], Post::TAGS).await?;
/// assert_eq!(session[notes].tags.len(), 2);
/// # Ok(()) });
/// ```
pub struct Collection<E: Entity> {
    state: State<E>,
}

enum State<E: Entity> {
    NotSet,
    NotLoaded,
    Body(Arc<Body<E>>),
}

#[derive(Clone)]
struct Body<E: Entity> {
    /// NotLoaded (with queues), Loaded or Replaced; never NotSet.
    state: ManyState,
    members: Vec<Handle<E>>,
    /// Queued while the rows were not read.
    added: Vec<Handle<E>>,
    removed: Vec<Handle<E>>,
    /// Values that no session has taken in yet.
    new: Vec<E>,
    /// The members' keys as of the last load or flush: what serde shows.
    keys: Vec<E::Key>,
}

/// What can be put into a collection of `E`: a handle, or a new value, taken in by the session's next `add` or flush.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a member of a collection of `{E}`",
    label = "not a `{E}`",
    note = "give a handle of a `{E}`, or a new value"
)]
pub trait Member<E: Entity> {
    /// Adds it.
    #[doc(hidden)]
    fn add_to(self, collection: &mut Collection<E>);
}

impl<E: Entity> Member<E> for Handle<E> {
    fn add_to(self, collection: &mut Collection<E>) {
        ManyLink::insert(collection, self.raw());
    }
}

impl<E: Entity> Member<E> for E {
    fn add_to(self, collection: &mut Collection<E>) {
        collection.body().new.push(self);
    }
}

impl<E: Entity> Collection<E> {
    /// The collection of a row: its members were not read.
    #[doc(hidden)]
    pub const fn not_loaded() -> Self {
        Self { state: State::NotLoaded }
    }

    fn replaced(members: Vec<Handle<E>>, new: Vec<E>) -> Self {
        let body = Body { members, new, ..Body::of(ManyState::Replaced) };
        Self { state: State::Body(Arc::new(body)) }
    }

    /// The members, or `None` where they are not loaded.
    pub fn loaded(&self) -> Option<&[Handle<E>]> {
        match &self.state {
            State::Body(body) if body.state != ManyState::NotLoaded => Some(&body.members),
            _ => None,
        }
    }

    /// Whether the members are there to read.
    pub fn is_loaded(&self) -> bool {
        self.loaded().is_some()
    }

    /// The members.
    ///
    /// # Panics
    /// If they are not loaded.
    #[track_caller]
    pub fn iter(&self) -> std::slice::Iter<'_, Handle<E>> {
        self.members_or_panic().iter()
    }

    /// How many members there are.
    ///
    /// # Panics
    /// If they are not loaded.
    #[track_caller]
    pub fn len(&self) -> usize {
        self.members_or_panic().len()
    }

    /// Whether there are no members.
    ///
    /// # Panics
    /// If they are not loaded.
    #[track_caller]
    pub fn is_empty(&self) -> bool {
        self.members_or_panic().is_empty()
    }

    /// Whether the entity is a member.
    ///
    /// # Panics
    /// If the members are not loaded.
    #[track_caller]
    pub fn contains(&self, member: Handle<E>) -> bool {
        self.members_or_panic().contains(&member)
    }

    #[track_caller]
    fn members_or_panic(&self) -> &[Handle<E>] {
        // Not a closure: it would not know the caller, and the panic would point here.
        match self.loaded() {
            Some(members) => members,
            None => panic!(
                "this collection of {} is not loaded: load it with the query, `.with(..)`, or with \
                 `session.load(&[handle], ..)`, or ask `loaded()`, which answers None",
                E::meta().name
            ),
        }
    }

    /// Adds a member: a handle, or a new value. One that is there already stays there once.
    ///
    /// New values show as members after the session has taken them in, at its next `add` or flush.
    ///
    /// # Example
    /// ```
    /// # use orm_blog::*;
    /// # run(async |engine| {
    /// use anyorm::prelude::*;
    ///
    /// let mut session = engine.session();
    /// let grace = session.get_one::<User>(2).await?;
    /// let letters = session.get_one::<Post>(2).await?;
    /// session[grace].posts.push(letters); // from Ada to Grace
    /// session[grace].posts.push(Post { title: "Bugs".into(), ..Default::default() });
    /// session.commit().await?;
    /// assert_eq!(session[letters].author.key(), Some(&2));
    /// assert_eq!(engine.count(Post::select().filter(Post::AUTHOR_ID.eq(2))).await?, 2);
    /// # Ok(()) });
    /// ```
    pub fn push(&mut self, member: impl Member<E>) {
        member.add_to(self);
    }

    /// Takes a member out. Does nothing if a loaded collection does not have it.
    ///
    /// # Example
    /// ```
    /// # use orm_blog::*;
    /// # run(async |engine| {
    /// use anyorm::prelude::*;
    ///
    /// let mut session = engine.session();
    /// let notes = session.get_one::<Post>(1).await?;
    /// let math = session.get_one::<Tag>(1).await?;
    /// session[notes].tags.remove(math); // loaded or not
    /// session.commit().await?; // DELETE FROM post_tags; the tag itself stays
    /// assert_eq!(engine.count(Post::select().filter(Post::TAGS.exists())).await?, 0);
    /// # Ok(()) });
    /// ```
    pub fn remove(&mut self, member: Handle<E>) {
        ManyLink::remove(self, member.raw());
    }

    /// Takes all members out.
    pub fn clear(&mut self) {
        *self = match self.state() {
            ManyState::Loaded => {
                let mut body = Body::of(ManyState::Loaded);
                body.members = Vec::new();
                Self { state: State::Body(Arc::new(body)) }
            }
            _ => Self::replaced(Vec::new(), Vec::new()),
        };
    }

    /// The members' keys, as of the last load or flush: what a detached value still knows. `None` where the members
    /// were not loaded.
    ///
    /// # Example
    /// ```
    /// # use orm_blog::*;
    /// # run(async |engine| {
    /// use anyorm::prelude::*;
    ///
    /// let mut session = engine.session();
    /// let notes = session.one(Post::select().filter(Post::ID.eq(1)).with(Post::TAGS)).await?;
    /// let post = session.detach(notes);
    /// assert_eq!(post.tags.keys(), Some(&[1][..])); // its handles are of no use now
    /// # Ok(()) });
    /// ```
    pub fn keys(&self) -> Option<&[E::Key]> {
        match &self.state {
            State::Body(body) if body.state != ManyState::NotLoaded => Some(&body.keys),
            _ => None,
        }
    }

    fn body(&mut self) -> &mut Body<E> {
        let fresh = match self.state {
            State::NotSet => Some(ManyState::Replaced),
            State::NotLoaded => Some(ManyState::NotLoaded),
            State::Body(_) => None,
        };
        if let Some(state) = fresh {
            self.state = State::Body(Arc::new(Body::of(state)));
        }
        match &mut self.state {
            State::Body(body) => Arc::make_mut(body),
            _ => unreachable!("it was given a body above"),
        }
    }
}

impl<E: Entity> Body<E> {
    fn of(state: ManyState) -> Self {
        Self {
            state,
            members: Vec::new(),
            added: Vec::new(),
            removed: Vec::new(),
            new: Vec::new(),
            keys: Vec::new(),
        }
    }
}

impl<E: Entity> Default for Collection<E> {
    fn default() -> Self {
        Self { state: State::NotSet }
    }
}

impl<E: Entity> Clone for Collection<E> {
    fn clone(&self) -> Self {
        Self {
            state: match &self.state {
                State::NotSet => State::NotSet,
                State::NotLoaded => State::NotLoaded,
                State::Body(body) => State::Body(Arc::clone(body)),
            },
        }
    }
}

impl<E: Entity> fmt::Debug for Collection<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.loaded() {
            Some(members) => f.debug_list().entries(members).finish(),
            None if matches!(self.state, State::NotSet) => f.write_str("not set"),
            None => f.write_str("not loaded"),
        }
    }
}

/// Equal if both are in the same state with the same members.
impl<E: Entity> PartialEq for Collection<E> {
    fn eq(&self, other: &Self) -> bool {
        ManyLink::state(self) == ManyLink::state(other)
            && self.loaded() == other.loaded()
            && ManyLink::added(self) == ManyLink::added(other)
            && ManyLink::removed(self) == ManyLink::removed(other)
    }
}

impl<E: Entity> ManyLink for Collection<E> {
    fn state(&self) -> ManyState {
        match &self.state {
            State::NotSet => ManyState::NotSet,
            State::NotLoaded => ManyState::NotLoaded,
            State::Body(body) => body.state,
        }
    }

    fn members(&self) -> Vec<RawHandle> {
        self.loaded().unwrap_or_default().iter().map(|member| member.raw()).collect()
    }

    fn added(&self) -> Vec<RawHandle> {
        match &self.state {
            State::Body(body) => body.added.iter().map(|member| member.raw()).collect(),
            _ => Vec::new(),
        }
    }

    fn removed(&self) -> Vec<RawHandle> {
        match &self.state {
            State::Body(body) => body.removed.iter().map(|member| member.raw()).collect(),
            _ => Vec::new(),
        }
    }

    fn shares(&self, other: &dyn ManyLink) -> bool {
        let Some(other) = other.as_any().downcast_ref::<Self>() else { return false };
        match (&self.state, &other.state) {
            (State::Body(a), State::Body(b)) => Arc::ptr_eq(a, b),
            (State::NotSet, State::NotSet) | (State::NotLoaded, State::NotLoaded) => true,
            _ => false,
        }
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn has_new(&self) -> bool {
        matches!(&self.state, State::Body(body) if !body.new.is_empty())
    }

    fn take_new(&mut self) -> Vec<Box<dyn Any + Send>> {
        if !self.has_new() {
            return Vec::new();
        }
        let taken = std::mem::take(&mut self.body().new);
        taken.into_iter().map(|value| Box::new(value) as Box<dyn Any + Send>).collect()
    }

    fn set_loaded(&mut self, members: &[RawHandle]) {
        let mut body = Body::of(ManyState::Loaded);
        body.members = members.iter().copied().map(Handle::from_raw).collect();
        self.state = State::Body(Arc::new(body));
    }

    fn set_not_loaded(&mut self) {
        self.state = State::NotLoaded;
    }

    fn insert(&mut self, member: RawHandle) {
        let member = Handle::from_raw(member);
        let body = self.body();
        if body.state != ManyState::NotLoaded {
            if !body.members.contains(&member) {
                body.members.push(member);
            }
        } else if let Some(at) = body.removed.iter().position(|&removed| removed == member) {
            body.removed.swap_remove(at);
        } else if !body.added.contains(&member) {
            body.added.push(member);
        }
    }

    fn remove(&mut self, member: RawHandle) {
        let member = Handle::from_raw(member);
        let body = self.body();
        if body.state != ManyState::NotLoaded {
            body.members.retain(|&other| other != member);
        } else if let Some(at) = body.added.iter().position(|&added| added == member) {
            body.added.remove(at);
        } else if !body.removed.contains(&member) {
            body.removed.push(member);
        }
    }

    fn edit(&mut self, add: &[RawHandle], remove: &[RawHandle]) {
        if self.loaded().is_none() {
            return;
        }
        let members = &mut self.body().members;
        if !remove.is_empty() {
            let removed: HashSet<RawHandle> = remove.iter().copied().collect();
            members.retain(|member| !removed.contains(&member.raw()));
        }
        if let [one] = add {
            if !members.contains(&Handle::from_raw(*one)) {
                members.push(Handle::from_raw(*one));
            }
        } else if !add.is_empty() {
            let mut present: HashSet<RawHandle> = members.iter().map(|member| member.raw()).collect();
            members.extend(add.iter().filter(|&&raw| present.insert(raw)).map(|&raw| Handle::from_raw(raw)));
        }
    }

    fn contains(&self, member: RawHandle) -> bool {
        self.loaded().is_some_and(|members| members.contains(&Handle::from_raw(member)))
    }

    fn copy_from(&mut self, other: &dyn ManyLink) {
        if let Some(other) = other.as_any().downcast_ref::<Self>() {
            self.clone_from(other);
        }
    }

    fn set_keys(&mut self, keys: Box<dyn Any>) {
        if let Ok(keys) = keys.downcast::<Vec<E::Key>>() {
            self.body().keys = *keys;
        }
    }
}

impl<E: Entity> Serialize for Collection<E>
where
    E::Key: Serialize,
{
    /// As the members' keys, or null where the members are not loaded.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.keys().serialize(serializer)
    }
}

impl<'de, E: Entity> serde::Deserialize<'de> for Collection<E> {
    /// Anything reads as *not set*: members are handles, and only a session makes those.
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        serde::de::IgnoredAny::deserialize(deserializer).map(|_| Self::default())
    }
}

macro_rules! field {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        pub struct $name<E: Entity>(Collection<E>);

        impl<E: Entity> $name<E> {
            /// The collection of a row: its members were not read.
            #[doc(hidden)]
            pub const fn not_loaded() -> Self {
                Self(Collection::not_loaded())
            }
        }

        impl<E: Entity> Deref for $name<E> {
            type Target = Collection<E>;

            fn deref(&self) -> &Collection<E> {
                &self.0
            }
        }

        impl<E: Entity> DerefMut for $name<E> {
            fn deref_mut(&mut self) -> &mut Collection<E> {
                &mut self.0
            }
        }

        impl<E: Entity> Default for $name<E> {
            fn default() -> Self {
                Self(Collection::default())
            }
        }

        impl<E: Entity> Clone for $name<E> {
            fn clone(&self) -> Self {
                Self(self.0.clone())
            }
        }

        impl<E: Entity> fmt::Debug for $name<E> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl<E: Entity> PartialEq for $name<E> {
            fn eq(&self, other: &Self) -> bool {
                self.0 == other.0
            }
        }

        impl<E: Entity> From<Vec<E>> for $name<E> {
            /// New values, taken in by `add`.
            fn from(values: Vec<E>) -> Self {
                Self(Collection::replaced(Vec::new(), values))
            }
        }

        impl<E: Entity> From<Vec<Handle<E>>> for $name<E> {
            /// Entities of the session, as the whole collection.
            fn from(members: Vec<Handle<E>>) -> Self {
                members.into_iter().collect()
            }
        }

        impl<E: Entity> FromIterator<Handle<E>> for $name<E> {
            fn from_iter<I: IntoIterator<Item = Handle<E>>>(members: I) -> Self {
                let mut collection = Collection::replaced(Vec::new(), Vec::new());
                for member in members {
                    collection.push(member);
                }
                Self(collection)
            }
        }

        impl<'a, E: Entity> IntoIterator for &'a $name<E> {
            type Item = &'a Handle<E>;
            type IntoIter = std::slice::Iter<'a, Handle<E>>;

            #[track_caller]
            fn into_iter(self) -> Self::IntoIter {
                self.0.iter()
            }
        }

        impl<E: Entity> Serialize for $name<E>
        where
            E::Key: Serialize,
        {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                self.0.serialize(serializer)
            }
        }

        impl<'de, E: Entity> serde::Deserialize<'de> for $name<E> {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                Collection::deserialize(deserializer).map(Self)
            }
        }
    };
}

field! {
    /// The many entities whose `belongs_to` points here: `#[has_many(Post::AUTHOR)] posts: HasMany<Post>`.
    ///
    /// # Example
    /// ```
    /// # use orm_blog::*;
    /// # run(async |engine| {
    /// use anyorm::prelude::*;
    ///
    /// let mut session = engine.session();
    /// let post = |title: &str| Post { title: title.into(), ..Default::default() };
    /// let mary = User { name: "Mary".into(), posts: vec![post("One"), post("Two")].into(), ..Default::default() };
    /// let mary = session.add(mary); // and her posts
    /// session.commit().await?;
    /// for &post in session[mary].posts.iter() {
    ///     assert_eq!(session[post].author.handle(), Some(mary));
    /// }
    /// # Ok(()) });
    /// ```
    HasMany
}

field! {
    /// The many entities paired with this one in a table of links: `#[many_to_many(through = "post_tags")]`.
    ///
    /// # Example
    /// ```
    /// # use orm_blog::*;
    /// # run(async |engine| {
    /// use anyorm::prelude::*;
    ///
    /// let mut session = engine.session();
    /// let notes = session.one(Post::select().filter(Post::ID.eq(1)).with(Post::TAGS)).await?;
    /// let poetry = session.get_one::<Tag>(2).await?;
    /// session[notes].tags = vec![poetry].into(); // instead of math
    /// assert_eq!(session.changes()?.to_string(), "unlink Post 1: tags Tag 1\nlink Post 1: tags Tag 2");
    /// session.commit().await?;
    /// # Ok(()) });
    /// ```
    ManyToMany
}
