//! What each kind of error knows.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// What went wrong in a [`DatabaseError`], as far as a program may want to act on it.
///
/// # Example
/// ```
/// # use orm_blog::*;
/// # run(async |engine| {
/// use anyorm::prelude::*;
/// use anyorm::error::DatabaseErrorKind;
///
/// // No room for another page: what a full disk answers.
/// engine.connection().await?.execute(sql("PRAGMA max_page_count = 1")).await?;
/// let mut session = engine.session();
/// session.add(User { name: "x".repeat(100_000), email: "x@example.org".into(), ..Default::default() });
/// let error = session.commit().await.unwrap_err();
/// assert_eq!(error.database().map(|error| error.kind), Some(DatabaseErrorKind::DiskFull));
///
/// engine.connection().await?.execute(sql("PRAGMA max_page_count = 1000000")).await?;
/// session.recover().await?; // nothing is lost
/// session.commit().await?;
/// # Ok(()) });
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DatabaseErrorKind {
    /// The statement: wrong SQL, a table that is not there, a trigger that refuses. Another try answers the same.
    #[default]
    Statement,
    /// Somebody else has a lock, or the transaction is to be tried again: always in [`Error::Busy`](super::Error::Busy).
    Busy,
    /// There is no room: the disk is full, or a limit on the size of the database is reached. The transaction is not
    /// stored; the same work can be sent again once there is room.
    DiskFull,
    /// The disk, or the file system, failed in a read or a write. The transaction is not stored.
    Io,
    /// What is in the file is not, or is no longer, a sound database.
    Corrupt,
    /// The database, or this connection, is not to be written.
    ReadOnly,
    /// A file of the database cannot be opened or made.
    CannotOpen,
    /// The file was deleted, moved, or replaced by another while it was open. What would be written could be seen by
    /// nobody, so nothing is written.
    FileReplaced,
    /// There is not enough memory.
    OutOfMemory,
    /// The connection to the server was lost. What it had not committed is rolled back there; the next call opens another.
    /// Where COMMIT was under way, the error is [`Error::OutcomeUnknown`](super::Error::OutcomeUnknown) instead.
    Disconnected,
    /// The server cannot be reached: it is not running, refuses connections, or the network fails.
    CannotConnect,
}

/// The database's own words about a statement it refused.
#[derive(Clone, Debug)]
pub struct DatabaseError {
    /// What to tell it apart by.
    pub kind: DatabaseErrorKind,
    /// The message of the database.
    pub message: String,
    /// Its code: SQLite's extended result code, PostgreSQL's SQLSTATE.
    pub code: String,
    /// The statement, empty where there was none.
    pub sql: String,
    /// The file, where the fault is not one of the statement.
    pub file: Option<PathBuf>,
    /// What to do next, where we know.
    pub advice: Option<String>,
}

impl fmt::Display for DatabaseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(file) = &self.file {
            write!(f, "{}: ", file.display())?;
        }
        write!(f, "{} (code {})", self.message, self.code)?;
        if let Some(advice) = &self.advice {
            write!(f, "; {advice}")?;
        }
        in_sql(f, &self.sql)
    }
}

impl std::error::Error for DatabaseError {}

/// Which kind of constraint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ConstraintKind {
    /// Two rows with one value, primary keys included.
    Unique,
    /// A reference to a row that is not there, or a delete of a row that is referred to.
    ForeignKey,
    /// NULL in a column that has none.
    NotNull,
    /// A CHECK.
    Check,
}

/// A constraint that the database enforced.
///
/// # Example
/// ```
/// # use orm_blog::*;
/// # run(async |engine| {
/// use anyorm::prelude::*;
///
/// let mut session = engine.session();
/// session.add(Tag { name: "math".into(), ..Default::default() }); // there is one already
/// let error = session.commit().await.unwrap_err();
/// let broken = error.constraint().expect("the name is unique");
/// assert_eq!((broken.entity, broken.table.as_deref()), (Some("Tag"), Some("tags")));
/// # Ok(()) });
/// ```
#[derive(Clone, Debug)]
pub struct ConstraintError {
    /// Which kind.
    pub kind: ConstraintKind,
    /// The entity whose row was written, where the statement came from a session.
    pub entity: Option<&'static str>,
    /// The key of that row, where it is known.
    pub key: Option<String>,
    /// The table, as far as the database says it. Of a foreign key it is the one that refers to another.
    pub table: Option<String>,
    /// The columns, as far as the database says them. Of a foreign key there are none where the row is still referred to.
    pub columns: Vec<String>,
    /// The constraint's name, as far as the database says it.
    pub constraint: Option<String>,
    /// The message of the database.
    pub message: String,
    /// The statement.
    pub sql: String,
}

