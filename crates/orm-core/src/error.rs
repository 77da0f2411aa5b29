//! One error type for everything, each kind with what a person needs to act: entity, key, column, constraint, SQL.

mod kinds;

pub use kinds::{
    ConstraintError, ConstraintKind, DatabaseError, DatabaseErrorKind, DeadlineError, DecodeError,
    FlushError, HookError, NotFoundError, RowCountError, StaleDataError, TimeoutError, ValueError,
};

use std::sync::Arc;

use crate::row::ColumnError;

/// The result of nearly everything.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong. Cheap to clone: a failed session quotes its first error until it is rolled back.
///
/// # Example
/// ```
/// # use orm_blog::*;
/// # run(async |engine| {
/// use anyorm::prelude::*;
///
/// use anyorm::error::ConstraintKind;
///
/// let mut session = engine.session();
/// session.add(User { email: "ada@example.org".into(), ..Default::default() });
/// let error = session.commit().await.unwrap_err();
/// match error.constraint() {
///     Some(broken) if broken.kind == ConstraintKind::Unique => {
///         assert_eq!((broken.entity, &broken.columns[..]), (Some("User"), &["email".to_owned()][..]));
///     }
///     _ => return Err(error),
/// }
/// # Ok(()) });
/// ```
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An engine that cannot be made: an unknown URL scheme, a file that cannot be opened, an option that is wrong.
    #[error("cannot open the database: {0}")]
    Configuration(Arc<str>),
    /// A query, schema or call that cannot be carried out as it stands. Nothing was sent.
    #[error("nothing was sent: {0}")]
    Build(Arc<str>),
    /// A value that the database does not take: text with a NUL character, NaN on SQLite. Nothing was sent.
    #[error(transparent)]
    Value(Arc<ValueError>),
    /// The database refused a statement, or could not carry it out: its [`kind`](DatabaseErrorKind) tells a full disk, a
    /// failing one, a damaged file and a read-only one from a wrong statement.
    #[error(transparent)]
    Database(Arc<DatabaseError>),
    /// A UNIQUE, FOREIGN KEY, NOT NULL or CHECK constraint.
    #[error(transparent)]
    Constraint(Arc<ConstraintError>),
    /// The database is locked by another writer, or asks for the transaction to be tried again.
    #[error("the database is busy: {0}")]
    Busy(Arc<DatabaseError>),
    /// A value of a row does not fit the type it is read into.
    #[error(transparent)]
    Decode(Arc<DecodeError>),
    /// `get_one` found no row.
    #[error(transparent)]
    NotFound(Arc<NotFoundError>),
    /// `one` or `scalar` found no row, or more than one.
    #[error(transparent)]
    RowCount(Arc<RowCountError>),
    /// A row was changed or deleted by somebody else since it was read.
    #[error(transparent)]
    StaleData(Arc<StaleDataError>),
    /// The pending work of a session contradicts itself. Nothing was sent.
    #[error(transparent)]
    Flush(Arc<FlushError>),
    /// A hook answered an error.
    #[error(transparent)]
    Hook(Arc<HookError>),
    /// Rows that must each be written before the other: they refer to each other, or swap unique values, and no
    /// column between them may be NULL for a moment. Nothing was sent.
    #[error("there is no order in which these rows can be written: {0}")]
    Circular(Arc<str>),
    /// An earlier flush of this session failed.
    #[error(
        "this session is inactive because an earlier flush failed: {first}\n\
         call `rollback()` to drop the pending work, or `recover()` to keep it, mend it and try again"
    )]
    Inactive {
        /// The error of that flush.
        first: Arc<Error>,
    },
    /// The flush that a read sets off, to see pending changes, failed.
    #[error("autoflush before reading {table}: {error}")]
    Autoflush {
        /// The table with pending changes.
        table: &'static str,
        /// The error of the flush.
        error: Arc<Error>,
    },
    /// The connection was lost while COMMIT was under way: the work may be stored, or not.
    ///
    /// That takes a network between program and database. SQLite never answers this: it runs in the process, so that
    /// the outcome of a COMMIT is always known, also after the future that asked for it was dropped.
    #[error("the outcome of this commit is not known: {0}\ncall `rollback()` and read the rows again")]
    OutcomeUnknown(Arc<str>),
    /// No connection, or no lock, was free in time.
    #[error(transparent)]
    Timeout(Arc<TimeoutError>),
    /// A call was not done within the time that the program gave it: `timeout` or `deadline` of an operation.
    #[error(transparent)]
    Deadline(Arc<DeadlineError>),
    /// On a worker thread, in a closure of `run_sync`: whoever awaited it was dropped, or its time is over.
    #[error("cancelled: the call that awaited this closure was dropped, or its time is over")]
    Cancelled,
    /// The engine was closed.
    #[error("this engine is closed")]
    Closed,
    /// A statement was stopped because the future that awaited it was dropped. Drivers answer it; nobody awaits that
    /// answer any more, so programs do not meet it.
    #[error("the statement was interrupted")]
    Interrupted,
    /// The engine has one connection, as `:memory:` has, and an open transaction, a `Connection` or a stream of the
    /// same task holds it: a call that waits for it usually waits for itself, and would hang until the acquire timeout.
    ///
    /// A task that runs several futures in turn (`join!`, `select!`) is refused as well, though another of its branches
    /// might go on and end the transaction: that cannot be told apart from the task that waits for itself. Spawn the
    /// branches as tasks of their own, or use one transaction for all. On an engine with readers nothing is refused: a
    /// write waits in line, and where that was for itself, the [`Timeout`](Self::Timeout) names the holder.
    #[error(
        "the only connection that could run this is held by a transaction (or connection, or stream) of this task, \
         taken at {holder}: use that transaction (or session) for this call, or end it first"
    )]
    HeldBySelf {
        /// Where it was taken: file and line.
        holder: Arc<str>,
    },
    /// The `Tx` of `engine.transaction(..)` was not given back: it was moved out, or replaced by another session.
    #[error(
        "the transaction left its closure, so it was rolled back: end the closure with `tx` still alive and in place"
    )]
    TransactionEscaped,
    /// A call on a transaction or connection that has ended: a call on it was dropped half way, or the database
    /// rolled it back.
    #[error("{0}")]
    Ended(Arc<str>),
    /// An error of the caller's own, carried through `transaction`.
    #[error("{0}")]
    Other(Arc<dyn std::error::Error + Send + Sync>),
}

