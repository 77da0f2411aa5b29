//! Paths along relations, for `.with(..)`, `.join(..)` and `load`.

use std::fmt;
use std::marker::PhantomData;

use super::{Leg, Relation};
use crate::entity::{Entity, RelationMeta};
use crate::stmt::Alias;

/// One or more relations in a row, starting at `E`: `User::POSTS.then(Post::TAGS)`.
///
/// # Example
/// ```
/// # use orm_blog::*;
/// # run(async |engine| {
/// use anyorm::prelude::*;
///
/// let tags = User::POSTS.then(Post::TAGS);
/// let users = User::select().join(tags.clone()).filter(Tag::NAME.eq("math")); // for a condition
/// let mut session = engine.session();
/// let ada = session.one(users.with(tags)).await?; // and to load
/// let post = session[ada].posts.iter().next().copied().expect("loaded");
/// assert!(session[post].tags.is_loaded());
/// # Ok(()) });
/// ```
pub struct Path<E> {
    legs: Vec<Leg>,
    start: PhantomData<fn() -> E>,
}

impl<E> Path<E> {
    pub(super) fn of(leg: Leg) -> Self {
        Self { legs: vec![leg], start: PhantomData }
    }

    /// The relations, first one first. Never empty.
    pub fn relations(&self) -> Vec<&'static RelationMeta> {
        self.legs.iter().map(|leg| leg.relation).collect()
    }

    /// The relations with what is wanted of each.
    #[doc(hidden)]
    pub fn into_legs(self) -> Vec<Leg> {
        self.legs
    }

    pub(super) fn then_legs(mut self, next: Vec<Leg>) -> Self {
        self.legs.extend(next);
        self
    }
}

impl<E> Clone for Path<E> {
    fn clone(&self) -> Self {
        Self { legs: self.legs.clone(), start: PhantomData }
    }
}

impl<E> fmt::Debug for Path<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.legs).finish()
    }
}

/// What leads somewhere from `E`: a [`Relation`], one that is [`Narrowed`](super::Narrowed) or
/// [`Joined`](super::Joined), or a [`Path`].
///
/// # Example
/// ```
/// # use orm_blog::*;
/// # run(async |engine| {
/// use anyorm::prelude::*;
///
/// use anyorm::IntoPath;
///
/// async fn ada_with(engine: &Engine, path: impl IntoPath<User> + Send) -> anyorm::Result<User> {
///     let mut session = engine.session();
///     let ada = session.one(User::select().filter(User::ID.eq(1)).with(path)).await?;
///     Ok(session.detach(ada))
/// }
///
/// assert!(ada_with(&engine, User::POSTS).await?.posts.is_loaded());
/// assert!(ada_with(&engine, User::POSTS.then(Post::TAGS)).await?.posts.is_loaded());
/// # Ok(()) });
/// ```
#[diagnostic::on_unimplemented(
    message = "this relation does not start at `{E}`",
    label = "not a relation of `{E}`",
    note = "a path goes from the selected entity: `User::POSTS`, `User::POSTS.then(Post::TAGS)`"
)]
pub trait IntoPath<E> {
    /// The path.
    fn into_path(self) -> Path<E>;
}

impl<A: Entity, B: Entity, K> IntoPath<A> for Relation<A, B, K> {
    fn into_path(self) -> Path<A> {
        Path::of(Leg::plain(self.meta()))
    }
}

impl<A: Entity, B: Entity, K> Relation<A, B, K> {
    /// The path to an alias of the target, for a join that adds the target's table under another name.
    ///
    /// # Example
    /// ```
    /// # use orm_blog::*;
    /// # run(async |engine| {
    /// use anyorm::prelude::*;
    ///
    /// // From a post to its author to all of the author's posts.
    /// let other = Post::alias();
    /// let by_author = Post::select().join(Post::AUTHOR.then(User::POSTS.to(&other)));
    /// let titles = by_author.filter(Post::TITLE.eq("Notes")).columns(other.column(Post::TITLE));
    /// assert_eq!(engine.all(titles.order_by(other.column(Post::ID))).await?, ["Notes", "Letters"]);
    /// # Ok(()) });
    /// ```
    pub fn to(self, alias: &Alias<B>) -> Path<A> {
        Path::of(Leg { alias: Some(alias.id()), ..Leg::plain(self.meta()) })
    }
}

impl<E> IntoPath<E> for Path<E> {
    fn into_path(self) -> Path<E> {
        self
    }
}
