//! How a transaction begins: its isolation level, and whether it only reads.

use std::sync::Arc;

use crate::dialect::Dialect;

/// How much of what others commit a transaction sees. Named as in SQL, each level keeps what the one before it keeps.
///
/// A database gives at least the level that was asked for. SQLite's transactions are always
/// [`Serializable`](Self::Serializable), so every level is accepted there and none is weaker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Isolation {
    /// May see what others have not committed yet. PostgreSQL reads committed rows all the same.
    ReadUncommitted,
    /// Each statement sees what was committed before it.
    ReadCommitted,
    /// All statements see one state: what was committed before the first of them.
    RepeatableRead,
    /// As if transactions ran one after the other. One that cannot be given that fails, and may be tried again.
    Serializable,
}

/// How a transaction begins: for `begin_with` of an engine or a session.
///
/// # Example
/// ```
/// # use orm_blog::*;
/// # run(async |engine| {
/// use anyorm::prelude::*;
/// use anyorm::{Begin, Isolation};
///
/// let mut session = engine.session();
/// session.begin_with(Begin::new().isolation(Isolation::Serializable)).await?;
/// let account = session.get_one::<Account>(1).await?;
/// session[account].balance -= 10;
/// session.commit().await?;
///
/// let mut report = engine.begin_with(Begin::new().read_only()).await?; // keeps nobody from writing
/// let (accounts, posts) = (report.count(Account::select()).await?, report.count(Post::select()).await?);
/// assert_eq!((accounts, posts), (2, 2)); // of one state of the database
/// # Ok(()) });
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[must_use = "give it to `begin_with`"]
pub struct Begin {
    isolation: Option<Isolation>,
    read_only: bool,
    deferrable: bool,
}

impl Begin {
    /// A transaction that may write, at the level that the database has by itself.
    pub const fn new() -> Self {
        Self { isolation: None, read_only: false, deferrable: false }
    }

    /// At this isolation level, or a stricter one.
    pub const fn isolation(mut self, level: Isolation) -> Self {
        self.isolation = Some(level);
        self
    }

    /// One that only reads. What would write is refused before it is sent. All of it sees one state of the database, unless
    /// a weaker [level](Self::isolation) is asked for. On an SQLite file it takes one of the readers, so that it waits for
    /// no writer and keeps none waiting.
    pub const fn read_only(mut self) -> Self {
        self.read_only = true;
        self
    }

    /// One that only reads, is [`Serializable`](Isolation::Serializable), and can neither fail for what others do nor make
    /// them fail: for reports and backups that take their time.
    ///
    /// PostgreSQL has its first statement wait until there is such a state, for as long as serializable transactions that
    /// may be in the way are open. SQLite's transactions that only read are always like that, and wait for nobody.
    ///
    /// # Example
    /// ```
    /// # use orm_blog::*;
    /// # run(async |engine| {
    /// use anyorm::prelude::*;
    /// use anyorm::Begin;
    ///
    /// let mut report = engine.begin_with(Begin::new().deferrable()).await?;
    /// assert_eq!(report.count(User::select()).await?, 2);
    /// report.commit().await?;
    /// # Ok(()) });
    /// ```
    pub const fn deferrable(mut self) -> Self {
        self.isolation = Some(Isolation::Serializable);
        self.read_only = true;
        self.deferrable = true;
        self
    }

    /// This one, with what it does not say taken from another: its level, and that it only reads.
    pub fn or(self, other: Self) -> Self {
        Self {
            isolation: self.isolation.or(other.isolation),
            read_only: self.read_only || other.read_only,
            deferrable: self.deferrable || other.deferrable,
        }
    }

    /// Whether it only reads.
    pub const fn is_read_only(self) -> bool {
        self.read_only
    }

    /// The statement, in a dialect.
    pub fn sql(self, dialect: &Dialect) -> Arc<str> {
        if self.read_only && self.isolation.is_none() {
            return dialect.begin_reads.into();
        }
        let begin = if self.read_only { dialect.begin_read } else { dialect.begin_write };
        let level = self.isolation.map_or("", |level| dialect.isolation[level as usize]);
        let read_only = if self.read_only { dialect.read_only } else { "" };
        let deferrable = if self.deferrable { dialect.deferrable } else { "" };
        match (level, read_only) {
            ("", "") => begin.into(),
            (level, read_only) => format!("{begin}{level}{read_only}{deferrable}").into(),
        }
    }
}
