//! One database.

mod builder;

pub use builder::EngineBuilder;

use std::future::Future;
use std::ops::Range;
use std::panic::Location;
use std::sync::Arc;

use orm_core::program::{Discard, Expect, Returns, StatementShape, Step};
use orm_core::{Compiled, Dialect, Error, Outcome, Program, Result, Schema, Sink};

use crate::connection::Connection;
use crate::driver::Access;
use crate::operation::Operation;
use crate::pool::{Lease, Pool, Statistics};
use crate::transaction::Transaction;
use crate::verbs::{Runner, verbs};

/// One database, with its pool of connections: open it once, and clone it wherever it is needed. Clones share the pool.
///
/// Each verb takes a connection, does its work in one hop to a worker thread and gives the connection back; on its own it
/// is one transaction. Statements that belong together go through [`begin`](Engine::begin), or a session.
///
/// A verb that is dropped before its end leaves nothing behind but what the database had already done: a statement that
/// runs is interrupted, and rolled back.
///
/// ```
/// use orm_core::sql;
/// use orm_exec::Engine;
/// # futures_lite::future::block_on(async {
/// let engine = Engine::open("sqlite::memory:").await?;
/// engine.execute(sql("CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT NOT NULL)")).await?;
/// engine.execute(sql("INSERT INTO notes (text) VALUES (?)").bind_str("hello")).await?;
/// let notes = engine.all(sql("SELECT id, text FROM notes").returning::<(i64, String)>()).await?;
/// assert_eq!(notes, [(1, "hello".to_owned())]);
/// # Ok::<_, orm_core::Error>(()) }).unwrap();
/// ```
#[derive(Clone, Debug)]
pub struct Engine {
    pub(crate) pool: Pool,
}

