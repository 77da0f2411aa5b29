//! SQLite, by rusqlite.
//!
//! | file | what it does |
//! |---|---|
//! | `options` | where the database is and how it is opened |
//! | `setup`, `function` | what the program adds to new connections |
//! | `connection` | opening, and a program from BEGIN to COMMIT |
//! | `step` | one statement with its parameter rows |
//! | `bind`, `row` | values on their way in and out |
//! | `answers`, `list` | values that later steps take from earlier ones |
//! | `cancel` | stopping a statement from another thread |
//! | `error` | SQLite's errors as ours |
//!
//! A float that is NaN is refused: SQLite has none, and would store NULL in its place.

mod answers;
mod bind;
mod cancel;
mod connection;
mod error;
mod function;
mod list;
mod options;
mod row;
mod setup;
mod step;

pub use function::{Arguments, ScalarFunction};
pub use options::{JournalMode, OpenMode, Synchronous};
pub(crate) use options::{Place, SqliteOptions};
pub(crate) use setup::ConnectHook;
pub use setup::Setup;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use orm_core::{Dialect, Error, Result, SQLITE};

use crate::driver::{Access, BlockingConnection, Connect};
use crate::observe::Observer;
use connection::SqliteConnection;

/// Opens connections to one SQLite database.
#[derive(Debug)]
pub(crate) struct SqliteConnector {
    options: SqliteOptions,
    hooks: Vec<ConnectHook>,
    opened: AtomicBool,
}

impl SqliteConnector {
    pub(crate) fn new(options: SqliteOptions, hooks: Vec<ConnectHook>) -> Self {
        Self { options, hooks, opened: AtomicBool::new(false) }
    }
}

impl Connect for SqliteConnector {
    fn dialect(&self) -> &'static Dialect {
        &SQLITE
    }

    fn connect(
        &self,
        access: Access,
        observer: Option<Arc<dyn Observer>>,
    ) -> Result<Box<dyn BlockingConnection>> {
        let first = !self.opened.swap(true, Ordering::Relaxed);
        if self.options.place == Place::Memory && !first {
            // A second one would be another database, and an empty one.
            return Err(Error::configuration(
                "the database in memory is gone: its connection could not be rolled back and was discarded; open a \
                 new engine",
            ));
        }
        Ok(Box::new(SqliteConnection::open(&self.options, &self.hooks, access, observer)?))
    }

    fn may_close(&self, _access: Access) -> bool {
        // A database in memory lives as long as a connection does.
        matches!(self.options.place, Place::File(_))
    }
}
