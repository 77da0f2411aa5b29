//! Opening an engine with options.

use std::fmt;
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

use orm_core::program::Discard;
use orm_core::{Dispatch, Error, Program, Result};

use super::Engine;
use crate::bridge::{Threads, Workers};
use crate::clock::Clock;
use crate::driver::{Access, Connect};
use crate::observe::{NPlusOne, Observer, SlowStatement, SlowStatements, Telemetry, TelemetryOptions};
use crate::operation::Operation;
use crate::pool::Pool;
#[cfg(feature = "postgres")]
use crate::postgres::PostgresConnector;
use crate::sqlite::{ConnectHook, JournalMode, OpenMode, Setup, SqliteConnector, Synchronous};
use crate::url::{Config, DatabaseOptions};

/// Opens an [`Engine`] with options, which win over those of the URL. Made by [`Engine::builder`].
///
/// ```
/// use std::time::Duration;
/// use anyorm::Engine;
/// # futures_lite::future::block_on(async {
/// let engine = Engine::builder("sqlite::memory:").acquire_timeout(Duration::from_secs(2)).open().await?;
/// # drop(engine);
/// # Ok::<_, anyorm::Error>(()) }).unwrap();
/// ```
#[must_use = "call `open()`"]
pub struct EngineBuilder {
    /// The first mistake is told by `open`.
    config: Result<Config>,
    telemetry: TelemetryOptions,
    workers: Threads,
    clock: Clock,
    connector: Option<Box<dyn Connect>>,
    hooks: Vec<ConnectHook>,
}

impl EngineBuilder {
    pub(super) fn new(url: &str) -> Self {
        Self {
            config: Config::parse(url),
            telemetry: TelemetryOptions::default(),
            workers: Threads::default(),
            clock: Clock::system(),
            connector: None,
            hooks: Vec::new(),
        }
    }

    /// What may be done with the file, and whether it is made. `?mode=ro|rw|rwc|memory` in the URL.
    pub fn mode(self, mode: OpenMode) -> Self {
        self.with(|config| config.set_mode(mode))
    }

    /// How long a statement waits for a lock that another process, or another engine, holds: 5 seconds unless told
    /// otherwise. `?busy_timeout=` in the URL, in milliseconds.
    pub fn busy_timeout(self, timeout: Duration) -> Self {
        self.with(|config| {
            config.sqlite("busy_timeout")?.busy_timeout = timeout;
            Ok(())
        })
    }

    /// How many connections only read: 4 unless told otherwise. With 0 one connection does everything, as for
    /// `:memory:`, where there is no choice. `?readers=` in the URL.
    pub fn readers(self, readers: usize) -> Self {
        self.with(|config| config.set_readers(readers))
    }

    /// How many connections to a server there may be: 10 unless told otherwise. Each does everything. `?connections=` in
    /// the URL. Not for SQLite, where one connection writes: see [`readers`](Self::readers).
    pub fn connections(self, connections: usize) -> Self {
        self.with(|config| config.set_connections(connections))
    }

    /// How long a task waits for a connection: 30 seconds unless told otherwise. `?acquire_timeout=` in the URL, in
    /// milliseconds.
    pub fn acquire_timeout(self, timeout: Duration) -> Self {
        self.with(|config| {
            config.pool.acquire_timeout = timeout;
            Ok(())
        })
    }

    /// How long a connection may lie idle before it is closed: for ever unless told otherwise. `?idle_timeout=` in the
    /// URL, in milliseconds.
    ///
    /// Idle connections are looked at whenever one is taken, and by a timer. Another is opened when it is needed. The only
    /// connection of a database in memory is never closed: the database would go with it.
    pub fn idle_timeout(self, timeout: Duration) -> Self {
        self.with(|config| config.set_idle_timeout(timeout))
    }

    /// How long a connection is used before another takes its place: for ever unless told otherwise. `?max_lifetime=` in
    /// the URL, in milliseconds.
    ///
    /// Each connection lives up to a tenth shorter, so that they do not all go at once. One that is out when its time is
    /// over is closed as it comes home. Otherwise as for [`idle_timeout`](Self::idle_timeout).
    pub fn max_lifetime(self, lifetime: Duration) -> Self {
        self.with(|config| config.set_max_lifetime(lifetime))
    }

