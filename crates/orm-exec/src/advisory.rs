//! Locks on whatever the programs of a database agree on: a job that runs once, a file that one process writes.
//!
//! PostgreSQL keeps such a lock for a connection or for a transaction. One for a connection is a guard that holds a
//! connection of the pool; that comes home only after the lock is given back.

use std::fmt;
use std::panic::Location;
use std::sync::Arc;

use orm_core::program::{Discard, Returns, StatementShape};
use orm_core::{Cells, ColumnError, Dialect, Error, Program, Result, Row, Sink, ValueRef};

use crate::driver::Access;
use crate::engine::{Engine, bare_step};
use crate::operation::Operation;
use crate::pool::Lease;
use crate::verbs::Runner;

/// What an advisory lock is about: a number, two smaller ones, or a text. One of two numbers is never the same as one of a
/// number or a text.
///
/// A text stands for the number that the server makes of it: the first eight bytes of its SHA-256, in SQL
/// `('x' || left(encode(sha256('nightly report'), 'hex'), 16))::bit(64)::bigint`. So programs in other languages, and
/// people at a terminal, have the same lock.
///
/// # Example
/// ```
/// use anyorm::AdvisoryKey;
///
/// let keys = [AdvisoryKey::from(42), (1, 7).into(), "nightly report".into()];
/// assert_eq!(keys[2].to_string(), "`nightly report`");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct AdvisoryKey(Kind);

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Kind {
    One(i64),
    Two(i32, i32),
    Text(Arc<str>),
}

impl From<i64> for AdvisoryKey {
    fn from(key: i64) -> Self {
        Self(Kind::One(key))
    }
}

impl From<(i32, i32)> for AdvisoryKey {
    fn from((group, key): (i32, i32)) -> Self {
        Self(Kind::Two(group, key))
    }
}

impl From<&str> for AdvisoryKey {
    fn from(key: &str) -> Self {
        Self(Kind::Text(key.into()))
    }
}

impl From<String> for AdvisoryKey {
    fn from(key: String) -> Self {
        Self(Kind::Text(key.into()))
    }
}

impl fmt::Display for AdvisoryKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::One(key) => key.fmt(f),
            Kind::Two(group, key) => write!(f, "({group}, {key})"),
            Kind::Text(text) => write!(f, "`{text}`"),
        }
    }
}

/// Gives back all that the connection has. It is a guard's alone.
const UNLOCK: &str = "SELECT pg_advisory_unlock_all()";

impl AdvisoryKey {
    /// The statement that takes the lock until the end of the transaction: waits for it, or answers a row with whether it
    /// was free. For the session crate.
    ///
    /// # Errors
    /// If the database has no such locks. Nothing is sent.
    #[doc(hidden)]
    pub fn for_transaction(&self, waits: bool, dialect: &Dialect) -> Result<Program> {
        match waits {
            true => self.call("pg_advisory_xact_lock", Returns::Count, dialect),
            false => self.call("pg_try_advisory_xact_lock", Returns::Rows, dialect),
        }
    }

    fn call(&self, function: &str, returns: Returns, dialect: &Dialect) -> Result<Program> {
        if !dialect.advisory_locks {
            return Err(Error::build(format!(
                "{} has no advisory locks, so {self} cannot be locked: a transaction that writes keeps all other writers \
                 out by itself, `engine.begin()`; and inside one process a mutex does",
                dialect.name
            )));
        }
        let mut cells = Cells::default();
        let arguments = match &self.0 {
            Kind::One(key) => {
                cells.int(*key);
                "$1::bigint"
            }
            Kind::Two(group, key) => {
                cells.int(i64::from(*group));
                cells.int(i64::from(*key));
                "$1::int, $2::int"
            }
            Kind::Text(text) => {
                cells.text(text);
                "('x' || left(encode(sha256(convert_to($1::text, 'UTF8')), 'hex'), 16))::bit(64)::bigint"
            }
        };
        let shape = StatementShape {
            sql: format!("SELECT {function}({arguments})").into(),
            parameters: cells.len() as u16,
            returns,
            // A transaction that only reads may lock, too.
            reads_only: true,
            cheap: false,
            list: None,
            outline: None,
        };
        Ok(Program::single(shape.into(), cells))
    }
}