impl fmt::Display for ConstraintError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.entity, &self.key) {
            (Some(entity), Some(key)) => write!(f, "{entity} {key}: ")?,
            (Some(entity), None) => write!(f, "new {entity}: ")?,
            _ => {}
        }
        let columns = match &self.table {
            Some(table) => self.columns.iter().map(|column| format!("{table}.{column}")).collect(),
            None => self.columns.clone(),
        };
        let columns = columns.join(", ");
        match self.kind {
            ConstraintKind::Unique if columns.is_empty() => f.write_str("another row has this value")?,
            ConstraintKind::Unique => write!(f, "another row has this value in {columns}")?,
            ConstraintKind::NotNull => write!(f, "{columns} must not be NULL")?,
            ConstraintKind::ForeignKey => match &self.table {
                _ if !columns.is_empty() => write!(f, "the row that {columns} refers to is missing")?,
                Some(table) => write!(f, "the row is still referred to by {table}")?,
                None => f.write_str(
                    "a foreign key is violated: a row that is referred to is missing, or is still referred to",
                )?,
            },
            ConstraintKind::Check => write!(f, "a CHECK constraint refuses the row")?,
        }
        if let Some(constraint) = &self.constraint {
            write!(f, " (constraint {constraint})")?;
        }
        write!(f, ": {}", self.message)?;
        in_sql(f, &self.sql)
    }
}

impl std::error::Error for ConstraintError {}

/// A value that no database takes.
#[derive(Clone, Debug)]
pub struct ValueError {
    /// Where it is: `parameter 2`, or `User.name`.
    pub place: String,
    /// What is wrong with it.
    pub reason: String,
    /// The statement that was not sent.
    pub sql: String,
}

impl fmt::Display for ValueError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} cannot be sent: it is {}", self.place, self.reason)?;
        in_sql(f, &self.sql)
    }
}

impl std::error::Error for ValueError {}

/// A value of a row that does not fit.
#[derive(Clone, Debug)]
pub struct DecodeError {
    /// The entity being read, where one is.
    pub entity: Option<&'static str>,
    /// Its table.
    pub table: Option<&'static str>,
    /// The key of the entity's row, in words: `id 7`.
    pub key: Option<String>,
    /// Which row of the answer it is, from 1; 0 where that is not known any more.
    pub row: u64,
    /// The column.
    pub column: String,
    /// The type asked for, in words.
    pub expected: &'static str,
    /// What was there, in words.
    pub found: String,
    /// The statement.
    pub sql: String,
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("cannot read ")?;
        if let Some(entity) = self.entity {
            write!(f, "{entity}.")?;
        }
        write!(f, "{}: expected {}, found {}", self.column, self.expected, self.found)?;
        match (self.table, &self.key) {
            (Some(table), Some(key)) => write!(f, ", in the row of {table} with {key}")?,
            _ if self.row > 0 => write!(f, ", in row {} of the answer", self.row)?,
            _ => {}
        }
        in_sql(f, &self.sql)
    }
}

impl std::error::Error for DecodeError {}

/// No row of this key.
#[derive(Clone, Debug)]
pub struct NotFoundError {
    /// The entity.
    pub entity: &'static str,
    /// The key.
    pub key: String,
}

impl fmt::Display for NotFoundError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "there is no {} with key {}", self.entity, self.key)
    }
}

impl std::error::Error for NotFoundError {}

/// Another number of rows than exactly one.
#[derive(Clone, Debug)]
pub struct RowCountError {
    /// How many there were; 2 stands for two or more.
    pub found: u64,
    /// The statement.
    pub sql: String,
}

impl fmt::Display for RowCountError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.found {
            0 => f.write_str("expected one row, found none: use `first()` where there may be none")?,
            _ => f.write_str(
                "expected one row, found more: filter by a key or a unique column, or use `first()`",
            )?,
        }
        in_sql(f, &self.sql)
    }
}

