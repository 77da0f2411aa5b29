//! Relations: the typed constants that name them, the paths made of them, and the fields that hold their ends.

mod belongs_to;
mod collection;
mod load;
mod path;

pub use belongs_to::BelongsTo;
pub use collection::{Collection, HasMany, HasOne, ManyToMany, Member};
pub use load::{IsToOne, Joined, Leg, Narrowed};
pub use path::{IntoPath, Path};

pub(crate) use load::Narrow;

use std::any::Any;
use std::fmt;
use std::marker::PhantomData;

use crate::entity::{Entity, MetaFn, RelationMeta};
use crate::handle::RawHandle;

/// A relation from `A` to `B`: `Post::AUTHOR` is a `Relation<Post, User, One>`.
///
/// # Example
/// ```
/// # use orm_blog::*;
/// # run(async |engine| {
/// use anyorm::prelude::*;
///
/// let mut session = engine.session();
/// let notes = session.get_one::<Post>(1).await?;
/// session.load(&[notes], Post::AUTHOR).await?; // load it
/// let by_ada = Post::select().join(Post::AUTHOR).filter(User::NAME.eq("Ada")); // join along it
/// assert_eq!(session.count(by_ada).await?, 2);
/// assert_eq!(Post::AUTHOR.meta().name, "author"); // ask what it is
/// # Ok(()) });
/// ```
pub struct Relation<A, B, K> {
    source: MetaFn,
    position: usize,
    types: Types<A, B, K>,
}

type Types<A, B, K> = PhantomData<fn() -> (A, B, K)>;

/// Kind of a relation to exactly one.
#[derive(Debug)]
pub enum One {}

/// Kind of a relation to one or none.
#[derive(Debug)]
pub enum OneOrNone {}

/// Kind of a relation to one or none that holds the key of the source.
#[derive(Debug)]
pub enum OneBack {}

/// Kind of a relation to many that hold the key of the source.
#[derive(Debug)]
pub enum Many {}

/// Kind of a relation to many by a table of pairs.
#[derive(Debug)]
pub enum ManyThrough {}

/// The kinds whose source holds the foreign key: what a `has_many` or `has_one` can be the other side of.
#[diagnostic::on_unimplemented(
    message = "a `has_many` names the `belongs_to` on the other side",
    label = "not a `belongs_to` relation"
)]
pub trait HoldsKey {}
impl HoldsKey for One {}
impl HoldsKey for OneOrNone {}

/// The kinds whose field is a collection.
#[diagnostic::on_unimplemented(message = "this relation is not a collection", label = "a relation to one")]
pub trait IsCollection {}
impl IsCollection for Many {}
impl IsCollection for ManyThrough {}

impl<A: Entity, B: Entity, K> Relation<A, B, K> {
    /// The relation at a position of the source's metadata. For the derive, which knows the types.
    #[doc(hidden)]
    pub const fn new(source: MetaFn, position: usize) -> Self {
        Self { source, position, types: PhantomData }
    }

    /// Its description.
    pub fn meta(&self) -> &'static RelationMeta {
        &(self.source)().relations[self.position]
    }

    /// Goes on along a relation of the entity it leads to: `User::POSTS.then(Post::TAGS)`.
    ///
    /// # Example
    /// ```
    /// # use orm_blog::*;
    /// # run(async |engine| {
    /// use anyorm::prelude::*;
    ///
    /// let mut session = engine.session();
    /// let ada = session.get_one::<User>(1).await?;
    /// session.load(&[ada], User::POSTS.then(Post::TAGS)).await?; // both
    /// let notes = session.get_one::<Post>(1).await?;
    /// assert_eq!(session[notes].tags.len(), 1);
    /// # Ok(()) });
    /// ```
    pub fn then(self, next: impl IntoPath<B>) -> Path<A> {
        self.into_path().then_legs(next.into_path().into_legs())
    }
}

impl<A, B, K> Clone for Relation<A, B, K> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<A, B, K> Copy for Relation<A, B, K> {}

impl<A, B, K> fmt::Debug for Relation<A, B, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (self.source)().relations[self.position].fmt(f)
    }
}

/// For the derive: the inverse of a `has_many`, checked to lead back from `B` to `A`.
#[doc(hidden)]
pub fn inverse_of<A: Entity, B: Entity, K: HoldsKey>(relation: Relation<B, A, K>) -> &'static RelationMeta {
    relation.meta()
}

