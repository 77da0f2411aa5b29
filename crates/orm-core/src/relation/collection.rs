//! The field of a relation to many: members by handle, cheap to clone, usable before it is loaded.

mod field;
mod link;
mod one;
mod ordered;

pub use field::{HasMany, ManyToMany};
pub use one::HasOne;

use std::fmt;
use std::sync::Arc;

use serde::{Serialize, Serializer};

use super::{ManyLink, ManyState};
use crate::entity::Entity;
use crate::handle::Handle;

/// The members of a relation to many. Fields are [`HasMany`] or [`ManyToMany`], which deref to this.
///
/// - The default is *not set*: `add` makes it loaded and empty, a row makes it not loaded.
/// - [`push`](Self::push) and [`remove`](Self::remove) work loaded or not; what is pushed to a collection that is not
///   loaded is written by the next flush without reading the rest.
/// - One that was loaded by a [`filter`](super::Relation::filter) or a [`limit`](super::Relation::limit) has the members
///   that were found, and [`is_partial`](Self::is_partial): pushes and removes work as ever; a whole list assigned to
///   it replaces all members, the others included, which the flush reads first; a load without a filter reads the rest.
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
    /// NotLoaded (with queues), Loaded, Partial (with a queue of removes) or Replaced; never NotSet.
    state: ManyState,
    members: Vec<Handle<E>>,
    /// Queued while the rows were not read.
    added: Vec<Handle<E>>,
    removed: Vec<Handle<E>>,
    /// Values that no session has taken in yet.
    new: Vec<E>,
    /// Members that left since the collection was loaded: one that was never stored leaves no other trace.
    left: Vec<Handle<E>>,
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

    /// Whether the members are there that a filter or a limit let in, and others may not be.
    ///
    /// # Example
    /// ```
    /// # use orm_blog::*;
    /// # run(async |engine| {
    /// use anyorm::prelude::*;
    ///
    /// let mut session = engine.session();
    /// let ada = session.one(User::select().filter(User::ID.eq(1)).with(User::POSTS.limit(1))).await?;
    /// assert!(session[ada].posts.is_loaded() && session[ada].posts.is_partial());
    /// session.load(&[ada], User::POSTS).await?;
    /// assert!(!session[ada].posts.is_partial());
    /// # Ok(()) });
    /// ```
    pub fn is_partial(&self) -> bool {
        self.state() == ManyState::Partial
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

    /// Takes all members out, of one that is not loaded or partial too: the flush then reads what there was.
    pub fn clear(&mut self) {
        if self.is_loaded() {
            let body = self.body();
            body.left.append(&mut body.members);
            body.new.clear();
            if body.state == ManyState::Partial {
                // Also those that it does not show.
                body.state = ManyState::Replaced;
                body.removed.clear();
            }
        } else {
            *self = Self::replaced(Vec::new(), Vec::new());
        }
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

    fn new_values(&self) -> &[E] {
        match &self.state {
            State::Body(body) => &body.new,
            _ => &[],
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
            left: Vec::new(),
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
