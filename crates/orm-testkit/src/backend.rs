//! A fresh database for each test.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use anyorm::{Engine, Result};

use crate::recorder::Recorder;
use crate::server;

/// A kind of database that behaviours run on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backend {
    /// A file: one connection that writes, several that read.
    File,
    /// `sqlite::memory:`: one connection.
    Memory,
    /// A server, in a schema of its own.
    Postgres,
}

impl Backend {
    /// Those that this machine has: SQLite's, and PostgreSQL with the feature of that name where a server answers.
    pub fn all() -> &'static [Self] {
        match server::is_there() {
            true => &[Self::File, Self::Memory, Self::Postgres],
            false => &[Self::File, Self::Memory],
        }
    }

    /// Whether it is SQLite.
    pub const fn is_sqlite(self) -> bool {
        !matches!(self, Self::Postgres)
    }

    /// How many behaviours run at once: who asks a server waits most of the time.
    pub(crate) const fn at_once(self) -> usize {
        if self.is_sqlite() { 1 } else { 2 }
    }

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::File => "SQLite file",
            Self::Memory => "SQLite :memory:",
            Self::Postgres => "PostgreSQL",
        }
    }
}

/// An engine on a database of its own, and a log of what is sent to it. A file is removed when this is dropped.
#[derive(Debug)]
pub struct Database {
    /// The engine.
    pub engine: Engine,
    /// What is sent through the engine since it was opened.
    pub log: Arc<Recorder>,
    /// The kind of database.
    pub backend: Backend,
    place: Place,
}

/// What is removed in the end.
#[derive(Debug)]
enum Place {
    File(PathBuf),
    Memory,
    Schema(server::Schema),
}

impl Place {
    fn url(&self, settings: &[(&str, &str)]) -> Option<String> {
        match self {
            Self::File(file) => Some(format!("sqlite://{}", file.display())),
            Self::Memory => None,
            Self::Schema(schema) => Some(schema.url(settings)),
        }
    }
}

impl Database {
    /// Opens a new, empty database.
    ///
    /// # Errors
    /// If it cannot be opened.
    pub async fn open(backend: Backend) -> Result<Self> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let place = match backend {
            Backend::File => {
                let name =
                    format!("anyorm-{}-{}.db", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
                Place::File(std::env::temp_dir().join(name))
            }
            Backend::Memory => Place::Memory,
            Backend::Postgres => Place::Schema(server::Schema::create().await?),
        };
        let url = place.url(&[]).unwrap_or_else(|| "sqlite::memory:".to_owned());
        let (engine, log) = Self::engine(&url).await?;
        Ok(Self { engine, log, backend, place })
    }

    async fn engine(url: &str) -> Result<(Engine, Arc<Recorder>)> {
        let log = Arc::new(Recorder::default());
        let engine = Engine::builder(url).observer(Arc::<Recorder>::clone(&log)).open().await?;
        // Opening is a hop too, and nobody's business here.
        log.clear();
        Ok((engine, log))
    }

    /// A new, empty database of the same kind, where what goes to a worker is not looked for by the task that sent it: for those who
    /// drop a future while its job is under way.
    ///
    /// # Errors
    /// If it cannot be opened.
    pub async fn not_looked_for(self) -> Result<Self> {
        if self.backend != Backend::Memory {
            return Ok(self);
        }
        let (engine, log) = Self::engine("sqlite::memory:?dispatch=worker").await?;
        Ok(Self { engine, log, backend: Backend::Memory, place: Place::Memory })
    }

    /// The URL by which another engine has the same database; none for one in memory.
    pub fn url(&self) -> Option<String> {
        self.place.url(&[])
    }

    /// The same, with settings of the server, where there is one.
    pub(crate) fn url_with(&self, settings: &[(&str, &str)]) -> Option<String> {
        self.place.url(settings)
    }

    /// The file, if the database is one.
    pub fn file(&self) -> Option<&std::path::Path> {
        match &self.place {
            Place::File(file) => Some(file),
            Place::Memory | Place::Schema(_) => None,
        }
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        if let Place::File(file) = &self.place {
            for suffix in ["", "-wal", "-shm"] {
                let mut name = file.clone().into_os_string();
                name.push(suffix);
                // Not there is fine: the test may have removed it.
                let _ = std::fs::remove_file(name);
            }
        }
    }
}
