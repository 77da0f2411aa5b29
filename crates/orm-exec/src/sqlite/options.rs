//! How a SQLite database is opened.

use std::path::PathBuf;
use std::time::Duration;

/// Where a database is and how it is opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SqliteOptions {
    pub(crate) place: Place,
    pub(crate) mode: OpenMode,
    /// How long a statement waits for a lock that another process, or another engine, holds.
    pub(crate) busy_timeout: Duration,
    pub(crate) synchronous: Synchronous,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Memory,
    File(PathBuf),
}

impl SqliteOptions {
    pub(crate) const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

    pub(crate) fn new(place: Place) -> Self {
        let (mode, synchronous) = (OpenMode::default(), Synchronous::default());
        Self { place, mode, busy_timeout: Self::BUSY_TIMEOUT, synchronous }
    }
}

/// What may be done with a database file, and whether it is made. `?mode=` in a URL.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OpenMode {
    /// `ro`: the file must be there, and is not written.
    ReadOnly,
    /// `rw`: the file must be there.
    ReadWrite,
    /// `rwc`: the file is made if it is not there.
    #[default]
    Create,
}

/// When SQLite waits for the disk. `?synchronous=` in a URL.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Synchronous {
    /// `off`: never. A power cut can damage the file.
    Off,
    /// `normal`: at checkpoints. A power cut can undo the last commits, and never damages the file.
    #[default]
    Normal,
    /// `full`: at each commit.
    Full,
}

impl Synchronous {
    pub(super) fn keyword(self) -> &'static str {
        match self {
            Self::Off => "OFF",
            Self::Normal => "NORMAL",
            Self::Full => "FULL",
        }
    }
}
