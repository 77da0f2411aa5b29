//! Hooks of a session as a whole.

use std::future::{Future, ready};

use orm_core::Result;
use orm_exec::Operation;

use super::Moments;
use crate::session::Session;
use crate::unit_of_work::Changes;

/// What runs around flush, commit and rollback of a session. Registered with
/// [`Session::listen`](crate::Session::listen). The methods are `async`, may use the session, and do nothing unless they
/// are implemented.
///
/// Inside `before_flush` and `after_flush` reads do not flush, and an explicit flush is refused; only `after_commit` and
/// `after_rollback` may end a transaction.
///
/// Dropped: if the future of a flush or commit is dropped while `before_commit` or `before_flush` runs, nothing was
/// sent but what the hook itself sent. While `after_flush` runs, its work may be half done: the next call rolls
/// the transaction back, and the session is inactive until `rollback` or `recover`. A flush whose future was dropped
/// while it was under way is settled by the session's next call, which then runs its after-hooks; a commit with hooks
/// that run before COMMIT is then flushed, and not committed. A panic leaves the same.
///
/// # Example
/// Each flush notes in the same transaction what it stored.
///
/// ```
/// # use orm_blog::*;
/// # run(async |engine| {
/// use anyorm::prelude::*;
/// use anyorm::{Changes, Moments, SessionHooks};
///
/// struct TagForEachPost;
///
/// impl SessionHooks for TagForEachPost {
///     fn moments(&self) -> Moments {
///         Moments::AFTER_FLUSH
///     }
///     async fn after_flush(&self, session: &mut Session, changes: &Changes) -> anyorm::Result<()> {
///         for post in changes.inserted::<Post>() {
///             let name = format!("{} of {}", session[post].title, session[post].id);
///             session.add(Tag { name, ..Default::default() }); // flushed in the next round of the same commit
///         }
///         Ok(())
///     }
/// }
///
/// let mut session = engine.session();
/// session.listen(TagForEachPost);
/// let ada = session.get_one::<User>(1).await?;
/// session.add(Post { title: "Sketch".into(), author: ada.into(), ..Default::default() });
/// session.commit().await?;
/// assert!(engine.exists(Tag::select().filter(Tag::NAME.eq("Sketch of 3"))).await?);
/// # Ok(()) });
/// ```
pub trait SessionHooks: Send + Sync + 'static {
    /// The moments that it implements. All, unless it says less. With `AFTER_FLUSH` a commit is two hops, without it
    /// (and after-hooks of entities) one.
    fn moments(&self) -> Moments {
        Moments::ALL
    }

    /// A flush is about to look at what there is to write, and there may be something: it may still add, change, delete,
    /// take deletes back ([`undelete`](Session::undelete)), and query. Also before an autoflush and a savepoint.
    ///
    /// Dropped: nothing was sent but what this sent itself.
    ///
    /// # Errors
    /// Refuse the flush: nothing is sent, and all is pending as before.
    fn before_flush(&self, session: &mut Session) -> impl Future<Output = Result<()>> + Send {
        let _ = session;
        ready(Ok(()))
    }

    /// A flush has written something, in a transaction that is still open. What this adds or changes is pending; in a
    /// commit it is flushed in another round before COMMIT.
    ///
    /// Dropped: it may be half done, so that the next call rolls the transaction back.
    ///
    /// # Errors
    /// Roll the transaction back: the session is inactive until `rollback` or `recover`.
    fn after_flush(
        &self,
        session: &mut Session,
        changes: &Changes,
    ) -> impl Future<Output = Result<()>> + Send {
        let _ = (session, changes);
        ready(Ok(()))
    }

    /// A commit begins; it has not flushed yet. May flush.
    ///
    /// Dropped: nothing was sent but what this sent itself.
    ///
    /// # Errors
    /// Refuse the commit: the session goes on, and an open transaction stays open.
    fn before_commit(&self, session: &mut Session) -> impl Future<Output = Result<()>> + Send {
        let _ = session;
        ready(Ok(()))
    }

    /// The transaction is committed. What the session does from here on is another transaction. Not run for a session that
    /// was dropped along with its commit: what must not be lost belongs into a table (see the guide on outboxes).
    ///
    /// Dropped: the work is stored all the same.
    ///
    /// # Errors
    /// `commit` answers them, though the work is stored: the message says so.
    fn after_commit(&self, session: &mut Session) -> impl Future<Output = Result<()>> + Send {
        let _ = session;
        ready(Ok(()))
    }

    /// The transaction is gone, after `rollback` or `recover`: what earlier flushes were told did not happen. Not after a
    /// rollback to a savepoint, nor one by drop.
    ///
    /// Dropped: the work is rolled back all the same.
    ///
    /// # Errors
    /// `rollback` or `recover` answers them; it has done its work all the same.
    fn after_rollback(&self, session: &mut Session) -> impl Future<Output = Result<()>> + Send {
        let _ = session;
        ready(Ok(()))
    }
}

/// Session hooks without their type.
pub(crate) trait AnySessionHooks: Send + Sync {
    fn moments(&self) -> Moments;
    fn before_flush<'a>(&'a self, session: &'a mut Session) -> Operation<'a, ()>;
    fn after_flush<'a>(&'a self, session: &'a mut Session, changes: &'a Changes) -> Operation<'a, ()>;
    fn before_commit<'a>(&'a self, session: &'a mut Session) -> Operation<'a, ()>;
    fn after_commit<'a>(&'a self, session: &'a mut Session) -> Operation<'a, ()>;
    fn after_rollback<'a>(&'a self, session: &'a mut Session) -> Operation<'a, ()>;
}

impl<H: SessionHooks> AnySessionHooks for H {
    fn moments(&self) -> Moments {
        SessionHooks::moments(self)
    }

    fn before_flush<'a>(&'a self, session: &'a mut Session) -> Operation<'a, ()> {
        Operation::new(SessionHooks::before_flush(self, session))
    }

    fn after_flush<'a>(&'a self, session: &'a mut Session, changes: &'a Changes) -> Operation<'a, ()> {
        Operation::new(SessionHooks::after_flush(self, session, changes))
    }

    fn before_commit<'a>(&'a self, session: &'a mut Session) -> Operation<'a, ()> {
        Operation::new(SessionHooks::before_commit(self, session))
    }

    fn after_commit<'a>(&'a self, session: &'a mut Session) -> Operation<'a, ()> {
        Operation::new(SessionHooks::after_commit(self, session))
    }

    fn after_rollback<'a>(&'a self, session: &'a mut Session) -> Operation<'a, ()> {
        Operation::new(SessionHooks::after_rollback(self, session))
    }
}
