//! Begin, commit, roll back, recover.

use std::panic::Location;
use std::sync::Arc;

use orm_core::program::{Discard, Program, Returns, StatementShape};
use orm_core::{Begin, Cells, Error, Result, Setting};
use orm_exec::{Operation, Span};

use super::connection::Scope;
use super::nested::Nesting;
use super::{Session, Status, left};

impl Session {
    /// Begins a transaction: from now on all reads and writes of this session go through one connection, until
    /// `commit` or `rollback`. Does no I/O: BEGIN rides with the first statement.
    ///
    /// Dropped before it was polled: nothing was begun. It is ready at its first poll.
    ///
    /// # Errors
    /// If a transaction is open already, or the session is inactive.
    ///
    /// # Example
    /// ```
    /// # use orm_blog::*;
    /// # run(async |engine| {
    /// use anyorm::prelude::*;
    ///
    /// let mut session = engine.session();
    /// session.begin().await?;
    /// // These two reads see one state of the database: on PostgreSQL, begin `with` RepeatableRead for that.
    /// let users = session.count(User::select()).await?;
    /// let posts = session.count(Post::select()).await?;
    /// session.commit().await?;
    /// assert_eq!((users, posts), (2, 2));
    /// assert!(!session.in_transaction());
    /// # Ok(()) });
    /// ```
    pub fn begin(&mut self) -> Operation<'_, ()> {
        self.begin_with(Begin::new())
    }

    /// Begins a transaction of an isolation level, or one that only reads; what `begin` leaves open is as the session's
    /// factory says. Otherwise as [`begin`](Self::begin).
    ///
    /// A transaction that only reads sees one state of the database from its first read on. On an SQLite file it takes one
    /// of the readers: it waits for no writer and keeps none waiting. A flush with anything to write is refused before it
    /// is sent, and so is a statement that writes.
    ///
    /// # Errors
    /// If a transaction is open already: its level cannot be changed any more. If the session is inactive.
    ///
    /// # Example
    /// ```
    /// # use orm_blog::*;
    /// # run(async |engine| {
    /// use anyorm::prelude::*;
    /// use anyorm::Begin;
    ///
    /// let mut session = engine.session();
    /// session.begin_with(Begin::new().read_only()).await?;
    /// let ada = session.get_one::<User>(1).await?;
    /// session[ada].age = Some(37);
    /// let refused = session.flush().await.unwrap_err();
    /// assert!(refused.to_string().contains("only reads"));
    /// session.rollback().await?;
    /// assert_eq!(session[ada].age, Some(36));
    /// # Ok(()) });
    /// ```
    pub fn begin_with(&mut self, begin: Begin) -> Operation<'_, ()> {
        Operation::named("session.begin", left::TAKEN_OVER, async move {
            self.ready().await?;
            match self.scope {
                Scope::None => {
                    self.begin_unused(begin);
                    Ok(())
                }
                _ => Err(Error::build(
                    "a transaction is open already, and how it began cannot be changed: commit it or roll it back \
                     first",
                )),
            }
        })
    }

    /// Sets something until the end of the transaction: `SET LOCAL`, with a bound value. For a tenant that row-level
    /// security asks for, say, or a `statement_timeout`. Without an open transaction, one is begun. Before the first
    /// statement it is sent along with BEGIN, and does no I/O.
    ///
    /// It ends with the transaction, also with one that [`recover`](Self::recover) rolls back. What is to be set for all
    /// transactions of a session is for [`SessionFactory::setting`](crate::SessionFactory::setting).
    ///
    /// PostgreSQL only. A name of the program's own has a dot, as `app.tenant` has; SQL reads it by
    /// `current_setting('app.tenant')`.
    ///
    /// Dropped: the statement runs on in the transaction, which stays open.
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
    /// let mut session = engine.session();
    /// let error = session.set_local("app.tenant", 42).await.unwrap_err(); // SQLite has none
    /// assert!(error.to_string().contains("SessionFactory::filter"));
    /// # Ok(()) });
    /// ```
    #[track_caller]
    pub fn set_local(&mut self, name: &str, value: impl ToString) -> Operation<'_, ()> {
        let (location, setting) = (Location::caller(), Setting::new(name, value));
        Operation::named("session.set_local", left::TAKEN_OVER, async move {
            self.ready().await?;
            let dialect = self.engine.dialect();
            setting.verify(dialect)?;
            if !matches!(self.scope, Scope::Open(_)) && self.nesting.depth() == 0 {
                self.scope = Scope::Begun;
                self.settings.push(setting);
                return Ok(());
            }
            self.run_pinned(setting.program(dialect)?, Discard, false, location).await?;
            Ok(())
        })
    }

    /// The transaction is over, and its savepoints with it.
    pub(super) fn end_scope(&mut self) -> Scope {
        self.begin = self.options().begin;
        self.settings.clear();
        self.nesting = Nesting::default();
        std::mem::replace(&mut self.scope, Scope::None)
    }

    pub(crate) fn begin_unused(&mut self, begin: Begin) {
        self.begin = begin.or(self.options().begin);
        self.scope = Scope::Begun;
    }

    /// Whether a transaction is open, or begun and waiting for its first statement.
    ///
    /// # Example
    /// ```
    /// # use orm_blog::*;
    /// # run(async |engine| {
    /// use anyorm::prelude::*;
    ///
    /// let mut session = engine.session();
    /// session.add(Tag { name: "engines".into(), ..Default::default() });
    /// assert!(!session.in_transaction()); // so far this is memory only
    /// session.flush().await?;
    /// assert!(session.in_transaction());
    /// # Ok(()) });
    /// ```
    pub fn in_transaction(&self) -> bool {
        !matches!(self.scope, Scope::None)
    }

    /// Sends all pending changes and commits. With no transaction open this is one hop: BEGIN, every statement in
    /// order, COMMIT. With nothing pending and no transaction open it does no I/O.
    ///
    /// Dropped before it was sent: nothing happened. Dropped later: it runs on, and the session's next call takes its
    /// outcome over. If the session is dropped too, it may or may not be committed.
    ///
    /// # Errors
    /// As [`flush`](Self::flush): a failed commit is rolled back and the session inactive.
    ///
    /// # Example
    /// ```
    /// # use orm_blog::*;
    /// # run(async |engine| {
    /// use anyorm::prelude::*;
    ///
    /// let mut session = engine.session();
    /// let ada = session.get_one::<User>(1).await?;
    /// session[ada].age = Some(37);
    /// session.commit().await?; // one hop: BEGIN, UPDATE users SET age = ?, COMMIT
    ///
    /// let age = engine.scalar(User::select().filter(User::ID.eq(1)).columns(User::AGE)).await?;
    /// assert_eq!(age, Some(37));
    /// assert_eq!(session[ada].age, Some(37)); // handles stay good
    /// # Ok(()) });
    /// ```
    #[track_caller]
    pub fn commit(&mut self) -> Operation<'_, ()> {
        self.commit_at(Location::caller())
    }

    pub(crate) fn commit_at(&mut self, location: &'static Location<'static>) -> Operation<'_, ()> {
        Operation::named("session.commit", left::RUNS_ON, async move {
            self.ready().await?;
            self.refuse_in_hook("commit")?;
            let span = Span::commit(location);
            let result = span.around(self.send_plan(true, location)).await;
            result.inspect_err(|error| span.failed(error))
        })
    }

    /// Rolls the transaction back, in memory too: changes are undone, what was added is gone, what was deleted is back
    /// under its old handle. Makes an inactive session active.
    ///
    /// After [`Error::OutcomeUnknown`] it cannot know which rows are stored: what the transaction had changed, deleted or read
    /// after its first write leaves the session, and its handles become stale. Read those rows again.
    ///
    /// Dropped at any point: memory is rolled back once it was polled; the database rolls back in any case.
    ///
    /// # Errors
    /// If the connection fails; memory is rolled back all the same.
    ///
    /// # Example
    /// ```
    /// # use orm_blog::*;
    /// # run(async |engine| {
    /// use anyorm::prelude::*;
    ///
    /// let mut session = engine.session();
    /// let ada = session.get_one::<User>(1).await?;
    /// let grace = session.get_one::<User>(2).await?;
    /// session[ada].name = "Nobody".into();
    /// session.delete(grace);
    /// let tag = session.add(Tag::default());
    /// session.flush().await?;
    ///
    /// session.rollback().await?;
    /// assert_eq!(session[ada].name, "Ada");
    /// assert_eq!(session.get::<User>(2).await?, Some(grace)); // alive again
    /// assert!(session.peek(tag).is_none()); // was never there
    /// # Ok(()) });
    /// ```
    #[track_caller]
    pub fn rollback(&mut self) -> Operation<'_, ()> {
        self.rollback_at(Location::caller())
    }

    pub(crate) fn rollback_at(&mut self, location: &'static Location<'static>) -> Operation<'_, ()> {
        Operation::named("session.rollback", left::ROLLED_BACK, async move {
            self.refuse_in_hook("roll back")?;
            let hooks = self.resolve_to_end().await;
            let takes_back = self.has_something_to_take_back();
            let scope = self.end_scope();
            match self.unknown_outcome() {
                Some(_) => self.tracker.forget_written(),
                None => self.tracker.rollback(0),
            }
            self.status = Status::Active;
            let result = roll_back(scope, Some(location)).await.and(hooks);
            if takes_back && self.is_listened_to() {
                result.and(self.run_after_rollback().await)
            } else {
                result
            }
        })
    }

    /// Rolls the transaction back in the database, and keeps the work: all that was pending, and all that earlier
    /// flushes of the transaction had written, is pending again. Mend what made the flush fail, and commit again.
    ///
    /// Entities that were read in the transaction stay in the session. One whose row the transaction itself had made, by
    /// raw SQL, is found missing when it is next written or refreshed.
    ///
    /// Dropped at any point: as [`rollback`](Self::rollback).
    ///
    /// # Errors
    /// If the connection fails; the work is kept all the same. [`Error::OutcomeUnknown`] after a commit that answered it: what
    /// may be stored already is not to be sent again. Call [`rollback`](Self::rollback) then.
    ///
    /// # Example
    /// ```
    /// # use orm_blog::*;
    /// # run(async |engine| {
    /// use anyorm::prelude::*;
    ///
    /// let mut session = engine.session();
    /// let ada = session.get_one::<User>(1).await?;
    /// session[ada].age = Some(37);
    /// let tag = session.add(Tag { name: "math".into(), ..Default::default() }); // there is one already
    /// let error = session.commit().await.unwrap_err();
    /// assert!(error.constraint().is_some());
    ///
    /// session.recover().await?;
    /// session[tag].name = "engines".into();
    /// session.commit().await?; // the change of Ada's age, too
    /// assert_eq!(session[tag].id, 3);
    /// # Ok(()) });
    /// ```
    #[track_caller]
    pub fn recover(&mut self) -> Operation<'_, ()> {
        let location = Location::caller();
        Operation::named("session.recover", left::ROLLED_BACK, async move {
            self.refuse_in_hook("recover")?;
            let hooks = self.resolve_to_end().await;
            if let Some(unknown) = self.unknown_outcome() {
                return Err(unknown);
            }
            let takes_back = self.has_transaction_to_take_back();
            let scope = self.end_scope();
            self.status = Status::Active;
            self.tracker.recover();
            let result = roll_back(scope, Some(location)).await.and(hooks);
            if takes_back && self.is_listened_to() {
                result.and(self.run_after_rollback().await)
            } else {
                result
            }
        })
    }

    /// The error of a commit of which nobody knows whether it has happened, until `rollback` has dealt with it.
    fn unknown_outcome(&self) -> Option<Error> {
        match &self.status {
            Status::Inactive(first) if matches!(**first, Error::OutcomeUnknown(_)) => Some((**first).clone()),
            _ => None,
        }
    }
}

/// Rolls an open transaction back. If this is dropped, the connection does it on its way home.
pub(super) async fn roll_back(scope: Scope, location: Option<&'static Location<'static>>) -> Result<()> {
    let Scope::Open(open) = scope else { return Ok(()) };
    let Some(mut lease) = open.lease.filter(|lease| lease.in_transaction()) else { return Ok(()) };
    // Without a call of its own, it belongs to the flush that failed.
    location.into_iter().for_each(|location| lease.called_at(location));
    lease.unpin();
    let shape = StatementShape {
        sql: "ROLLBACK".into(),
        parameters: 0,
        returns: Returns::Count,
        reads_only: false,
        cheap: false,
        list: None,
        outline: None,
    };
    let output = lease.run(Program::single(Arc::new(shape), Cells::default()), Discard).await;
    output.result.map(|_| ()).map_err(Error::from)
}
