//! One database.

mod builder;

pub use builder::EngineBuilder;

use std::future::Future;
use std::ops::Range;
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

use orm_core::program::{Discard, Expect, Failure, Returns, StatementShape, Step};
use orm_core::{Begin, Dialect, Error, Outcome, Program, Result, Schema, Sink};

use crate::connection::Connection;
use crate::driver::Access;
use crate::job;
use crate::observe::Telemetry;
use crate::operation::Operation;
use crate::pool::{HeldConnection, Lease, Pool, Statistics};
use crate::sandbox::Sandbox;
use crate::stream::{Home, Opened, Source, copy_out_verb, stream_verb};
use crate::transaction::Transaction;
use crate::verbs::{Runner, left_by, verbs};

/// What a call leaves that was to close the engine.
const CLOSED_ALL_THE_SAME: &str =
    "it is closed to new work, and each connection that is out is closed as it comes home";

/// One database, with its pool of connections: open it once, and clone it wherever it is needed. Clones share the pool.
///
/// Each verb takes a connection, does its work in one hop to a worker thread and gives the connection back; on its own it
/// is one transaction. Statements that belong together go through [`begin`](Engine::begin), or a session.
///
/// A verb that is dropped before its end leaves nothing behind but what the database had already done: a statement that
/// runs is interrupted, and rolled back.
///
/// # Example
/// ```
/// # use orm_blog::*;
/// # run(async |engine| {
/// use anyorm::prelude::*;
///
/// let engine = Engine::open("sqlite::memory:").await?;
/// engine.create_all(&schema![User, Post, Tag]).await?;
/// let ada = User { name: "Ada".into(), ..Default::default() };
/// engine.execute(User::insert().value(ada)).await?;
/// let users: Vec<User> = engine.all(User::select()).await?; // plain values; a session answers handles
/// assert_eq!(users[0].name, "Ada");
/// # Ok(()) });
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
    /// | `postgres://user@host/blog` | a PostgreSQL server, with the feature `postgres`: see the guide's chapter on it |
    ///
    /// For SQLite:
    ///
    /// | option | meaning | default |
    /// |---|---|---|
    /// | `mode=ro\|rw\|rwc` | only read; also write; also make the file | `rwc` |
    /// | `mode=memory` | in memory, by the name that stands for the path: shared in the process | |
    /// | `busy_timeout=ms` | how long a statement waits for another process's lock | 5000 |
    /// | `readers=n` | connections that only read, next to the one that writes | 4 |
    /// | `acquire_timeout=ms` | how long a task waits for a connection | 30000 |
    /// | `idle_timeout=ms` | how long a connection may lie idle | no limit |
    /// | `max_lifetime=ms` | how long a connection is used | no limit |
    /// | `leak_threshold=ms` | how long one may be held unused before that is told | not told |
    /// | `synchronous=normal\|full\|off` | when SQLite waits for the disk | `normal` |
    /// | `journal_mode=wal\|delete\|truncate\|persist` | how a transaction is kept apart | `wal` |
    /// | `immutable=true` | nobody changes the file while it is open | `false` |
    /// | `nolock=true` | the file is not locked | `false` |
    /// | `nofollow=true` | symbolic links are refused | `false` |
    /// | `vfs=name` | SQLite's way to the operating system | its own |
    /// | `dispatch=worker\|auto` | where cheap reads run: see [`Dispatch`](orm_core::Dispatch) | `worker`; `auto` in memory |
    ///
    /// A character of the path that means something in a URL is written as `%` and two digits. Dropped half way, this
    /// leaves at most an empty file.
    ///
    /// # Errors
    /// [`Error::Configuration`] naming what is wrong with the URL or the file, and what to do. [`Error::Busy`] if another
    /// process keeps the file to itself for longer than the busy timeout, and [`Error::Database`] with its
    /// [kind](orm_core::error::DatabaseErrorKind) if the disk is full or fails, or the file is damaged.
    #[track_caller]
    pub fn open(url: &str) -> Operation<'static, Engine> {
        Self::builder(url).open_at(Location::caller())
    }

    /// Opens a database with options that are not in its URL.
    ///
    /// # Example
    /// ```
    /// # use orm_blog::*;
    /// # run(async |engine| {
    /// use anyorm::prelude::*;
    ///
    /// use std::time::Duration;
    ///
    /// let engine = Engine::builder("sqlite::memory:").acquire_timeout(Duration::from_millis(200)).open().await?;
    /// assert_eq!(engine.scalar(sql("SELECT 1").returning::<i64>()).await?, 1);
    /// # Ok(()) });
    /// ```
    pub fn builder(url: &str) -> EngineBuilder {
        EngineBuilder::new(url)
    }

    verbs!(on, "engine", "");
    stream_verb!(on, "engine", "", 'static);
    copy_out_verb!(on, "engine", "", 'static);

    /// A transaction. It takes the connection that writes, and keeps it until it ends; BEGIN rides with the first
    /// statement, so beginning does no I/O. Dropped while it waits, it leaves nothing behind.
    ///
    /// # Errors
    /// [`Error::Timeout`] if the connection was not free in time, naming who has it; [`Error::HeldBySelf`] if it is
    /// the only one and this task has it.
    ///
    /// # Example
    /// ```
    /// # use orm_blog::*;
    /// # run(async |engine| {
    /// use anyorm::prelude::*;
    ///
    /// let mut transaction = engine.begin().await?;
    /// transaction.execute(Account::update().set(Account::BALANCE, 0).everything()).await?;
    /// transaction.rollback().await?;
    /// assert_eq!(engine.count(Account::select().filter(Account::BALANCE.gt(0))).await?, 1);
    /// # Ok(()) });
    /// ```
    #[track_caller]
    pub fn begin(&self) -> Operation<'static, Transaction> {
        self.transaction_at(Begin::new(), Location::caller())
    }

    /// A transaction of an isolation level, or one that only reads. Otherwise as [`begin`](Engine::begin). One that only
    /// reads takes a connection that only reads, where there are such: it neither waits for a writer nor keeps one
    /// waiting, and a statement that writes is refused before it is sent.
    ///
    /// # Errors
    /// As for [`begin`](Engine::begin).
    ///
    /// # Example
    /// ```
    /// # use orm_blog::*;
    /// # run(async |engine| {
    /// use anyorm::prelude::*;
    /// use anyorm::{Begin, Isolation};
    ///
    /// let begin = Begin::new().isolation(Isolation::RepeatableRead).read_only();
    /// let mut report = engine.begin_with(begin).await?;
    /// assert_eq!(report.count(User::select()).await?, 2);
    /// let refused = report.execute(User::delete().everything()).await.unwrap_err();
    /// assert!(refused.to_string().starts_with("nothing was sent: this transaction only reads"));
    /// # Ok(()) });
    /// ```
    #[track_caller]
    pub fn begin_with(&self, begin: Begin) -> Operation<'static, Transaction> {
        self.transaction_at(begin, Location::caller())
    }

    fn transaction_at(
        &self,
        begin: Begin,
        location: &'static Location<'static>,
    ) -> Operation<'static, Transaction> {
        let (lease, dialect) = (self.lease(Access::of(begin), location), self.dialect());
        Operation::named("engine.begin", "nothing was changed", async move {
            Ok(Transaction::new(lease.await?, begin, dialect))
        })
    }

    /// An engine inside one transaction that is rolled back at the end: for tests, which leave nothing behind. It takes the
    /// connection that writes. Dropped before its end, it leaves nothing behind.
    ///
    /// # Errors
    /// As for [`begin`](Engine::begin), or if the database is busy.
    ///
    /// # Example
    /// ```
    /// # use orm_blog::*;
    /// # run(async |engine| {
    /// use anyorm::prelude::*;
    ///
    /// let sandbox = engine.sandbox().await?;
    /// let mut session = sandbox.session(); // as on any engine
    /// session.add(Tag { name: "engines".into(), ..Default::default() });
    /// session.commit().await?;
    /// assert_eq!(sandbox.count(Tag::select()).await?, 3);
    /// sandbox.rollback().await?;
    /// assert_eq!(engine.count(Tag::select()).await?, 2);
    /// # Ok(()) });
    /// ```
    #[track_caller]
    pub fn sandbox(&self) -> Operation<'static, Sandbox> {
        Operation::named(
            "engine.sandbox",
            "nothing was changed",
            Sandbox::begin(self.clone(), Location::caller()),
        )
    }

    /// The connection that writes, for statements that must share it: PRAGMAs, temporary tables. It goes back when the
    /// guard is dropped. Dropped while it waits, this leaves nothing behind.
    ///
    /// # Errors
    /// As for [`begin`](Engine::begin).
    ///
    /// # Example
    /// ```
    /// # use orm_blog::*;
    /// # run(async |engine| {
    /// use anyorm::prelude::*;
    ///
    /// let mut connection = engine.connection().await?;
    /// connection.execute(sql("CREATE TEMPORARY TABLE seen (id INTEGER PRIMARY KEY)")).await?;
    /// connection.execute(sql("INSERT INTO seen SELECT id FROM posts")).await?;
    /// assert_eq!(connection.count(sql("SELECT id FROM seen").returning::<i64>()).await?, 2);
    /// # Ok(()) });
    /// ```
    #[track_caller]
    pub fn connection(&self) -> Operation<'static, Connection> {
        let location = Location::caller();
        let (pool, lease) = (self.pool.clone(), self.lease(Access::Write, location));
        Operation::named("engine.connection", "nothing was changed", async move {
            Ok(Connection::new(pool, lease.await?, location))
        })
    }

    /// Creates the tables and indexes of these entities that are not there yet, all or none, in one hop. A table that is
    /// there stays as it is, whatever its columns. Dropped while it runs, it may or may not have happened.
    ///
    /// # Errors
    /// If the entities do not fit together, or the database refuses.
    ///
    /// # Example
    /// ```
    /// # use orm_blog::*;
    /// # run(async |engine| {
    /// use anyorm::prelude::*;
    ///
    /// let engine = Engine::open("sqlite::memory:").await?;
    /// engine.create_all(&schema![User, Post, Tag]).await?;
    /// engine.create_all(&schema![User, Post, Tag, Account]).await?; // only accounts were missing
    /// assert_eq!(engine.count(Account::select()).await?, 0);
    /// # Ok(()) });
    /// ```
    #[track_caller]
    pub fn create_all(&self, schema: &Schema) -> Operation<'static, ()> {
        self.run_schema(schema.create(self.dialect()), Location::caller())
            .called("engine.create_all", left_by("engine"))
    }

    /// Drops the tables of these entities with all their rows, all or none, in one hop. Dropped while it runs, it may or
    /// may not have happened.
    ///
    /// # Errors
    /// If the entities do not fit together, or the database refuses: a table that is not in the schema refers to one of
    /// them, say.
    ///
    /// # Example
    /// ```
    /// # use orm_blog::*;
    /// # run(async |engine| {
    /// use anyorm::prelude::*;
    ///
    /// engine.drop_all(&schema![Account]).await?;
    /// assert!(engine.count(Account::select()).await.is_err()); // no such table
    /// # Ok(()) });
    /// ```
    #[track_caller]
    pub fn drop_all(&self, schema: &Schema) -> Operation<'static, ()> {
        self.run_schema(schema.drop(self.dialect()), Location::caller())
            .called("engine.drop_all", left_by("engine"))
    }

    /// Lets the keys that the database assigns to these entities go on behind the largest one that is stored, in one hop.
    ///
    /// For after an import: rows that came with keys of their own, in a table whose key is `#[key(auto)]`. PostgreSQL takes
    /// keys from a sequence, which knows nothing of those rows and would give their keys once more. A sequence that is not
    /// behind, and one of a table without rows, stays as it is. SQLite looks at the largest key by itself: nothing is sent.
    ///
    /// Sequences are outside of transactions: keys that are given meanwhile count, and rows that were not committed yet do
    /// not. Dropped while it runs, it may or may not have happened.
    ///
    /// # Errors
    /// If the entities do not fit together, or the database refuses: a table is missing, say, or a sequence may not be set by
    /// this role.
    ///
    /// # Example
    /// ```
    /// # use orm_blog::*;
    /// # run(async |engine| {
    /// use anyorm::prelude::*;
    ///
    /// let old = Tag { id: 40, name: "of the old blog".into() }; // it keeps its key
    /// engine.execute(Tag::insert().value(old)).await?;
    /// engine.advance_keys(&schema![User, Post, Tag]).await?;
    /// let mut session = engine.session();
    /// let new = session.add(Tag { name: "new".into(), ..Default::default() });
    /// session.commit().await?;
    /// assert_eq!(session[new].id, 41);
    /// # Ok(()) });
    /// ```
    #[track_caller]
    pub fn advance_keys(&self, schema: &Schema) -> Operation<'static, ()> {
        self.run_schema(schema.advance_keys(self.dialect()), Location::caller())
            .called("engine.advance_keys", left_by("engine"))
    }

    /// Refuses new work, closes all connections, and waits for those that are out. Calls that wait for a connection, and
    /// later ones, answer [`Error::Closed`]. Dropped half way, the engine is closed to new work all the same, and each
    /// connection that was out is closed as it comes home.
    ///
    /// # Errors
    /// [`Error::Timeout`] if a connection is not given back within the acquire timeout, naming who has it. It is closed
    /// when it comes home.
    ///
    /// # Example
    /// ```
    /// # use orm_blog::*;
    /// # run(async |engine| {
    /// use anyorm::prelude::*;
    ///
    /// engine.close().await?;
    /// assert!(matches!(engine.count(User::select()).await, Err(anyorm::Error::Closed)));
    /// # Ok(()) });
    /// ```
    pub fn close(&self) -> Operation<'_, ()> {
        Operation::named("engine.close", CLOSED_ALL_THE_SAME, self.pool.close())
    }

    /// As [`close`](Engine::close), with a deadline: those who have a connection have so long to give it back. Then
    /// statements that run are stopped, and what is still out can send no more: both answer [`Error::Closed`], and open
    /// transactions are rolled back as they come home.
    ///
    /// Dropped before its deadline, it does as `close` dropped half way: nothing is stopped.
    ///
    /// # Errors
    /// [`Error::Timeout`] after the deadline, naming who still had a connection, also where it was only for want of the
    /// deadline. The engine is closed all the same.
    ///
    /// # Example
    /// ```
    /// # use orm_blog::*;
    /// # run(async |engine| {
    /// use anyorm::prelude::*;
    /// use std::time::Duration;
    ///
    /// let mut late = engine.begin().await?;
    /// late.execute(User::delete().everything()).await?;
    /// let error = engine.close_within(Duration::from_millis(20)).await.unwrap_err();
    /// assert!(error.to_string().contains("held by"), "{error}"); // file and line of `begin`
    /// assert!(matches!(late.commit().await, Err(anyorm::Error::Closed))); // too late: rolled back
    /// # Ok(()) });
    /// ```
    pub fn close_within(&self, deadline: Duration) -> Operation<'_, ()> {
        Operation::named("engine.close_within", CLOSED_ALL_THE_SAME, self.pool.close_within(deadline))
    }

    /// How this database differs from others.
    ///
    /// # Example
    /// ```
    /// # use orm_blog::*;
    /// # run(async |engine| {
    /// use anyorm::prelude::*;
    ///
    /// assert_eq!(engine.dialect().name, "SQLite");
    /// # Ok(()) });
    /// ```
    pub fn dialect(&self) -> &'static Dialect {
        self.pool.dialect()
    }

    /// What the connections are doing now, and what they did so far.
    ///
    /// # Example
    /// ```
    /// # use orm_blog::*;
    /// # run(async |engine| {
    /// use anyorm::prelude::*;
    ///
    /// let before = engine.statistics().hops;
    /// engine.count(User::select()).await?;
    /// assert_eq!(engine.statistics().hops, before + 1);
    /// # Ok(()) });
    /// ```
    pub fn statistics(&self) -> Statistics {
        self.pool.statistics()
    }

    /// Who has a connection now: where it was taken, how long ago, and since when it is unused. Those that were once unused
    /// for longer than the [leak threshold](EngineBuilder::leak_threshold) are marked.
    ///
    /// # Example
    /// ```
    /// # use orm_blog::*;
    /// # run(async |engine| {
    /// use anyorm::prelude::*;
    ///
    /// let transaction = engine.begin().await?;
    /// let [held] = engine.holders()[..] else { panic!("one is out") };
    /// assert_eq!(held.location.file(), file!());
    /// println!("{held}"); // the writer connection, taken at src/main.rs:12 31µs ago, unused for 31µs
    /// transaction.rollback().await?;
    /// assert!(engine.holders().is_empty());
    /// # Ok(()) });
    /// ```
    pub fn holders(&self) -> Vec<HeldConnection> {
        self.pool.holders()
    }

    /// Who listens. For the session crate.
    #[doc(hidden)]
    pub fn telemetry(&self) -> &Arc<Telemetry> {
        self.pool.telemetry()
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

    /// Runs a program on a connection of its own; one of cheap reads without a hop, if it may and can: see
    /// [`Dispatch::Auto`]. For the session crate.
    #[doc(hidden)]
    pub async fn run<S: Sink + 'static>(
        &self,
        mut program: Program,
        mut sink: S,
        location: &'static Location<'static>,
    ) -> Result<(Outcome, S), Failure> {
        if let Some(result) = self.pool.read_inline(&mut program, &mut sink, location).await {
            return result.map(|outcome| (outcome, sink));
        }
        let access = if program.reads_only() { Access::Read } else { Access::Write };
        if access == Access::Read
            && let Some(acquire) = self.pool.acquire_untold(access, location)
        {
            return job::read_in_line(acquire, program, sink, location).await;
        }
        let lease = self.lease(access, location).await.map_err(Failure::outside)?;
        lease.run_only(program, sink).await.result
    }

    fn run_schema(
        &self,
        statements: Result<Vec<String>>,
        location: &'static Location<'static>,
    ) -> Operation<'static, ()> {
        let lease = self.lease(Access::Write, location);
        let (begin, pool) = (self.dialect().begin_write, self.pool.clone());
        Operation::new(async move {
            let statements = statements?;
            if statements.is_empty() {
                return Ok(());
            }
            let program = Program {
                steps: statements.into_iter().map(|sql| bare_step(sql.into())).collect(),
                begin: Some(begin.into()),
                commit: true,
                ..Program::default()
            };
            let output = lease.await?.run(program, Discard).await;
            // There may be an index now.
            pool.heavy().forget();
            output.result.map(drop).map_err(Error::from)
        })
    }

    #[track_caller]
    pub(crate) fn on(&self) -> OnEngine<'_> {
        OnEngine { engine: self, location: Location::caller() }
    }
}

