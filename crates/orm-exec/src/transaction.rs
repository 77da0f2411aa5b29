//! Several statements that happen together, or not at all.

mod core;
mod savepoint;

pub use savepoint::Savepoint;

use std::panic::Location;

use orm_core::{Begin, Dialect, Setting};

pub(crate) use self::core::Core;
use crate::advisory::{self, AdvisoryKey};
use crate::notifications;
use crate::observe::Span;
use crate::operation::Operation;
use crate::pool::Lease;
use crate::stream::{copy_out_verb, stream_verb};
use crate::verbs::{left_by, verbs};

/// Statements that happen together or not at all. Made by [`Engine::begin`](crate::Engine::begin).
///
/// Dropping it rolls back. BEGIN rides with the first statement, so a transaction that ran none costs nothing.
///
/// A statement that fails leaves the transaction as it was before that statement (SQLite keeps it open): go on, or end
/// it. Should the database end the transaction by itself, because the disk is full, say, later calls answer
/// [`Error::Ended`](orm_core::Error::Ended). They do so too after a verb was dropped before its end: what it had done
/// cannot be told apart from what it had not, so the whole transaction is rolled back.
///
/// # Example
/// ```
/// # use orm_blog::*;
/// # run(async |engine| {
/// use anyorm::prelude::*;
///
/// let mut transaction = engine.begin().await?;
/// let take = Account::update().set(Account::BALANCE, Account::BALANCE - 10).filter(Account::ID.eq(1));
/// let give = Account::update().set(Account::BALANCE, Account::BALANCE + 10).filter(Account::ID.eq(2));
/// transaction.execute(take).await?;
/// transaction.execute(give).await?;
/// transaction.commit().await?;
/// let balances = engine.all(Account::select().columns(Account::BALANCE).order_by(Account::ID)).await?;
/// assert_eq!(balances, [40, 10]);
/// # Ok(()) });
/// ```
#[derive(Debug)]
#[must_use = "a transaction that is dropped is rolled back"]
pub struct Transaction {
    core: Core,
}

impl Transaction {
    pub(crate) fn new(lease: Lease, begin: Begin, dialect: &'static Dialect) -> Self {
        Self { core: Core::new(lease, begin, dialect) }
    }

    verbs!(on, "transaction", "let mut transaction = engine.begin().await?;\n", mut);
    stream_verb!(on, "transaction", "let mut transaction = engine.begin().await?;\n", '_, mut);
    copy_out_verb!(on, "transaction", "let mut transaction = engine.begin().await?;\n", '_, mut);

    /// Sets something until the end of the transaction: `SET LOCAL`, with a bound value. For a tenant that row-level
    /// security asks for, say, or a `statement_timeout`. Before the first statement it is sent along with BEGIN, and does no
    /// I/O.
    ///
    /// It ends with the transaction, committed or rolled back, so that nobody else meets it on the connection. For all
    /// transactions of a session there is `SessionFactory::setting`.
    ///
    /// PostgreSQL only. A name of the program's own has a dot, as `app.tenant` has; SQL reads it by
    /// `current_setting('app.tenant')`.
    ///
    /// Dropped while it runs: the whole transaction is rolled back.
    ///
    /// # Errors
    /// On a database without such settings, before anything is sent. If the server does not know the name, or refuses the
    /// value: told by the statement that it travels with, where that is another.
    ///
    /// # Example
    /// ```
    /// # use orm_blog::*;
    /// # run(async |engine| {
    /// use anyorm::prelude::*;
    ///
    /// let mut transaction = engine.begin().await?;
    /// let error = transaction.set_local("app.tenant", 42).await.unwrap_err(); // SQLite has none
    /// assert!(error.to_string().contains("SessionFactory::filter"));
    /// # Ok(()) });
    /// ```
    #[track_caller]
    pub fn set_local(&mut self, name: &str, value: impl ToString) -> Operation<'_, ()> {
        let setting = Setting::new(name, value);
        let core = self.on();
        Operation::named("transaction.set_local", left_by("transaction"), core.set_local(setting))
    }

    /// Takes a lock that all who use the database agree on until the end of the transaction, and waits for it as long as
    /// somebody else has it: see [`Engine::advisory_lock`](crate::Engine::advisory_lock), with which it shares its keys.
    ///
    /// Take it first: at a level above `ReadCommitted` a transaction sees the state that its first statement saw, which may
    /// be that of before the wait.
    ///
    /// Dropped while it waits: the wait ends, and the whole transaction is rolled back.
    ///
    /// # Errors
    /// On a database without such locks, before anything is sent. [`Error::Busy`](orm_core::Error::Busy) if two wait for
    /// each other, or it took longer than `lock_timeout`.
    #[track_caller]
    pub fn advisory_lock(&mut self, key: impl Into<AdvisoryKey>) -> Operation<'_, ()> {
        advisory::in_transaction(self.on(), key.into())
            .called("transaction.advisory_lock", left_by("transaction"))
    }