/// A lock that this guard has, and with it a connection. Made by [`Engine::advisory_lock`] and
/// [`Engine::try_advisory_lock`].
///
/// Dropping it gives the lock back, without waiting for that: the connection comes home after it, or is closed, which ends
/// the lock, too. [`release`](Self::release) waits. The lock ends with the connection if that breaks:
/// [`check`](Self::check) tells.
#[must_use = "the lock is given back when this is dropped"]
pub struct AdvisoryLock {
    lease: Option<Lease>,
    key: AdvisoryKey,
}

impl AdvisoryLock {
    /// What is locked.
    pub fn key(&self) -> &AdvisoryKey {
        &self.key
    }

    /// Gives the lock back, and then the connection.
    ///
    /// Dropped: given back all the same.
    ///
    /// # Errors
    /// If the connection is lost. The lock is gone with it: somebody else may have had it for a while.
    pub fn release(mut self) -> Operation<'static, ()> {
        Operation::named("lock.release", "it is given back all the same", async move {
            let Some(lease) = self.lease.take() else { return Err(self.lost()) };
            if !lease.has_connection() {
                return Err(self.lost());
            }
            let program = Program { steps: vec![bare_step(UNLOCK.into())], ..Program::default() };
            lease.in_use(false);
            let mut output = lease.run(program, Discard).await;
            output.result.map_err(Error::from)?;
            output.lease.owe(None);
            Ok(())
        })
    }

    /// Asks the server whether the connection, and with it the lock, is still there: before a step that only one may do.
    ///
    /// Dropped: the lock is given back if the question was under way, as its answer would be missed.
    ///
    /// # Errors
    /// If it is not: take the lock again.
    pub fn check(&mut self) -> Operation<'_, ()> {
        Operation::named("lock.check", "the lock is given back", async {
            let lease = self.lease.take().filter(Lease::has_connection);
            let Some(lease) = lease else { return Err(self.lost()) };
            let mut question = bare_step("SELECT 1".into());
            Arc::make_mut(&mut question.shape).reads_only = true;
            let program = Program { steps: vec![question], ..Program::default() };
            let output = lease.run(program, Discard).await;
            match output.result {
                Ok(_) => {
                    output.lease.in_use(true);
                    self.lease = Some(output.lease);
                    Ok(())
                }
                Err(failure) => Err(failure.error),
            }
        })
    }

    #[cold]
    fn lost(&self) -> Error {
        Error::Ended(
            format!(
                "the connection that had the lock on {} is gone, and the lock with it: take it again",
                self.key
            )
            .into(),
        )
    }
}

impl fmt::Debug for AdvisoryLock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AdvisoryLock").field("key", &self.key).finish_non_exhaustive()
    }
}