/// The field of a relation, without its types: how a session works on any entity.
#[allow(missing_debug_implementations, reason = "a borrowed view, never held")]
pub enum Link<'a> {
    /// A [`BelongsTo`].
    One(&'a dyn OneLink),
    /// A [`HasMany`], [`ManyToMany`] or [`HasOne`].
    Many(&'a dyn ManyLink),
}

/// [`Link`], to change it.
#[allow(missing_debug_implementations, reason = "a borrowed view, never held")]
pub enum LinkMut<'a> {
    /// A [`BelongsTo`].
    One(&'a mut dyn OneLink),
    /// A [`HasMany`], [`ManyToMany`] or [`HasOne`].
    Many(&'a mut dyn ManyLink),
}

/// Where a to-one link points. Keys are the target's `Entity::Key`, behind `Any`.
#[derive(Clone, Copy)]
#[allow(missing_debug_implementations, reason = "holds dyn Any")]
pub enum OneState<'a> {
    /// Nowhere.
    Empty,
    /// To the row of this key, which may not be in the session.
    Key(&'a dyn Any),
    /// To an entity of the session, whose key is there once it is known.
    Handle(RawHandle, Option<&'a dyn Any>),
    /// To a new value, not yet taken in by a session.
    New,
}

/// A to-one field, without its types.
pub trait OneLink {
    /// Where it points.
    fn state(&self) -> OneState<'_>;
    /// Points it nowhere.
    fn set_empty(&mut self);
    /// Points it to a row. A key of another type is ignored.
    fn set_key(&mut self, key: &dyn Any);
    /// Points it to an entity of the session, with its key if it has one.
    fn set_handle(&mut self, handle: RawHandle, key: Option<&dyn Any>);
    /// Points a link that holds this key to the entity that has it; does nothing to another.
    fn attach(&mut self, handle: RawHandle, key: &dyn Any);
    /// Keeps only the key of a handle that has one.
    fn forget_handle(&mut self);
    /// A copy of the field, to be given to [`restore`](OneLink::restore) later.
    fn save(&self) -> Box<dyn Any + Send>;
    /// Becomes what it was when it was saved.
    fn restore(&mut self, saved: &dyn Any);
    /// Takes the new value out, as a `Box<E>`, and leaves it empty.
    fn take_new(&mut self) -> Option<Box<dyn Any + Send>>;
}

/// What is known of a collection's members.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ManyState {
    /// The default of a value that was never in a session.
    NotSet,
    /// The rows were not read; adds and removes are queued.
    NotLoaded,
    /// All members are there.
    Loaded,
    /// Those members are there that a condition or a limit let in; removes of others are queued.
    Partial,
    /// A whole list was assigned to a collection whose rows were not read.
    Replaced,
}

impl ManyState {
    /// Whether there are members to be read.
    pub fn has_members(self) -> bool {
        matches!(self, Self::Loaded | Self::Partial | Self::Replaced)
    }
}

/// A to-many field, without its types.
pub trait ManyLink {
    /// What is known of its members.
    fn state(&self) -> ManyState;
    /// The members that are known: those of a loaded, partial or replaced collection, none of another.
    fn members(&self) -> Vec<RawHandle>;
    /// Members queued to be added to a collection that is not loaded.
    fn added(&self) -> Vec<RawHandle>;
    /// Members queued to be removed from a collection that is not loaded, or partial.
    fn removed(&self) -> Vec<RawHandle>;
    /// Members that left it since it was loaded, in memory.
    fn left(&self) -> Vec<RawHandle>;
    /// Whether the other collection, of the same type, shares this one's storage, so that nothing can differ.
    fn shares(&self, other: &dyn ManyLink) -> bool;
    /// For `shares`.
    fn as_any(&self) -> &dyn Any;
    /// Whether there are new values to be taken in.
    fn has_new(&self) -> bool;
    /// Takes the new values out, each a `Box<E>`.
    fn take_new(&mut self) -> Vec<Box<dyn Any + Send>>;
    /// Makes it loaded, with exactly these members. Queued adds and removes are forgotten.
    fn set_loaded(&mut self, members: &[RawHandle]);
    /// Makes it partial, with these members. Queued adds and removes are forgotten.
    fn set_partial(&mut self, members: &[RawHandle]);
    /// Makes it not loaded. Queued adds and removes are forgotten.
    fn set_not_loaded(&mut self);
    /// Adds a member: at once where loaded, queued otherwise. Does nothing if it is there.
    fn insert(&mut self, member: RawHandle);
    /// Removes a member: at once where it is there, queued where it may be among those that are not.
    fn remove(&mut self, member: RawHandle);
    /// Adds and removes many members of a collection that has members to be read; does nothing to another.
    fn edit(&mut self, add: &[RawHandle], remove: &[RawHandle]);
    /// Whether the member is among those to be read.
    fn contains(&self, member: RawHandle) -> bool;
    /// Becomes what another collection of the same type is.
    fn copy_from(&mut self, other: &dyn ManyLink);
    /// Replaces the keys shown to serde; behind the `Any` is a `Vec` of the target's `Entity::Key`.
    fn set_keys(&mut self, keys: Box<dyn Any>);
}
