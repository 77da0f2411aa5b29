//! A fresh database for each test.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use anyorm::{Engine, Result};

use crate::recorder::Recorder;

/// A kind of database that behaviours run on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backend {
    /// A file: one connection that writes, several that read.
    File,
    /// `sqlite::memory:`: one connection.
    Memory,
}

impl Backend {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::File, Self::Memory];

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::File => "SQLite file",
            Self::Memory => "SQLite :memory:",
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
    file: Option<PathBuf>,
}

impl Database {
    /// Opens a new, empty database.
    ///
    /// # Errors
    /// If it cannot be opened.
    pub async fn open(backend: Backend) -> Result<Self> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let file = match backend {
            Backend::File => {
                let name =
                    format!("anyorm-{}-{}.db", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
                Some(std::env::temp_dir().join(name))
            }
            Backend::Memory => None,
        };
        let url = match &file {
            Some(file) => format!("sqlite://{}", file.display()),
            None => "sqlite::memory:".to_owned(),
        };
        let log = Arc::new(Recorder::default());
        let engine = Engine::builder(&url).observer(Arc::<Recorder>::clone(&log)).open().await?;
        // Opening is a hop too, and nobody's business here.
        log.clear();
        Ok(Self { engine, log, backend, file })
    }

    /// The file, if the database is one.
    pub fn file(&self) -> Option<&std::path::Path> {
        self.file.as_deref()
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        if let Some(file) = &self.file {
            for suffix in ["", "-wal", "-shm"] {
                let mut name = file.clone().into_os_string();
                name.push(suffix);
                // Not there is fine: the test may have removed it.
                let _ = std::fs::remove_file(name);
            }
        }
    }
}
