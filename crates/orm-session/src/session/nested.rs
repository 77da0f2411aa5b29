//! Savepoints: a part of a transaction that can be taken back on its own.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::panic::Location;
use std::sync::Arc;

use orm_core::Result;
use orm_core::program::OnFailure;
use orm_exec::Operation;

use super::connection::Scope;
use super::{Session, Status, left};

impl Session {
    /// Opens a savepoint, after a flush of what is pending. Changes from here on are kept by
    /// [`release`](Nested::release) and undone by [`rollback`](Nested::rollback), in the database and in memory; dropping
    /// the guard rolls back. It derefs to the session. Without an open transaction, one is begun.
    ///
    /// SAVEPOINT rides with the next statement: with nothing pending, this does no I/O.
    ///
    /// Dropped: as [`flush`](Session::flush); there is no savepoint then.
    ///
    /// # Errors
    /// As [`flush`](Session::flush).
    ///
    /// # Example
    /// ```
    /// # use orm_blog::*;
    /// # run(async |engine| {
    /// use anyorm::prelude::*;
    ///
    /// let mut session = engine.session();
    /// let ada = session.get_one::<User>(1).await?;
    /// session[ada].name = "Ada Lovelace".into();
    /// let mut attempt = session.begin_nested().await?;
    /// attempt[ada].age = Some(-1);
    /// attempt.rollback().await?; // back to the savepoint
    /// session.commit().await?;
    /// assert_eq!((&*session[ada].name, session[ada].age), ("Ada Lovelace", Some(36)));
    /// # Ok(()) });
    /// ```
    #[track_caller]
    pub fn begin_nested(&mut self) -> Operation<'_, Nested<'_>> {
        self.nested_at(Location::caller())
    }

    pub(super) fn nested_at(&mut self, location: &'static Location<'static>) -> Operation<'_, Nested<'_>> {
        Operation::named("session.begin_nested", left::TAKEN_OVER, async move {
            self.ready().await?;
            self.refuse_in_flush()?;
            if matches!(self.scope, Scope::None) {
                self.scope = Scope::Begun;
            }
            self.send_plan(false, location).await?;
            let depth = self.nesting.open();
            Ok(Nested { session: self, depth, ended: false })
        })
    }

    /// Takes back what came since a savepoint, in memory at once and in the database with the next statement.
    fn roll_back_nested(&mut self, depth: usize) {
        if self.nesting.depth < depth {
            // The whole transaction was rolled back in the meantime. Where the database did that, memory still has what
            // came since the savepoint, and the session stays inactive: what came before is lost in the database, too.
            if self.nesting.lost >= depth {
                self.nesting.lost = depth - 1;
                self.tracker.rollback(depth);
                self.events.forget();
            }
            return;
        }
        self.tracker.rollback(depth);
        self.events.forget();
        self.nesting.close(depth, false);
        self.status = Status::Active;
    }
}

/// The savepoints of a session.
#[derive(Debug, Default)]
pub(super) struct Nesting {
    depth: usize,
    /// Statements that ride with the next program.
    waiting: Vec<Arc<str>>,
    /// How many were open when the database ended the transaction by itself, of those that memory has not taken back.
    lost: usize,
}

impl Nesting {
    /// How many savepoints are open: the layer that undo entries go to.
    pub(super) fn depth(&self) -> usize {
        self.depth
    }

    /// No savepoint is open any more, because the database ended the transaction.
    pub(super) fn lose(&mut self) {
        *self = Self { lost: self.depth, ..Self::default() };
    }

    /// What goes before the first step of the next program.
    pub(super) fn statements(&self) -> Vec<Arc<str>> {
        self.waiting.clone()
    }

    /// A program is on its way, and the waiting statements with it.
    pub(super) fn sent(&mut self) {
        self.waiting.clear();
    }

    /// The transaction never began: every savepoint is to be opened with the next program.
    pub(super) fn restart(&mut self) {
        self.waiting = (1..=self.depth).map(opening).collect();
    }

    /// What a failed flush leaves: all up to the innermost savepoint.
    pub(super) fn on_failure(&self) -> OnFailure {
        match self.depth {
            0 => OnFailure::Rollback,
            depth => OnFailure::RollbackTo(name(depth)),
        }
    }

    fn open(&mut self) -> usize {
        self.depth += 1;
        self.waiting.push(opening(self.depth));
        self.depth
    }