impl Error {
    /// Carries another error through a function that returns [`Result`].
    ///
    /// # Example
    /// ```
    /// # use orm_blog::*;
    /// # run(async |engine| {
    /// use anyorm::prelude::*;
    ///
    /// let result = engine
    ///     .transaction(|mut tx| async move {
    ///         let account = tx.get_one::<Account>(1).await?;
    ///         tx[account].balance -= 1_000;
    ///         if tx[account].balance < 0 { Err(anyorm::Error::other("not enough money")) } else { Ok(()) }
    ///     })
    ///     .await;
    /// assert_eq!(result.unwrap_err().to_string(), "not enough money"); // and rolled back
    /// # Ok(()) });
    /// ```
    pub fn other(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Other(Arc::from(error.into()))
    }

    /// An engine that cannot be made.
    #[doc(hidden)]
    pub fn configuration(message: impl Into<String>) -> Self {
        Self::Configuration(message.into().into())
    }

    /// A query, schema or call that cannot be carried out.
    #[doc(hidden)]
    pub fn build(message: impl Into<String>) -> Self {
        Self::Build(message.into().into())
    }

    /// A parameter that no database takes.
    #[doc(hidden)]
    #[cold]
    pub fn value(parameter: usize, reason: &str, sql: &str) -> Self {
        let (reason, sql) = (reason.to_owned(), sql.to_owned());
        Self::Value(Arc::new(ValueError { place: format!("parameter {}", parameter + 1), reason, sql }))
    }

    /// A value of a row that does not fit. Rows of an answer are counted from 1.
    #[doc(hidden)]
    #[cold]
    pub fn decode(error: ColumnError, row: u64, sql: &str) -> Self {
        let (table, key) = error.row.map_or((None, None), |row| (Some(row.table), row.key));
        Self::Decode(Arc::new(DecodeError {
            entity: error.entity,
            table,
            key,
            row,
            column: if error.column.is_empty() { format!("#{}", error.index + 1) } else { error.column },
            expected: error.expected,
            found: error.found,
            sql: sql.to_owned(),
        }))
    }

    /// A flush that a read set off.
    #[doc(hidden)]
    #[cold]
    pub fn autoflush(table: &'static str, error: Error) -> Self {
        Self::Autoflush { table, error: Arc::new(error) }
    }

    /// Pending work that contradicts itself.
    #[doc(hidden)]
    #[cold]
    pub fn flush(entity: &str, key: Option<String>, message: impl Into<String>) -> Self {
        Self::Flush(Arc::new(FlushError { entity: entity.to_owned(), key, message: message.into() }))
    }