    /// For how long a connection may be held without a statement, before it is taken to be leaked: a guard that was
    /// forgotten, a transaction that waits for something else. Nobody looks for leaks unless this is set.
    /// `?leak_threshold=` in the URL, in milliseconds.
    ///
    /// A leak is told once to [`Observer::leaked`], with file and line of the call that took the connection, and shows in
    /// [`Engine::holders`] and [`Engine::statistics`] until the connection comes home. Nothing is taken away from the
    /// holder.
    pub fn leak_threshold(self, threshold: Duration) -> Self {
        self.with(|config| config.set_leak_threshold(threshold))
    }

    /// Another clock, for tests.
    #[doc(hidden)]
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// Another driver, for tests. The URL says how large the pool is.
    #[doc(hidden)]
    pub fn connector(mut self, connector: Box<dyn Connect>) -> Self {
        self.connector = Some(connector);
        self
    }

    /// When SQLite waits for the disk. `?synchronous=normal|full|off` in the URL.
    pub fn synchronous(self, synchronous: Synchronous) -> Self {
        self.with(|config| {
            config.sqlite("synchronous")?.synchronous = synchronous;
            Ok(())
        })
    }

    /// Where reads run: [`Dispatch::Worker`] for files and servers, [`Dispatch::Auto`] for `:memory:`, unless told otherwise.
    /// `?dispatch=worker|auto` in the URL.
    pub fn dispatch(self, dispatch: Dispatch) -> Self {
        self.with(|config| {
            config.dispatch = Some(dispatch);
            Ok(())
        })
    }

    /// How SQLite keeps a transaction apart until it is done. `?journal_mode=wal|delete|truncate|persist` in the URL.
    pub fn journal_mode(self, mode: JournalMode) -> Self {
        self.with(|config| {
            config.sqlite("journal_mode")?.journal_mode = mode;
            Ok(())
        })
    }

    /// Says that nobody changes the file while it is open, as on a read-only medium: SQLite then neither locks it nor
    /// looks for changes, and ignores a log beside it. Needs [`OpenMode::ReadOnly`]. Where it is not true, queries answer
    /// nonsense. `?immutable=true` in the URL.
    pub fn immutable(self) -> Self {
        self.with(|config| {
            config.sqlite("immutable")?.immutable = true;
            Ok(())
        })
    }

    /// Does not lock the file, for file systems that cannot. Whoever else opens it at the same time may damage it, so this
    /// engine has one connection, unless it only reads; and there is no WAL. `?nolock=true` in the URL.
    pub fn no_lock(self) -> Self {
        self.with(|config| {
            config.sqlite("nolock")?.no_lock = true;
            Ok(())
        })
    }

    /// Refuses a path with a symbolic link in it. `?nofollow=true` in the URL.
    pub fn no_follow(self) -> Self {
        self.with(|config| {
            config.sqlite("nofollow")?.no_follow = true;
            Ok(())
        })
    }

    /// The name of SQLite's way to the operating system: `unix-dotfile`, `unix-excl`, or one that the program has
    /// registered. `?vfs=` in the URL.
    pub fn vfs(self, name: impl Into<String>) -> Self {
        self.with(|config| {
            config.sqlite("vfs")?.vfs = Some(name.into());
            Ok(())
        })
    }