/// A step of a statement without parameters or rows.
pub(crate) fn bare_step(sql: Arc<str>) -> Step {
    let shape = StatementShape {
        sql,
        parameters: 0,
        returns: Returns::Count,
        reads_only: false,
        cheap: false,
        list: None,
        outline: None,
    };
    let cells: Range<u32> = 0..0;
    Step { shape: Arc::new(shape), rows: 1, cells, expect: Expect::Any, after: Vec::new(), origin: 0 }
}

/// An engine, called from somewhere.
pub(crate) struct OnEngine<'a> {
    engine: &'a Engine,
    location: &'static Location<'static>,
}

impl Source<'static> for OnEngine<'_> {
    fn open(self) -> impl Future<Output = Result<Opened<'static>>> + Send + 'static {
        let lease = self.engine.lease(Access::Read, self.location);
        async move { Ok(Opened { lease: lease.await?, home: Home::Pool }) }
    }
}

impl Runner for OnEngine<'_> {
    fn dialect(&self) -> &'static Dialect {
        self.engine.dialect()
    }

    async fn run_reads<S: Sink + 'static>(
        self,
        mut program: Program,
        sink: S,
    ) -> Result<(Outcome, S), Failure> {
        program.begin = Some(self.dialect().begin_reads.into());
        program.commit = true;
        self.engine.run(program, sink, self.location).await
    }

    async fn run_program<S: Sink + 'static>(
        self,
        mut program: Program,
        whole: bool,
        sink: S,
    ) -> Result<(Outcome, S), Failure> {
        if whole {
            program.begin = Some(self.dialect().begin_write.into());
            program.commit = true;
        }
        self.engine.run(program, sink, self.location).await
    }
}
