//! What a transaction has to do with other programs on the database: locks that they have agreed on, and messages.

use std::panic::Location;

use orm_core::Result;
use orm_core::program::{Discard, Program};
use orm_core::query::Values;
use orm_exec::{AdvisoryKey, Operation, notifying};

use super::query::Rows;
use super::{Session, left};
use crate::load::Collectors;

impl Session {
    /// Takes a lock that all who use the database agree on until the end of the transaction, and waits for it as long as
    /// somebody else has it: see [`Engine::advisory_lock`](orm_exec::Engine::advisory_lock), with which it shares its keys.
    /// Opens a transaction if none is open. PostgreSQL only.
    ///
    /// Take it first: at a level above `ReadCommitted` a transaction sees the state that its first statement saw, which may
    /// be that of before the wait.
    ///
    /// Dropped while it waits: the wait ends on the server. The transaction stays open, with the lock if it had come just
    /// then.
    ///
    /// # Errors
    /// On a database without such locks, before anything is sent. [`Error::Busy`](orm_core::Error::Busy) if two wait for
    /// each other, or it took longer than `lock_timeout`.
    ///
    /// # Example
    /// ```
    /// # use orm_blog::*;
    /// # run(async |engine| {
    /// use anyorm::prelude::*;
    ///
    /// let mut session = engine.session();
    /// match session.advisory_lock("nightly report").await {
    ///     Ok(()) => session.commit().await?, // and the lock is free again
    ///     Err(error) => assert!(error.to_string().contains("SQLite has no advisory locks")),
    /// }
    /// # Ok(()) });
    /// ```
    #[track_caller]
    pub fn advisory_lock(&mut self, key: impl Into<AdvisoryKey>) -> Operation<'_, ()> {
        let (location, key) = (Location::caller(), key.into());
        Operation::named("session.advisory_lock", left::TAKEN_OVER, async move {
            let program = self.lock_program(&key, true).await?;
            self.run_pinned(program, Discard, false, location).await?;
            Ok(())
        })
    }

    /// Takes such a lock if nobody has it, and answers whether it did: does not wait.
    ///
    /// Dropped: as [`advisory_lock`](Self::advisory_lock).
    ///
    /// # Errors
    /// As [`advisory_lock`](Self::advisory_lock).
    #[track_caller]
    pub fn try_advisory_lock(&mut self, key: impl Into<AdvisoryKey>) -> Operation<'_, bool> {
        let (location, key) = (Location::caller(), key.into());
        Operation::named("session.try_advisory_lock", left::TAKEN_OVER, async move {
            let program = self.lock_program(&key, false).await?;
            let rows = Rows::<Values<bool>>::new(0, Collectors::default());
            let (_, rows) = self.run_pinned(program, rows, false, location).await?;
            Ok(rows.into_rows() == [true])
        })
    }

    /// Sends a message to those who listen to a channel, when the session's transaction is committed: see
    /// [`Engine::listen`](orm_exec::Engine::listen). Opens a transaction if none is open. PostgreSQL only.
    ///
    /// Dropped: the statement runs on in the transaction, which stays open.
    ///
    /// # Errors
    /// As for [`Engine::notify`](orm_exec::Engine::notify). If the session only reads.
    ///
    /// # Example
    /// ```
    /// # use orm_blog::*;
    /// # run(async |engine| {
    /// use anyorm::prelude::*;
    ///
    /// let mut session = engine.session();
    /// session.add(Post { title: "On looms".into(), author: BelongsTo::to_key(1), ..Default::default() });
    /// match session.notify("posts", "new").await {
    ///     Ok(()) => {} // told with the commit
    ///     Err(error) => assert!(error.to_string().contains("SQLite has no notifications")),
    /// }
    /// session.commit().await?;
    /// # Ok(()) });
    /// ```
    #[track_caller]
    pub fn notify(&mut self, channel: &str, payload: &str) -> Operation<'_, ()> {
        let location = Location::caller();
        let program = notifying(channel, payload, self.engine().dialect());
        Operation::named("session.notify", left::TAKEN_OVER, async move {
            self.ready().await?;
            self.run(program?, Discard, location).await?;
            Ok(())
        })
    }

    async fn lock_program(&mut self, key: &AdvisoryKey, waits: bool) -> Result<Program> {
        self.ready().await?;
        key.for_transaction(waits, self.engine.dialect())
    }
}