    /// Takes such a lock if nobody has it, and answers whether it did: does not wait.
    ///
    /// Dropped while it runs: the whole transaction is rolled back.
    ///
    /// # Errors
    /// As for [`advisory_lock`](Self::advisory_lock).
    #[track_caller]
    pub fn try_advisory_lock(&mut self, key: impl Into<AdvisoryKey>) -> Operation<'_, bool> {
        advisory::try_in_transaction(self.on(), key.into())
            .called("transaction.try_advisory_lock", left_by("transaction"))
    }

    /// Sends a message to those who listen to a channel, when the transaction is committed: see
    /// [`Engine::listen`](crate::Engine::listen).
    ///
    /// Dropped while it runs: the whole transaction is rolled back.
    ///
    /// # Errors
    /// As for [`Engine::notify`](crate::Engine::notify).
    #[track_caller]
    pub fn notify(&mut self, channel: &str, payload: &str) -> Operation<'_, ()> {
        notifications::notify(self.on(), channel, payload)
            .called("transaction.notify", left_by("transaction"))
    }

    /// Makes the work of the transaction last. Dropped while it runs, it may or may not have happened.
    ///
    /// # Errors
    /// If the database refuses: a deferred foreign key, or a lock. The transaction is rolled back then.
    ///
    /// # Example
    /// ```
    /// # use orm_blog::*;
    /// # run(async |engine| {
    /// use anyorm::prelude::*;
    ///
    /// let mut transaction = engine.begin().await?;
    /// transaction.execute(Tag::delete().filter(Tag::NAME.eq("poetry"))).await?;
    /// transaction.commit().await?; // `transaction` is gone: using it again does not compile
    /// assert_eq!(engine.count(Tag::select()).await?, 1);
    /// # Ok(()) });
    /// ```
    #[track_caller]
    pub fn commit(mut self) -> Operation<'static, ()> {
        let location = Location::caller();
        self.core.called_at(location);
        Operation::named(
            "transaction.commit",
            "it is committed or rolled back: read the rows to know",
            async move {
                let span = Span::commit(location);
                let result = span.around(self.core.commit()).await;
                result.inspect_err(|error| span.failed(error))
            },
        )
    }

    /// Undoes the work of the transaction. Dropping the transaction does the same, without waiting for it.
    ///
    /// Dropped: rolled back all the same.
    ///
    /// # Errors
    /// If the connection cannot get out of the transaction: it is discarded, which undoes the work too.
    ///
    /// # Example
    /// ```
    /// # use orm_blog::*;
    /// # run(async |engine| {
    /// use anyorm::prelude::*;
    ///
    /// let mut transaction = engine.begin().await?;
    /// transaction.execute(Tag::delete().filter(Tag::NAME.eq("poetry"))).await?;
    /// transaction.rollback().await?;
    /// assert_eq!(engine.count(Tag::select()).await?, 2);
    /// # Ok(()) });
    /// ```
    #[track_caller]
    pub fn rollback(mut self) -> Operation<'static, ()> {
        self.core.called_at(Location::caller());
        Operation::named("transaction.rollback", "it is rolled back all the same", self.core.rollback())
    }

    /// A part of the transaction that can be undone on its own. SAVEPOINT rides with its first statement.
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
    /// transaction.execute(Account::update().set(Account::BALANCE, 1).everything()).await?;
    /// let mut attempt = transaction.begin_nested().await?;
    /// attempt.execute(Account::delete().everything()).await?;
    /// attempt.rollback().await?; // the delete, not the update
    /// transaction.commit().await?;
    /// assert_eq!(engine.count(Account::select().filter(Account::BALANCE.eq(1))).await?, 2);
    /// # Ok(()) });
    /// ```
    pub fn begin_nested(&mut self) -> Operation<'_, Savepoint<'_>> {
        Operation::named("transaction.begin_nested", "there is no savepoint", async {
            Savepoint::new(&mut self.core)
        })
    }

    #[track_caller]
    fn on(&mut self) -> &mut Core {
        self.core.called_at(Location::caller());
        &mut self.core
    }
}