    /// Prepares each new connection, on the worker thread that opened it: PRAGMAs, functions for SQL, collations,
    /// extensions. [`Setup`] has an example. Several hooks run in the order in which they were added, after what anyorm
    /// sets itself and before the first statement.
    ///
    /// A hook that fails or panics keeps the connection from being opened: the call that needed it answers
    /// [`Error::Configuration`], which names the hook and the connection, and the next call tries again.
    ///
    /// There are no hooks for taking a connection and giving it back: each verb does both, and would pay for them. A
    /// connection comes home without a transaction. What else a program may leave on it, PRAGMAs and temporary tables, is
    /// left only through [`Engine::connection`](crate::Engine::connection): set it back there, or
    /// [discard](crate::Connection::discard) the connection.
    #[track_caller]
    pub fn on_connect(mut self, hook: impl Fn(&Setup<'_>) -> Result<()> + Send + Sync + 'static) -> Self {
        self.hooks.push(ConnectHook::new(Location::caller(), hook));
        self
    }

    /// Who is told of every hop and every statement. Called again, it adds another one.
    pub fn observer(mut self, observer: Arc<dyn Observer>) -> Self {
        self.telemetry.observers.push(observer);
        self
    }

    /// Calls `told` with each statement that takes this long or longer, failed ones too; not those that are interrupted
    /// because nobody awaits them any more. It is called on the thread that ran the statement, and should return soon; a
    /// panic of it is dropped.
    ///
    /// With the feature `tracing` each is also an event at level WARN, from one second on unless this says otherwise.
    ///
    /// # Example
    /// ```
    /// # futures_lite::future::block_on(async {
    /// use std::sync::{Arc, Mutex};
    /// use std::time::Duration;
    /// use anyorm::prelude::*;
    ///
    /// let log = Arc::new(Mutex::new(Vec::new()));
    /// let lines = log.clone();
    /// let engine = Engine::builder("sqlite::memory:")
    ///     .slow_statements(Duration::ZERO, move |slow| lines.lock().unwrap().push(slow.to_string()))
    ///     .open()
    ///     .await?;
    /// engine.scalar(sql("SELECT ?").bind(7).returning::<i64>()).await?;
    /// let line = log.lock().unwrap().remove(0); // slow statement: 21µs at src/main.rs:12, 1 rows read, 0 affected: SELECT ?
    /// assert!(line.starts_with("slow statement: ") && line.ends_with(", 1 rows read, 0 affected: SELECT ?"), "{line}");
    /// # Ok::<_, anyorm::Error>(()) }).unwrap();
    /// ```
    pub fn slow_statements(
        mut self,
        threshold: Duration,
        told: impl Fn(&SlowStatement<'_>) + Send + Sync + 'static,
    ) -> Self {
        self.telemetry.slow = Some(SlowStatements { threshold, told: Some(Arc::new(told)) });
        self
    }

    /// Whether slow statements, and the spans of the feature `tracing`, have the values of their parameters: not unless
    /// asked for, as logs live longer than one thinks. Observers always see them.
    pub fn show_parameters(mut self, show: bool) -> Self {
        self.telemetry.show_parameters = show;
        self
    }

    /// Looks for queries in loops in all sessions of the engine: for development and tests.
    pub fn n_plus_one(mut self, look: NPlusOne) -> Self {
        self.telemetry.n_plus_one = Some(look);
        self
    }

    /// Which threads run its jobs: those that the process shares, unless told otherwise. See [`Workers`].
    pub fn workers(mut self, workers: Arc<dyn Workers>) -> Self {
        self.workers = Threads::Given(workers);
        self
    }

    /// Opens the engine, and with it the connection that writes: a file that cannot be used is told at once. Dropped
    /// half way, it leaves at most an empty file.
    ///
    /// # Errors
    /// [`Error::Configuration`] naming what is wrong with the URL, the options or the file, and what to do. What a lock,
    /// the disk or a damaged file is in the way of: as for [`Engine::open`].
    #[track_caller]
    pub fn open(self) -> Operation<'static, Engine> {
        self.open_at(Location::caller())
    }

    pub(super) fn open_at(self, location: &'static Location<'static>) -> Operation<'static, Engine> {
        Operation::named("engine.open", "at most an empty file is left", async move {
            let (database, pool) = self.config?.checked()?;
            let telemetry = Arc::new(Telemetry::new(self.telemetry, database.system()));
            let connector = match self.connector {
                Some(connector) => connector,
                None => connector(database, self.hooks)?,
            };
            let pool = Pool::new(connector, pool, telemetry, self.workers, self.clock);
            let lease = pool.acquire(Access::Write, location).await?;
            let output = lease.run(Program::default(), Discard).await;
            output.result.map_err(Error::from)?;
            drop(output.lease);
            Ok(Engine { pool })
        })
    }

    fn with(mut self, change: impl FnOnce(&mut Config) -> Result<()>) -> Self {
        self.config = self.config.and_then(|mut config| {
            change(&mut config)?;
            Ok(config)
        });
        self
    }
}

/// What opens connections to a database.
///
/// # Errors
/// For hooks that are about another one.
fn connector(database: DatabaseOptions, hooks: Vec<ConnectHook>) -> Result<Box<dyn Connect>> {
    match database {
        DatabaseOptions::Sqlite(options) => Ok(Box::new(SqliteConnector::new(options, hooks))),
        #[cfg(feature = "postgres")]
        DatabaseOptions::Postgres(options) => match hooks.as_slice() {
            [] => {
                crate::sockets::start().map_err(|error| {
                    Error::configuration(format!(
                        "nobody can wait for the answers of a server: the system gives no thread or file for that: {error}"
                    ))
                })?;
                Ok(Box::new(PostgresConnector::new(*options)))
            }
            _ => Err(Error::configuration(
                "`on_connect` is about SQLite: for PostgreSQL, say what a connection is to be set to in the URL, as \
                 `?options=-c statement_timeout=5000`",
            )),
        },
    }
}

impl fmt::Debug for EngineBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EngineBuilder").field("config", &self.config).finish_non_exhaustive()
    }
}
