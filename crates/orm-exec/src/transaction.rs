//! Several statements that happen together, or not at all.

mod core;
mod savepoint;

pub use savepoint::Savepoint;

use orm_core::Dialect;

use self::core::Core;
use crate::operation::Operation;
use crate::pool::Lease;
use crate::verbs::verbs;

/// Statements that happen together or not at all. Made by [`Engine::begin`](crate::Engine::begin).
///
/// Dropping it rolls back. BEGIN rides with the first statement, so a transaction that ran none costs nothing.
///
/// A statement that fails leaves the transaction as it was before that statement (SQLite keeps it open): go on, or end
/// it. Should the database end the transaction by itself, because the disk is full, say, later calls answer
/// [`Error::Ended`](orm_core::Error::Ended). They do so too after a verb was dropped before its end: what it had done
/// cannot be told apart from what it had not, so the whole transaction is rolled back.
///
/// ```
/// use orm_core::sql;
/// # futures_lite::future::block_on(async {
/// # let engine = orm_exec::Engine::open("sqlite::memory:").await?;
/// # engine.execute(sql("CREATE TABLE t (n INTEGER)")).await?;
/// let mut transaction = engine.begin().await?;
/// transaction.execute(sql("INSERT INTO t VALUES (?)").bind(1)).await?;
/// transaction.commit().await?;
/// assert_eq!(engine.scalar(sql("SELECT n FROM t").returning::<i64>()).await?, 1);
/// # Ok::<_, orm_core::Error>(()) }).unwrap();
/// ```
#[derive(Debug)]
#[must_use = "a transaction that is dropped is rolled back"]
pub struct Transaction {
    core: Core,
}

impl Transaction {
    pub(crate) fn new(lease: Lease, dialect: &'static Dialect) -> Self {
        Self { core: Core::new(lease, dialect) }
    }

    verbs!(on, "transaction", "let mut transaction = engine.begin().await?;\n", mut);

    /// Makes the work of the transaction last. Dropped while it runs, it may or may not have happened.
    ///
    /// # Errors
    /// If the database refuses: a deferred foreign key, or a lock. The transaction is rolled back then.
    pub fn commit(self) -> Operation<'static, ()> {
        Operation::new(self.core.commit())
    }

    /// Undoes the work of the transaction. Dropping the transaction does the same, without waiting for it.
    ///
    /// # Errors
    /// If the connection cannot get out of the transaction: it is discarded, which undoes the work too.
    pub fn rollback(self) -> Operation<'static, ()> {
        Operation::new(self.core.rollback())
    }

    /// A part of the transaction that can be undone on its own. SAVEPOINT rides with its first statement.
    ///
    /// # Errors
    /// [`Error::Ended`](orm_core::Error::Ended) if the transaction has ended.
    ///
    /// ```
    /// # use orm_core::sql;
    /// # futures_lite::future::block_on(async {
    /// # let engine = orm_exec::Engine::open("sqlite::memory:").await?;
    /// # engine.execute(sql("CREATE TABLE t (n INTEGER)")).await?;
    /// let mut transaction = engine.begin().await?;
    /// transaction.execute(sql("INSERT INTO t VALUES (1)")).await?;
    /// let mut attempt = transaction.begin_nested().await?;
    /// attempt.execute(sql("INSERT INTO t VALUES (2)")).await?;
    /// attempt.rollback().await?;
    /// transaction.commit().await?;
    /// assert_eq!(engine.all(sql("SELECT n FROM t").returning::<i64>()).await?, [1]);
    /// # Ok::<_, orm_core::Error>(()) }).unwrap();
    /// ```
    pub fn begin_nested(&mut self) -> Operation<'_, Savepoint<'_>> {
        Operation::new(async { Savepoint::new(&mut self.core) })
    }

    fn on(&mut self) -> &mut Core {
        &mut self.core
    }
}