    /// A hook that answered an error: of an entity, or of the session.
    #[doc(hidden)]
    #[cold]
    pub fn hook(hook: &'static str, entity: Option<(&'static str, Option<String>)>, error: Error) -> Self {
        let (entity, key) = entity.map_or((None, None), |(entity, key)| (Some(entity), key));
        Self::Hook(Arc::new(HookError { hook, entity, key, error }))
    }

    /// Whether trying the whole transaction again may help: the database was busy, or chose this transaction to
    /// give way.
    ///
    /// # Example
    /// ```
    /// # use orm_blog::*;
    /// # run(async |engine| {
    /// use anyorm::prelude::*;
    ///
    /// let error = engine.execute(sql("SELECT nothing")).await.unwrap_err();
    /// assert!(!error.is_retryable()); // wrong SQL stays wrong
    /// # Ok(()) });
    /// ```
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Busy(_) => true,
            Self::Autoflush { error, .. } => error.is_retryable(),
            Self::Hook(hook) => hook.error.is_retryable(),
            _ => false,
        }
    }

    /// The constraint that was violated, if that is what happened.
    ///
    /// # Example
    /// ```
    /// # use orm_blog::*;
    /// # run(async |engine| {
    /// use anyorm::prelude::*;
    ///
    /// use anyorm::error::ConstraintKind;
    ///
    /// let orphan = Post { author: BelongsTo::to_key(99), ..Default::default() };
    /// let error = engine.execute(Post::insert().value(orphan)).await.unwrap_err();
    /// assert_eq!(error.constraint().map(|broken| broken.kind), Some(ConstraintKind::ForeignKey));
    /// # Ok(()) });
    /// ```
    pub fn constraint(&self) -> Option<&ConstraintError> {
        match self {
            Self::Constraint(error) => Some(error),
            Self::Autoflush { error, .. } => error.constraint(),
            Self::Hook(hook) => hook.error.constraint(),
            _ => None,
        }
    }

    /// Whether another row has a value, or key, that no two rows may have: [`constraint`](Self::constraint) says of which columns.
    ///
    /// # Example
    /// ```
    /// # use orm_blog::*;
    /// # run(async |engine| {
    /// use anyorm::prelude::*;
    ///
    /// let again = Account { id: 1, ..Default::default() };
    /// let error = engine.execute(Account::insert().value(again)).await.unwrap_err();
    /// assert!(error.is_unique_violation());
    /// # Ok(()) });
    /// ```
    pub fn is_unique_violation(&self) -> bool {
        self.constraint().is_some_and(|broken| broken.kind == ConstraintKind::Unique)
    }

    /// What the database, or the disk below it, said: of [`Database`](Self::Database) and [`Busy`](Self::Busy), also where
    /// an autoflush or a hook met it.
    ///
    /// # Example
    /// ```
    /// # use orm_blog::*;
    /// # run(async |engine| {
    /// use anyorm::prelude::*;
    ///
    /// use anyorm::error::DatabaseErrorKind;
    ///
    /// let error = engine.execute(sql("DELETE FROM nowhere")).await.unwrap_err();
    /// assert_eq!(error.database().map(|error| error.kind), Some(DatabaseErrorKind::Statement));
    /// # Ok(()) });
    /// ```
    pub fn database(&self) -> Option<&DatabaseError> {
        match self {
            Self::Database(error) | Self::Busy(error) => Some(error),
            Self::Autoflush { error, .. } => error.database(),
            Self::Hook(hook) => hook.error.database(),
            _ => None,
        }
    }

    /// The SQL of the statement that failed, where there is one.
    ///
    /// # Example
    /// ```
    /// # use orm_blog::*;
    /// # run(async |engine| {
    /// use anyorm::prelude::*;
    ///
    /// let error = engine.execute(sql("DELETE FROM nowhere")).await.unwrap_err();
    /// assert_eq!(error.sql(), Some("DELETE FROM nowhere"));
    /// # Ok(()) });
    /// ```
    pub fn sql(&self) -> Option<&str> {
        let sql = match self {
            Self::Value(error) => &error.sql,
            Self::Database(error) | Self::Busy(error) => &error.sql,
            Self::Constraint(error) => &error.sql,
            Self::Decode(error) => &error.sql,
            Self::RowCount(error) => &error.sql,
            Self::Autoflush { error, .. } => return error.sql(),
            Self::Hook(hook) => return hook.error.sql(),
            _ => return None,
        };
        Some(sql.as_str()).filter(|sql| !sql.is_empty())
    }
}