impl std::error::Error for RowCountError {}

/// A row that is not what it was when it was read.
#[derive(Clone, Debug)]
pub struct StaleDataError {
    /// The entity.
    pub entity: &'static str,
    /// Its key: of the first of them, where the statement writes several rows.
    pub key: String,
    /// The version it had when it was read, if it has versions.
    pub version: Option<i64>,
    /// What was tried: `update`, `delete`, `merge` or `lock`.
    pub action: &'static str,
    /// How many rows the statement had to match, one after the other.
    pub expected: u64,
    /// How many did.
    pub matched: u64,
}

impl fmt::Display for StaleDataError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { entity, key, action, expected, matched, .. } = self;
        let rows = if *expected == 1 { "row" } else { "rows" };
        write!(f, "{entity} {key}: the {action} expected {expected} {rows}, matched {matched}: ")?;
        match self.version {
            Some(version) => {
                write!(f, "somebody else changed or deleted it since version {version} was read")?
            }
            None => f.write_str("somebody else deleted it since it was read")?,
        }
        f.write_str("; roll back, `refresh` it and try again")
    }
}

impl std::error::Error for StaleDataError {}

/// Pending work that contradicts itself.
#[derive(Clone, Debug)]
pub struct FlushError {
    /// The entity.
    pub entity: String,
    /// Its key, where it is known.
    pub key: Option<String>,
    /// What is wrong and what to do.
    pub message: String,
}

impl fmt::Display for FlushError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.key {
            Some(key) => write!(f, "{} {key}: {}", self.entity, self.message),
            None => write!(f, "new {}: {}", self.entity, self.message),
        }
    }
}

impl std::error::Error for FlushError {}

/// A hook that answered an error.
#[derive(Clone, Debug)]
pub struct HookError {
    /// The hook: `before_insert`, `after_flush`, ..
    pub hook: &'static str,
    /// The entity, for hooks of entities.
    pub entity: Option<&'static str>,
    /// Its key, if it has one.
    pub key: Option<String>,
    /// What the hook answered.
    pub error: super::Error,
}

impl fmt::Display for HookError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.hook)?;
        match (self.entity, &self.key) {
            (Some(entity), Some(key)) => write!(f, " of {entity} {key}")?,
            (Some(entity), None) => write!(f, " of new {entity}")?,
            _ if self.hook == "after_commit" => f.write_str(" (the transaction is committed)")?,
            _ => {}
        }
        write!(f, ": {}", self.error)
    }
}

impl std::error::Error for HookError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.error)
    }
}

/// A wait that took too long.
#[derive(Clone, Debug)]
pub struct TimeoutError {
    /// What was waited for: `a reader connection`, `the writer connection`.
    pub what: &'static str,
    /// How long.
    pub waited: Duration,
    /// Who holds it: file and line of the call, one for each connection.
    pub holders: Vec<String>,
}

impl fmt::Display for TimeoutError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "waited {:?} for {}", self.waited, self.what)?;
        match self.holders.as_slice() {
            [] => Ok(()),
            holders => write!(f, "; held by {}", holders.join(", ")),
        }
    }
}

impl std::error::Error for TimeoutError {}

/// A call that was not done within the time that the program gave it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct DeadlineError {
    /// The call: `engine.all`, `session.commit`.
    pub call: &'static str,
    /// The time it had.
    pub limit: Duration,
    /// What it was doing when that was over, where that is known: the connection that it waited for and who holds it, or
    /// the statement that was on a worker thread.
    pub under_way: Option<String>,
    /// What the call leaves behind.
    pub left: &'static str,
}

impl DeadlineError {
    #[doc(hidden)]
    pub fn new(call: &'static str, limit: Duration, under_way: Option<String>, left: &'static str) -> Self {
        Self { call, limit, under_way, left }
    }
}

impl fmt::Display for DeadlineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} was not done within {:?}: {}", self.call, self.limit, self.left)?;
        match &self.under_way {
            Some(under_way) => write!(f, "\n  it {under_way}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for DeadlineError {}

fn in_sql(f: &mut fmt::Formatter<'_>, sql: &str) -> fmt::Result {
    match sql {
        "" => Ok(()),
        sql => write!(f, "\n  in: {sql}"),
    }
}