    fn close(&mut self, depth: usize, keep: bool) {
        self.depth = depth - 1;
        let opening = opening(depth);
        if let Some(at) = self.waiting.iter().position(|waiting| *waiting == opening) {
            // It was never sent, so nothing happened inside.
            self.waiting.truncate(at);
            return;
        }
        if !keep {
            self.waiting.push(format!("ROLLBACK TO {}", name(depth)).into());
        }
        self.waiting.push(format!("RELEASE {}", name(depth)).into());
    }
}

fn name(depth: usize) -> Arc<str> {
    format!("anyorm_{depth}").into()
}

fn opening(depth: usize) -> Arc<str> {
    format!("SAVEPOINT {}", name(depth)).into()
}

/// A savepoint of a session: derefs to the [`Session`]. Made by [`Session::begin_nested`].
///
/// Dropping it rolls back to the savepoint: memory at once, the database first thing with the session's next statement.
///
/// # Example
/// ```
/// # use orm_blog::*;
/// # run(async |engine| {
/// use anyorm::prelude::*;
///
/// let mut session = engine.session();
/// let mut nested = session.begin_nested().await?;
/// nested.add(Tag { name: "math".into(), ..Default::default() }); // there is one already
/// match nested.flush().await {
///     Ok(()) => nested.release().await?,
///     Err(_) => nested.rollback().await?, // that part only: the transaction goes on
/// }
/// session.add(Tag { name: "engines".into(), ..Default::default() });
/// session.commit().await?;
/// assert_eq!(engine.count(Tag::select()).await?, 3);
/// # Ok(()) });
/// ```
#[must_use = "dropping the guard rolls the savepoint back"]
pub struct Nested<'s> {
    session: &'s mut Session,
    depth: usize,
    ended: bool,
}

impl Nested<'_> {
    /// Keeps the changes since the savepoint, as part of the transaction around it. Flushes what is pending; RELEASE
    /// rides with the next statement.
    ///
    /// Dropped: rolled back to the savepoint.
    ///
    /// # Errors
    /// As [`flush`](Session::flush); then the savepoint is rolled back.
    ///
    /// # Example
    /// ```
    /// # use orm_blog::*;
    /// # run(async |engine| {
    /// use anyorm::prelude::*;
    ///
    /// let mut session = engine.session();
    /// let mut nested = session.begin_nested().await?;
    /// nested.add(Tag { name: "engines".into(), ..Default::default() });
    /// nested.release().await?; // kept, as far as the transaction is
    /// session.rollback().await?;
    /// assert_eq!(engine.count(Tag::select()).await?, 2);
    /// # Ok(()) });
    /// ```
    #[track_caller]
    pub fn release<'n>(self) -> Operation<'n, ()>
    where
        Self: 'n,
    {
        self.release_at(Location::caller())
    }

    pub(super) fn release_at<'n>(mut self, location: &'static Location<'static>) -> Operation<'n, ()>
    where
        Self: 'n,
    {
        Operation::named("savepoint.release", left::RUNS_ON, async move {
            self.session.ready().await?;
            self.session.refuse_in_flush()?;
            self.session.send_plan(false, location).await?;
            self.ended = true;
            if self.session.nesting.depth >= self.depth {
                self.session.tracker.release(self.depth);
                self.session.nesting.close(self.depth, true);
            }
            Ok(())
        })
    }

    /// Takes back the changes since the savepoint. Also after a flush inside failed: the transaction around it goes on.
    ///
    /// Dropped: rolled back all the same.
    ///
    /// # Errors
    /// None of its own: a flush that was under way is waited for, and taken back whatever came of it.
    pub fn rollback<'n>(mut self) -> Operation<'n, ()>
    where
        Self: 'n,
    {
        Operation::named("savepoint.rollback", left::ROLLED_BACK, async move {
            self.session.resolve().await;
            self.ended = true;
            self.session.roll_back_nested(self.depth);
            Result::Ok(())
        })
    }
}

impl Deref for Nested<'_> {
    type Target = Session;

    fn deref(&self) -> &Session {
        self.session
    }
}

impl DerefMut for Nested<'_> {
    fn deref_mut(&mut self) -> &mut Session {
        self.session
    }
}

impl Drop for Nested<'_> {
    fn drop(&mut self) {
        if self.ended {
            return;
        }
        // A commit that is under way ends the savepoint with all the rest, whatever comes of it.
        let nesting = &self.session.nesting;
        if nesting.depth.max(nesting.lost) >= self.depth && !self.session.is_committing() {
            self.session.abandon_flush();
            self.session.roll_back_nested(self.depth);
        }
    }
}

impl fmt::Debug for Nested<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Nested").field("depth", &self.depth).field("session", &self.session).finish()
    }
}