impl Engine {
    /// Opens a database by its URL, and makes the file if it is not there.
    ///
    /// | URL | database |
    /// |---|---|
    /// | `sqlite::memory:` | in memory, one connection, gone with the engine |
    /// | `sqlite:///var/blog.db` | the file `/var/blog.db` |
    /// | `sqlite://blog.db`, `sqlite:blog.db` | the file `blog.db` in the working directory |
    ///
    /// | option | meaning | default |
    /// |---|---|---|
    /// | `mode=ro\|rw\|rwc` | only read; also write; also make the file | `rwc` |
    /// | `busy_timeout=ms` | how long a statement waits for another process's lock | 5000 |
    /// | `readers=n` | connections that only read, next to the one that writes | 4 |
    /// | `acquire_timeout=ms` | how long a task waits for a connection | 30000 |
    /// | `synchronous=normal\|full\|off` | when SQLite waits for the disk | `normal` |
    ///
    /// A character of the path that means something in a URL is written as `%` and two digits. Dropped half way, this
    /// leaves at most an empty file.
    ///
    /// # Errors
    /// [`Error::Configuration`] naming what is wrong with the URL or the file, and what to do.
    #[track_caller]
    pub fn open(url: &str) -> Operation<'static, Engine> {
        Self::builder(url).open_at(Location::caller())
    }

    /// Opens a database with options that are not in its URL.
    pub fn builder(url: &str) -> EngineBuilder {
        EngineBuilder::new(url)
    }

    verbs!(on, "engine", "");

    /// A transaction. It takes the connection that writes, and keeps it until it ends; BEGIN rides with the first
    /// statement, so beginning does no I/O. Dropped while it waits, it leaves nothing behind.
    ///
    /// # Errors
    /// [`Error::Timeout`] if the connection was not free in time, naming who has it; [`Error::HeldBySelf`] if it is
    /// the only one and this task has it.
    ///
    /// ```
    /// # use orm_core::sql;
    /// # futures_lite::future::block_on(async {
    /// # let engine = orm_exec::Engine::open("sqlite::memory:").await?;
    /// # engine.execute(sql("CREATE TABLE t (n INTEGER)")).await?;
    /// let mut transaction = engine.begin().await?;
    /// transaction.execute(sql("INSERT INTO t VALUES (1)")).await?;
    /// transaction.rollback().await?;
    /// assert_eq!(engine.count(sql("SELECT n FROM t").returning::<i64>()).await?, 0);
    /// # Ok::<_, orm_core::Error>(()) }).unwrap();
    /// ```
    #[track_caller]
    pub fn begin(&self) -> Operation<'static, Transaction> {
        let (lease, dialect) = (self.lease(Access::Write, Location::caller()), self.dialect());
        Operation::new(async move { Ok(Transaction::new(lease.await?, dialect)) })
    }

    /// The connection that writes, for statements that must share it: PRAGMAs, temporary tables. It goes back when the
    /// guard is dropped. Dropped while it waits, this leaves nothing behind.
    ///
    /// # Errors
    /// As for [`begin`](Engine::begin).
    #[track_caller]
    pub fn connection(&self) -> Operation<'static, Connection> {
        let location = Location::caller();
        let (pool, lease) = (self.pool.clone(), self.lease(Access::Write, location));
        Operation::new(async move { Ok(Connection::new(pool, lease.await?, location)) })
    }

    /// Creates the tables and indexes of these entities that are not there yet, all or none, in one hop. A table that is
    /// there stays as it is, whatever its columns. Dropped while it runs, it may or may not have happened.
    ///
    /// # Errors
    /// If the entities do not fit together, or the database refuses.
    ///
    /// ```
    /// # futures_lite::future::block_on(async {
    /// # let engine = orm_exec::Engine::open("sqlite::memory:").await?;
    /// engine.create_all(&orm_core::schema![]).await?;
    /// # Ok::<_, orm_core::Error>(()) }).unwrap();
    /// ```
    #[track_caller]
    pub fn create_all(&self, schema: &Schema) -> Operation<'static, ()> {
        self.run_schema(schema.create(self.dialect()), Location::caller())
    }

    /// Drops the tables of these entities with all their rows, all or none, in one hop. Dropped while it runs, it may or
    /// may not have happened.
    ///
    /// # Errors
    /// If the entities do not fit together, or the database refuses: a table that is not in the schema refers to one of
    /// them, say.
    #[track_caller]
    pub fn drop_all(&self, schema: &Schema) -> Operation<'static, ()> {
        self.run_schema(schema.drop(self.dialect()), Location::caller())
    }

    /// Refuses new work, waits for the connections that are out, and closes all of them. Calls that wait for a
    /// connection, and later ones, answer [`Error::Closed`]. Dropped half way, the engine is closed to new work all the
    /// same, and the connections close with its last clone.
    ///
    /// # Errors
    /// [`Error::Timeout`] if a connection is not given back within the acquire timeout, naming who has it.
    ///
    /// ```
    /// # use orm_core::sql;
    /// # futures_lite::future::block_on(async {
    /// # let engine = orm_exec::Engine::open("sqlite::memory:").await?;
    /// engine.close().await?;
    /// assert!(matches!(engine.execute(sql("SELECT 1")).await, Err(orm_core::Error::Closed)));
    /// # Ok::<_, orm_core::Error>(()) }).unwrap();
    /// ```
    pub fn close(&self) -> Operation<'_, ()> {
        Operation::new(self.pool.close())
    }

    /// How this database differs from others.
    pub fn dialect(&self) -> &'static Dialect {
        self.pool.dialect()
    }

    /// What the connections are doing now, and how many jobs were sent to a worker thread so far.
    pub fn statistics(&self) -> Statistics {
        self.pool.statistics()
    }

    /// Waits for a connection. For the session crate.
    #[doc(hidden)]
    pub fn lease(
        &self,
        access: Access,
        location: &'static Location<'static>,
    ) -> impl Future<Output = Result<Lease>> + Send + use<> {
        self.pool.acquire(access, location)
    }

    fn run_schema(
        &self,
        statements: Result<Vec<String>>,
        location: &'static Location<'static>,
    ) -> Operation<'static, ()> {
        let lease = self.lease(Access::Write, location);
        let begin = self.dialect().begin_write;
        Operation::new(async move {
            let program = Program {
                steps: statements?.into_iter().map(|sql| bare_step(sql.into())).collect(),
                begin: Some(begin.into()),
                commit: true,
                ..Program::default()
            };
            let output = lease.await?.run(program, Discard).await;
            output.result.map(drop).map_err(Error::from)
        })
    }

    #[track_caller]
    fn on(&self) -> OnEngine<'_> {
        OnEngine { engine: self, location: Location::caller() }
    }
}

/// A step of a statement without parameters or rows.
pub(crate) fn bare_step(sql: Arc<str>) -> Step {
    let shape = StatementShape { sql, parameters: 0, returns: Returns::Count, reads_only: false, list: None };
    let cells: Range<u32> = 0..0;
    Step { shape: Arc::new(shape), rows: 1, cells, expect: Expect::Any, after: Vec::new(), origin: 0 }
}

/// An engine, called from somewhere.
struct OnEngine<'a> {
    engine: &'a Engine,
    location: &'static Location<'static>,
}

impl Runner for OnEngine<'_> {
    fn dialect(&self) -> &'static Dialect {
        self.engine.dialect()
    }

    async fn run<S: Sink + 'static>(self, compiled: Compiled, sink: S) -> Result<(Outcome, S)> {
        let access = if compiled.shape.reads_only { Access::Read } else { Access::Write };
        let lease = self.engine.lease(access, self.location).await?;
        let output = lease.run(Program::single(compiled.shape, compiled.input), sink).await;
        output.result.map_err(Error::from)
    }
}
