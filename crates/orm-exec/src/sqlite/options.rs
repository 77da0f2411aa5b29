//! How a SQLite database is opened.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Where a database is and how it is opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SqliteOptions {
    pub(crate) place: Place,
    pub(crate) mode: OpenMode,
    /// How long a statement waits for a lock that another process, or another engine, holds.
    pub(crate) busy_timeout: Duration,
    pub(crate) synchronous: Synchronous,
    pub(crate) journal_mode: JournalMode,
    /// Whether nobody changes the file while it is open, so that nobody looks.
    pub(crate) immutable: bool,
    /// Whether the file is not locked.
    pub(crate) no_lock: bool,
    /// Whether a symbolic link is refused.
    pub(crate) no_follow: bool,
    /// SQLite's way to the operating system, by its name.
    pub(crate) vfs: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// In memory, of one connection.
    Memory,
    /// In memory, of all connections of the process that know its name.
    Named(String),
    File(PathBuf),
}

impl SqliteOptions {
    pub(crate) const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

    pub(crate) fn new(place: Place) -> Self {
        Self {
            place,
            mode: OpenMode::default(),
            busy_timeout: Self::BUSY_TIMEOUT,
            synchronous: Synchronous::default(),
            journal_mode: JournalMode::default(),
            immutable: false,
            no_lock: false,
            no_follow: false,
            vfs: None,
        }
    }

    /// What SQLite is told to open: a path, or a URI where there is more to say than flags can.
    pub(super) fn name(&self) -> PathBuf {
        let path = match &self.place {
            Place::Memory => return ":memory:".into(),
            // Names that begin with a slash are shared.
            Place::Named(name) => return format!("file:/{}?vfs=memdb", escaped(name)).into(),
            Place::File(path) => path,
        };
        let parameters = match (self.immutable, self.no_lock) {
            (false, false) => return path.clone(),
            (true, false) => "immutable=1",
            (false, true) => "nolock=1",
            (true, true) => "immutable=1&nolock=1",
        };
        format!("file:{}?{parameters}", escaped(&path.to_string_lossy())).into()
    }

    /// Whether [`name`](Self::name) is a URI.
    pub(super) fn is_uri(&self) -> bool {
        matches!(self.place, Place::Named(_)) || self.immutable || self.no_lock
    }

    /// The path, for messages about it.
    pub(super) fn path(&self) -> &Path {
        match &self.place {
            Place::Memory => Path::new(":memory:"),
            Place::Named(name) => Path::new(name),
            Place::File(path) => path,
        }
    }
}

/// What means something in a URI, as `%` and two digits.
fn escaped(path: &str) -> String {
    let mut escaped = String::with_capacity(path.len());
    for byte in path.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'-' | b'_' | b'~' => {
                escaped.push(char::from(byte));
            }
            _ => escaped.push_str(&format!("%{byte:02X}")),
        }
    }
    escaped
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Memory => f.write_str(":memory:"),
            Self::Named(name) => write!(f, "{name} in memory"),
            Self::File(path) => path.display().fmt(f),
        }
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
    /// `memory`: there is no file. The path is the name of a database in memory, which all engines of the process that
    /// open it share, and which goes with the last of them. Each engine has one connection, and waits for transactions of
    /// the others as long as the busy timeout says.
    Memory,
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

/// How SQLite keeps a transaction apart until it is done. `?journal_mode=` in a URL.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum JournalMode {
    /// `wal`: a log beside the file. Readers and the writer do not wait for each other. Not for network file systems.
    #[default]
    Wal,
    /// `delete`: a file with what was there before, deleted at the end. Readers and the writer wait for each other.
    Delete,
    /// `truncate`: the same, the file is emptied and kept.
    Truncate,
    /// `persist`: the same, the file is marked as done and kept.
    Persist,
}

impl JournalMode {
    pub(super) fn keyword(self) -> &'static str {
        match self {
            Self::Wal => "WAL",
            Self::Delete => "DELETE",
            Self::Truncate => "TRUNCATE",
            Self::Persist => "PERSIST",
        }
    }
}
