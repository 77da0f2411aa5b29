//! A part of a transaction that can be undone on its own.

use std::panic::Location;

use orm_core::Result;

use super::core::Core;
use crate::operation::Operation;
use crate::stream::stream_verb;
use crate::verbs::verbs;

/// A part of a transaction that can be undone on its own. Made by [`Transaction::begin_nested`](crate::Transaction::begin_nested).
///
/// Dropping it undoes that part: ROLLBACK TO and RELEASE ride with the transaction's next statement, so no I/O happens in
/// a drop. A verb that is dropped before its end ends the whole transaction.
///
/// # Example
/// ```
/// # use orm_blog::*;
/// # run(async |engine| {
/// use anyorm::prelude::*;
///
/// let mut transaction = engine.begin().await?;
/// let mut savepoint = transaction.begin_nested().await?;
/// savepoint.execute(Account::delete().filter(Account::ID.eq(1))).await?;
/// savepoint.release().await?; // keep it
/// let mut savepoint = transaction.begin_nested().await?;
/// savepoint.execute(Account::delete().filter(Account::ID.eq(2))).await?;
/// drop(savepoint); // undo it
/// transaction.commit().await?;
/// assert_eq!(engine.all(Account::select().columns(Account::ID)).await?, [2]);
/// # Ok(()) });
/// ```
#[derive(Debug)]
#[must_use = "a savepoint that is dropped is rolled back"]
pub struct Savepoint<'a> {
    core: &'a mut Core,
    /// Its depth in the transaction, from 1. 0 once it was closed.
    depth: usize,
}

impl<'a> Savepoint<'a> {
    pub(super) fn new(core: &'a mut Core) -> Result<Self> {
        let depth = core.open_savepoint()?;
        Ok(Self { core, depth })
    }

    verbs!(
        on,
        "savepoint",
        "let mut transaction = engine.begin().await?;\nlet mut savepoint = transaction.begin_nested().await?;\n",
        mut
    );
    stream_verb!(
        on,
        "savepoint",
        "let mut transaction = engine.begin().await?;\nlet mut savepoint = transaction.begin_nested().await?;\n",
        '_,
        mut
    );

    /// Keeps what was done since the savepoint, as far as the transaction does. RELEASE rides with the transaction's next
    /// statement, or its commit.
    ///
    /// Dropped before it was polled: undone. It is ready at its first poll.
    ///
    /// # Errors
    /// [`Error::Ended`](orm_core::Error::Ended) if the transaction has ended.
    ///
    /// # Example
    /// ```
    /// # use orm_blog::*;
    /// # run(async |engine| {
    /// use anyorm::prelude::*;
    ///
    /// let mut transaction = engine.begin().await?;
    /// let mut savepoint = transaction.begin_nested().await?;
    /// savepoint.execute(Account::delete().filter(Account::ID.eq(1))).await?;
    /// savepoint.release().await?;
    /// transaction.rollback().await?; // takes what was kept along
    /// assert_eq!(engine.count(Account::select()).await?, 2);
    /// # Ok(()) });
    /// ```
    pub fn release(self) -> Operation<'a, ()> {
        self.close(true).called("savepoint.release", "what was done inside is undone")
    }

    /// Undoes what was done since the savepoint. Rides with the transaction's next statement, as after a drop.
    ///
    /// Dropped: undone all the same.
    ///
    /// # Errors
    /// [`Error::Ended`](orm_core::Error::Ended) if the transaction has ended.
    ///
    /// # Example
    /// ```
    /// # use orm_blog::*;
    /// # run(async |engine| {
    /// use anyorm::prelude::*;
    ///
    /// let mut transaction = engine.begin().await?;
    /// let mut savepoint = transaction.begin_nested().await?;
    /// savepoint.execute(Account::delete().filter(Account::ID.eq(1))).await?;
    /// savepoint.rollback().await?;
    /// assert_eq!(transaction.count(Account::select()).await?, 2);
    /// # Ok(()) });
    /// ```
    pub fn rollback(self) -> Operation<'a, ()> {
        self.close(false).called("savepoint.rollback", "what was done inside is undone")
    }

    /// A part of this part.
    ///
    /// Dropped before it was polled: there is no savepoint. It is ready at its first poll.
    ///
    /// # Errors
    /// [`Error::Ended`](orm_core::Error::Ended) if the transaction has ended.
    ///
    /// # Example
    /// ```
    /// # use orm_blog::*;
    /// # run(async |engine| {
    /// use anyorm::prelude::*;
    ///
    /// let mut transaction = engine.begin().await?;
    /// let mut outer = transaction.begin_nested().await?;
    /// let mut inner = outer.begin_nested().await?;
    /// inner.execute(Account::delete().filter(Account::ID.eq(1))).await?;
    /// inner.release().await?; // to `outer`
    /// outer.rollback().await?; // all of it
    /// assert_eq!(transaction.count(Account::select()).await?, 2);
    /// # Ok(()) });
    /// ```
    pub fn begin_nested(&mut self) -> Operation<'_, Savepoint<'_>> {
        Operation::named("savepoint.begin_nested", "there is no savepoint", async {
            Savepoint::new(self.core)
        })
    }

    fn close(mut self, keep: bool) -> Operation<'a, ()> {
        Operation::new(async move {
            let depth = std::mem::take(&mut self.depth);
            self.core.close_savepoint(depth, keep);
            self.core.check()
        })
    }

    #[track_caller]
    fn on(&mut self) -> &mut Core {
        self.core.called_at(Location::caller());
        self.core
    }
}

impl Drop for Savepoint<'_> {
    fn drop(&mut self) {
        if self.depth > 0 {
            self.core.close_savepoint(self.depth, false);
        }
    }
}
