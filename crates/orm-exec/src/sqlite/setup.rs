//! Preparing new connections: what a program says with `EngineBuilder::on_connect`.

use std::fmt;
use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::sync::Arc;

use orm_core::{Cells, Error, Result, SqlType};

use super::bind::Bound;
use super::cancel::Cancel;
use super::error::statement_error;
use super::options::SqliteOptions;
use crate::driver::Access;
use crate::panic::text_of;

/// A connection that was just opened, for [`EngineBuilder::on_connect`](crate::EngineBuilder::on_connect).
///
/// ```
/// use anyorm::prelude::*;
/// use anyorm::sqlite::ScalarFunction;
///
/// # futures_lite::future::block_on(async {
/// let engine = Engine::builder("sqlite::memory:")
///     .on_connect(|setup| {
///         setup.pragma("cache_size", -16_000)?; // kibibytes
///         setup.function(ScalarFunction::new("initial", 1).deterministic(), |arguments| {
///             let name: String = arguments.get(0)?;
///             Ok(name.chars().next().map(String::from))
///         })
///     })
///     .open()
///     .await?;
/// let initial = engine.scalar(sql("SELECT initial('Ada')").returning::<String>()).await?;
/// assert_eq!(initial, "A");
/// # Ok::<_, anyorm::Error>(()) }).unwrap();
/// ```
#[derive(Debug)]
pub struct Setup<'a> {
    pub(super) raw: &'a rusqlite::Connection,
    pub(super) cancel: &'a Arc<Cancel>,
    access: Access,
}

impl Setup<'_> {
    /// What the connection is for. One that only reads is set to `query_only` after the hooks.
    pub fn access(&self) -> Access {
        self.access
    }

    /// Sets a PRAGMA of the connection.
    ///
    /// # Errors
    /// If the name is not one, or the database refuses the value. A PRAGMA that SQLite does not know is ignored by it.
    pub fn pragma(&self, name: &str, value: impl SqlType) -> Result<()> {
        let mut cells = Cells::default();
        value.encode(&mut cells);
        let set = self.raw.pragma_update(None, name, Bound(cells.value(0)));
        set.map_err(|error| statement_error(&error, &format!("PRAGMA {name}")))
    }

    /// Runs statements without parameters: temporary tables, ATTACH, PRAGMAs that answer a row. A transaction must be
    /// ended by the same hook.
    ///
    /// # Errors
    /// Of the first statement that fails.
    ///
    /// ```
    /// use anyorm::prelude::*;
    ///
    /// # futures_lite::future::block_on(async {
    /// let builder = Engine::builder("sqlite::memory:");
    /// let engine = builder.on_connect(|setup| setup.execute("ATTACH ':memory:' AS archive")).open().await?;
    /// engine.execute(sql("CREATE TABLE archive.posts (id INTEGER PRIMARY KEY)")).await?;
    /// # Ok::<_, anyorm::Error>(()) }).unwrap();
    /// ```
    pub fn execute(&self, sql: &str) -> Result<()> {
        self.raw.execute_batch(sql).map_err(|error| statement_error(&error, sql))
    }

    /// Adds an order of texts, for `COLLATE name` in columns, indexes and `ORDER BY`. It must answer the same for the
    /// same texts always: indexes are sorted by it. Each process that uses such an index needs it.
    ///
    /// A panic inside ends the comparison as equal, and nothing tells of it.
    ///
    /// # Errors
    /// If the database refuses the name.
    ///
    /// ```
    /// use anyorm::prelude::*;
    ///
    /// # futures_lite::future::block_on(async {
    /// let engine = Engine::builder("sqlite::memory:")
    ///     .on_connect(|setup| setup.collation("shorter_first", |a, b| a.len().cmp(&b.len())))
    ///     .open()
    ///     .await?;
    /// let query = "SELECT column1 FROM (VALUES ('ccc'), ('b'), ('aa')) ORDER BY 1 COLLATE shorter_first";
    /// assert_eq!(engine.all(sql(query).returning::<String>()).await?, ["b", "aa", "ccc"]);
    /// # Ok::<_, anyorm::Error>(()) }).unwrap();
    /// ```
    pub fn collation(
        &self,
        name: &str,
        compare: impl Fn(&str, &str) -> std::cmp::Ordering + Send + 'static,
    ) -> Result<()> {
        let compare = move |a: &str, b: &str| {
            catch_unwind(AssertUnwindSafe(|| compare(a, b))).unwrap_or(std::cmp::Ordering::Equal)
        };
        let added = self.raw.create_collation(name, compare);
        added.map_err(|error| statement_error(&error, &format!("the collation {name}")))
    }

    /// The connection of rusqlite, for all else: aggregate functions, virtual tables, limits. It is that of
    /// [`anyorm::rusqlite`](https://docs.rs/rusqlite), which is re-exported, so that versions agree.
    ///
    /// What anyorm sets itself wins: the busy handler and the progress handler are set again after the hooks.
    ///
    /// Extensions are loaded this way. rusqlite marks it as unsafe, since an extension is a library of native code that may
    /// do anything; whoever loads one answers for it, so that the word stands in the program, not here:
    ///
    /// ```no_run
    /// use anyorm::prelude::*;
    /// use anyorm::rusqlite::LoadExtensionGuard;
    ///
    /// # futures_lite::future::block_on(async {
    /// let engine = Engine::builder("sqlite://blog.db")
    ///     .on_connect(|setup| {
    ///         // SAFETY: the file is ours, and its entry point keeps the rules of SQLite's extensions.
    ///         let loaded = unsafe {
    ///             LoadExtensionGuard::new(setup.raw())
    ///                 .and_then(|_guard| setup.raw().load_extension("./spellfix1", None::<&str>))
    ///         };
    ///         loaded.map_err(anyorm::Error::other)
    ///     })
    ///     .open()
    ///     .await?;
    /// # Ok::<_, anyorm::Error>(()) }).unwrap();
    /// ```
    pub fn raw(&self) -> &rusqlite::Connection {
        self.raw
    }
}

