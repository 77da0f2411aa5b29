//! A session that only reads, by its type.

use std::fmt;
use std::ops::Deref;

use orm_core::Handle;
use orm_core::entity::{Entity, KeyArg};
use orm_core::query::{FromRow, Query, Values};
use orm_core::relation::IntoPath;
use orm_exec::Operation;

use crate::query::Track;
use crate::session::{Cursor, Session, TrackedBatch};

/// A session that only reads: it has no method that changes anything, and writing through `session[handle]` does not
/// compile. What it reads it tracks as a [`Session`] does: one row is one handle.
///
/// Made by [`EngineExt::read_session`](crate::EngineExt::read_session) and
/// [`SessionFactory::read_session`](crate::SessionFactory::read_session). It derefs to a `Session` that cannot be
/// changed, for what takes one by reference.
///
/// # Example
/// ```
/// # use orm_blog::*;
/// # run(async |engine| {
/// use anyorm::prelude::*;
///
/// let mut reads = engine.read_session();
/// reads.begin().await?; // all that follows sees one state of the database, and keeps nobody from writing
/// let authors = reads.all(User::select().order_by(User::ID).with(User::POSTS)).await?;
/// assert_eq!(reads[authors[0]].posts.len(), 2);
/// assert_eq!(reads.count(Post::select()).await?, 2);
/// reads.end().await?;
/// # Ok(()) });
/// ```
///
/// What would write does not compile:
/// ```compile_fail,E0596
/// # use anyorm::prelude::*;
/// # fn f(mut reads: anyorm::ReadSession) {
/// let _ = reads.flush();
/// # }
/// ```
pub struct ReadSession {
    session: Session,
}

impl ReadSession {
    pub(crate) fn of(session: Session) -> Self {
        Self { session }
    }

    /// Begins a transaction that only reads: until [`end`](Self::end), every read sees the state of the database that the
    /// first one saw. Does no I/O. Otherwise as [`Session::begin`].
    ///
    /// Dropped before it was polled: nothing was begun. It is ready at its first poll.
    ///
    /// # Errors
    /// If one is open already.
    pub fn begin(&mut self) -> Operation<'_, ()> {
        self.session.begin()
    }

    /// Ends the transaction: later reads see what is stored by then. Without one, does nothing.
    ///
    /// Dropped: ended all the same.
    ///
    /// # Errors
    /// If the connection fails.
    #[track_caller]
    pub fn end(&mut self) -> Operation<'_, ()> {
        self.session.rollback()
    }

    /// As [`Session::get`].
    ///
    /// # Errors
    /// As [`Session::get`].
    #[track_caller]
    pub fn get<E: Entity>(&mut self, key: impl KeyArg<E::Key>) -> Operation<'_, Option<Handle<E>>> {
        self.session.get(key)
    }

    /// As [`Session::get_one`].
    ///
    /// # Errors
    /// As [`Session::get_one`].
    #[track_caller]
    pub fn get_one<E: Entity>(&mut self, key: impl KeyArg<E::Key>) -> Operation<'_, Handle<E>> {
        self.session.get_one(key)
    }

    /// As [`Session::refresh`].
    ///
    /// # Errors
    /// As [`Session::refresh`].
    #[track_caller]
    pub fn refresh<E: Entity>(&mut self, handle: Handle<E>) -> Operation<'_, ()> {
        self.session.refresh(handle)
    }

    /// As [`Session::all`].
    ///
    /// # Errors
    /// As [`Session::all`], or if the statement writes.
    #[track_caller]
    pub fn all<Q>(&mut self, query: Q) -> Operation<'_, Vec<<Q::Shape as Track>::Tracked>>
    where
        Q: Query<Shape: Track>,
    {
        self.session.all(query)
    }

    /// As [`Session::first`].
    ///
    /// # Errors
    /// As [`all`](Self::all).
    #[track_caller]
    pub fn first<Q>(&mut self, query: Q) -> Operation<'_, Option<<Q::Shape as Track>::Tracked>>
    where
        Q: Query<Shape: Track>,
    {
        self.session.first(query)
    }

    /// As [`Session::one`].
    ///
    /// # Errors
    /// As [`Session::one`], or if the statement writes.
    #[track_caller]
    pub fn one<Q>(&mut self, query: Q) -> Operation<'_, <Q::Shape as Track>::Tracked>
    where
        Q: Query<Shape: Track>,
    {
        self.session.one(query)
    }

    /// As [`Session::scalar`].
    ///
    /// # Errors
    /// As [`one`](Self::one).
    #[track_caller]
    pub fn scalar<Q, T>(&mut self, query: Q) -> Operation<'_, T>
    where
        Q: Query<Shape = Values<T>>,
        T: FromRow,
    {
        self.session.scalar(query)
    }

    /// As [`Session::count`].
    ///
    /// # Errors
    /// As [`all`](Self::all).
    #[track_caller]
    pub fn count<Q: Query>(&mut self, query: Q) -> Operation<'_, u64> {
        self.session.count(query)
    }

    /// As [`Session::exists`].
    ///
    /// # Errors
    /// As [`all`](Self::all).
    #[track_caller]
    pub fn exists<Q: Query>(&mut self, query: Q) -> Operation<'_, bool> {
        self.session.exists(query)
    }

    /// As [`Session::load_all`].
    ///
    /// # Errors
    /// As [`Session::load_all`].
    #[track_caller]
    pub fn load_all<B: TrackedBatch>(&mut self, queries: B) -> Operation<'_, B::Output> {
        self.session.load_all(queries)
    }

    /// As [`Session::load`].
    ///
    /// # Errors
    /// As [`Session::load`].
    #[track_caller]
    pub fn load<E: Entity>(
        &mut self,
        handles: &[Handle<E>],
        relation: impl IntoPath<E>,
    ) -> Operation<'_, ()> {
        self.session.load(handles, relation)
    }

    /// As [`Session::detach`].
    #[track_caller]
    pub fn detach<E: Entity>(&mut self, handle: Handle<E>) -> E {
        self.session.detach(handle)
    }

    /// As [`Session::clear`].
    #[track_caller]
    pub fn clear(&mut self) {
        self.session.clear();
    }
}

impl<E: Entity> Cursor<E> {
    /// As [`next`](Self::next), in a session that only reads.
    ///
    /// Dropped: nothing is lost; the next call goes on.
    ///
    /// # Errors
    /// As [`next`](Self::next).
    ///
    /// # Example
    /// ```
    /// # use orm_blog::*;
    /// # run(async |engine| {
    /// use anyorm::prelude::*;
    ///
    /// let mut reads = engine.read_session();
    /// let mut users = reads.cursor(User::select());
    /// let mut count = 0;
    /// while let Some(user) = users.next_in(&mut reads).await? {
    ///     count += reads[user].name.len();
    /// }
    /// assert_eq!(count, 8);
    /// # Ok(()) });
    /// ```
    #[track_caller]
    pub fn next_in<'c>(&'c mut self, reads: &'c mut ReadSession) -> Operation<'c, Option<Handle<E>>> {
        self.next(&mut reads.session)
    }
}

impl Deref for ReadSession {
    type Target = Session;

    fn deref(&self) -> &Session {
        &self.session
    }
}

impl fmt::Debug for ReadSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ReadSession").field(&self.session).finish()
    }
}