impl Engine {
    /// Takes a lock that all who use the database agree on, and waits for it as long as somebody else has it. It is not
    /// about any row or table; what it keeps apart are those who ask for it.
    ///
    /// The guard has a connection of the pool until it is dropped, and so has this call while it waits: where many may
    /// wait, give the engine [`connections`](crate::EngineBuilder::connections) enough, or ask with
    /// [`try_advisory_lock`](Self::try_advisory_lock) now and then. For the time of a transaction there are
    /// [`Transaction::advisory_lock`](crate::Transaction::advisory_lock) and that of a session, which need no other
    /// connection. PostgreSQL only; behind a pooler that shares connections between transactions it does not work.
    ///
    /// Dropped while it waits: the wait ends on the server, and no lock is kept.
    ///
    /// # Errors
    /// On a database without such locks, before anything is sent. [`Error::Timeout`] if no connection was free in time;
    /// [`Error::Busy`] if the wait would never end, because two wait for each other, or took longer than `lock_timeout`.
    ///
    /// # Example
    /// ```
    /// # use orm_blog::*;
    /// # run(async |engine| {
    /// use anyorm::prelude::*;
    ///
    /// match engine.advisory_lock("nightly report").await {
    ///     Ok(lock) => {
    ///         // Nobody else is here.
    ///         lock.release().await?;
    ///     }
    ///     // SQLite has none: a transaction that writes keeps all other writers out.
    ///     Err(error) => assert!(error.to_string().contains("SQLite has no advisory locks")),
    /// }
    /// # Ok(()) });
    /// ```
    #[track_caller]
    pub fn advisory_lock(&self, key: impl Into<AdvisoryKey>) -> Operation<'static, AdvisoryLock> {
        let (key, location, engine) = (key.into(), Location::caller(), self.clone());
        Operation::named("engine.advisory_lock", "no lock is kept", async move {
            let program = key.call("pg_advisory_lock", Returns::Count, engine.dialect())?;
            let (lease, Discard) = take(&engine, program, Discard, location).await?;
            Ok(AdvisoryLock { lease: Some(lease), key })
        })
    }

    /// Takes a lock as [`advisory_lock`](Self::advisory_lock) does, if nobody has it: does not wait. `None` if somebody has.
    ///
    /// Dropped: no lock is kept.
    ///
    /// # Errors
    /// As for [`advisory_lock`](Self::advisory_lock).
    #[track_caller]
    pub fn try_advisory_lock(&self, key: impl Into<AdvisoryKey>) -> Operation<'static, Option<AdvisoryLock>> {
        let (key, location, engine) = (key.into(), Location::caller(), self.clone());
        Operation::named("engine.try_advisory_lock", "no lock is kept", async move {
            let program = key.call("pg_try_advisory_lock", Returns::Rows, engine.dialect())?;
            let (lease, Taken(taken)) = take(&engine, program, Taken(false), location).await?;
            Ok(taken.then_some(AdvisoryLock { lease: Some(lease), key }))
        })
    }
}

/// Takes a connection, and a lock on it. Whatever becomes of the call, the connection comes home without a lock.
async fn take<S: Sink + 'static>(
    engine: &Engine,
    program: Program,
    sink: S,
    location: &'static Location<'static>,
) -> Result<(Lease, S)> {
    let mut lease = engine.lease(Access::Write, location).await?;
    lease.pin();
    lease.owe(Some(UNLOCK));
    let output = lease.run(program, sink).await;
    let (_, sink) = output.result.map_err(Error::from)?;
    // It is used for as long as it is held, though nothing is sent.
    output.lease.in_use(true);
    Ok((output.lease, sink))
}

/// Whether a lock was free.
struct Taken(bool);

impl Sink for Taken {
    fn row(&mut self, _step: u16, row: &Row<'_>) -> Result<(), ColumnError> {
        self.0 = matches!(row.value(0)?, ValueRef::Bool(true) | ValueRef::Int(1));
        Ok(())
    }
}

/// Takes a lock until the end of a transaction.
pub(crate) fn in_transaction<'a, R: Runner + 'a>(runner: R, key: AdvisoryKey) -> Operation<'a, ()> {
    let program = key.for_transaction(true, runner.dialect());
    Operation::new(async move {
        runner.run_program(program?, false, Discard).await.map(drop).map_err(Error::from)
    })
}

/// The same if it is free.
pub(crate) fn try_in_transaction<'a, R: Runner + 'a>(runner: R, key: AdvisoryKey) -> Operation<'a, bool> {
    let program = key.for_transaction(false, runner.dialect());
    Operation::new(async move {
        let (_, Taken(taken)) =
            runner.run_program(program?, false, Taken(false)).await.map_err(Error::from)?;
        Ok(taken)
    })
}