/// A hook, and where it was set.
#[derive(Clone)]
pub(crate) struct ConnectHook {
    location: &'static Location<'static>,
    run: Arc<Run>,
}

type Run = dyn Fn(&Setup<'_>) -> Result<()> + Send + Sync;

impl ConnectHook {
    pub(crate) fn new(
        location: &'static Location<'static>,
        run: impl Fn(&Setup<'_>) -> Result<()> + Send + Sync + 'static,
    ) -> Self {
        Self { location, run: Arc::new(run) }
    }

    /// On a worker thread.
    ///
    /// # Errors
    /// [`Error::Configuration`] naming the hook and the connection, if the hook fails, panics, or leaves a transaction
    /// open.
    pub(super) fn run(
        &self,
        raw: &rusqlite::Connection,
        cancel: &Arc<Cancel>,
        access: Access,
        options: &SqliteOptions,
    ) -> Result<()> {
        let why = match catch_unwind(AssertUnwindSafe(|| (self.run)(&Setup { raw, cancel, access }))) {
            Ok(Ok(())) if raw.is_autocommit() => return Ok(()),
            Ok(Ok(())) => "left a transaction open: end it in the hook".to_owned(),
            Ok(Err(error)) => format!("failed: {error}"),
            Err(panic) => format!("panicked: {}", text_of(&*panic)),
        };
        let which = match access {
            Access::Read => "a reader connection",
            Access::Write => "the writer connection",
        };
        Err(Error::configuration(format!(
            "the hook on_connect of {}:{}, on {which} to {}, {why}",
            self.location.file(),
            self.location.line(),
            options.place
        )))
    }
}

impl fmt::Debug for ConnectHook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectHook").field("location", &self.location).finish_non_exhaustive()
    }
}
