//! SQLite, by rusqlite.
//!
//! | file | what it does |
//! |---|---|
//! | `options` | where the database is and how it is opened |
//! | `setup`, `function` | what the program adds to new connections |
//! | `connection` | opening, and a program from BEGIN to COMMIT |
//! | `step` | one statement with its parameter rows |
//! | `bind`, `row` | values on their way in and out |
//! | `cancel` | stopping a statement from another thread |
//! | `error` | SQLite's errors as ours |
//! | `files` | whether the file is still the one that was opened |
//!
//! A float that is NaN is refused: SQLite has none, and would store NULL in its place.

mod bind;
mod cancel;
mod connection;
mod error;
mod files;
mod function;
mod options;
mod row;
mod setup;
mod step;

pub use function::{Arguments, ScalarFunction};
pub use options::{JournalMode, OpenMode, Synchronous};
pub(crate) use options::{Place, SqliteOptions};
pub(crate) use setup::ConnectHook;
pub use setup::Setup;

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use orm_core::{Dialect, Error, Result, SQLITE};

use crate::driver::{Access, Answer, Connect, DriverConnection, answered};
use crate::observe::Telemetry;
use connection::SqliteConnection;
use error::lost_log_error;

/// The first SQLite without the WAL-reset bug, which could corrupt a file that several connections write.
const MINIMUM_VERSION: i32 = 3_051_003;

/// Opens connections to one SQLite database.
#[derive(Debug)]
pub(crate) struct SqliteConnector {
    options: SqliteOptions,
    hooks: Vec<ConnectHook>,
    opened: AtomicBool,
    /// The write-ahead log, if it was taken away: from then on nothing is opened. A new connection would make another log,
    /// but find the index of the old one in memory as long as a connection is open.
    lost_log: Arc<OnceLock<PathBuf>>,
}

impl SqliteConnector {
    pub(crate) fn new(options: SqliteOptions, hooks: Vec<ConnectHook>) -> Self {
        Self { options, hooks, opened: AtomicBool::new(false), lost_log: Arc::default() }
    }
}

impl Connect for SqliteConnector {
    fn dialect(&self) -> &'static Dialect {
        &SQLITE
    }

    fn connect(
        &self,
        access: Access,
        telemetry: Arc<Telemetry>,
    ) -> Answer<'_, Result<Box<dyn DriverConnection>>> {
        answered(self.open(access, telemetry))
    }

    fn may_close(&self, _access: Access) -> bool {
        // A database in memory lives as long as a connection does.
        matches!(self.options.place, Place::File(_))
    }
}

impl SqliteConnector {
    /// On a worker thread.
    fn open(&self, access: Access, telemetry: Arc<Telemetry>) -> Result<Box<dyn DriverConnection>> {
        if rusqlite::version_number() < MINIMUM_VERSION {
            let found = rusqlite::version();
            return Err(Error::configuration(format!(
                "SQLite {found} is too old: link 3.51.3 or later, or use rusqlite's `bundled` feature"
            )));
        }
        let again = self.opened.load(Ordering::Relaxed);
        if self.options.place == Place::Memory && again {
            // A second one would be another database, and an empty one.
            return Err(Error::configuration(
                "the database in memory is gone: its connection could not be rolled back and was discarded; open a \
                 new engine",
            ));
        }
        if let Some(log) = self.lost_log.get() {
            return Err(lost_log_error(log, ""));
        }
        let Self { options, hooks, .. } = self;
        let mut connection = SqliteConnection::open(options, again, hooks, access, telemetry)?;
        connection.watch_log(Arc::clone(&self.lost_log));
        self.opened.store(true, Ordering::Relaxed);
        Ok(Box::new(connection))
    }
}
