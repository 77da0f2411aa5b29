//! The files of a database: whether they are still the ones that were opened.
//!
//! SQLite goes on writing into a file that was deleted, or that another has taken the place of, and tells nobody: what it
//! commits there is gone. So each program that stores something looks first, and any other does now and then.

use std::fs::metadata;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How long what was seen holds for programs that store nothing. A look takes about as long as a small read.
const OTHERS_LOOK_EVERY: Duration = Duration::from_millis(100);

/// The database file; the write-ahead log next to it, and its index in shared memory.
#[derive(Debug)]
pub(super) struct Files {
    database: File,
    log: File,
    index: File,
    looked: Instant,
}

#[derive(Debug)]
struct File {
    path: PathBuf,
    /// What stood there when it was opened, or first seen.
    seen: Option<Identity>,
}

/// What is the same as long as a file is: its device and its number there.
type Identity = (u64, u64);

/// What is not there any more, or is another file now.
#[derive(Debug)]
pub(super) enum Missing {
    Database(PathBuf),
    Log(PathBuf),
    Index(PathBuf),
}

impl Files {
    /// Takes note of the files of a connection that has just read.
    pub(super) fn of(database: &Path) -> Self {
        let file = |suffix: &str| {
            let mut path = database.as_os_str().to_owned();
            path.push(suffix);
            File { seen: identity(path.as_ref()), path: path.into() }
        };
        Self { database: file(""), log: file("-wal"), index: file("-shm"), looked: Instant::now() }
    }

    pub(super) fn database(&self) -> &Path {
        &self.database.path
    }

    pub(super) fn missing(&mut self, stores: bool) -> Option<Missing> {
        if !stores && self.looked.elapsed() < OTHERS_LOOK_EVERY {
            return None;
        }
        self.looked = Instant::now();
        let database = self.database.missing().map(Missing::Database);
        let index = || self.index.missing().map(Missing::Index);
        database.or_else(index).or_else(|| self.log.missing().map(Missing::Log))
    }

    /// Whether all are there, as far as a program that reads wants to know. Where one is missing, the next program looks again.
    pub(super) fn are_there(&mut self) -> bool {
        let looked = self.looked;
        let there = self.missing(false).is_none();
        if !there {
            self.looked = looked;
        }
        there
    }

    /// The log was removed by SQLite itself, by another journal mode. The next one is another file.
    pub(super) fn forget_log(&mut self) {
        (self.log.seen, self.index.seen) = (None, None);
    }
}

impl File {
    fn missing(&mut self) -> Option<PathBuf> {
        let now = identity(&self.path);
        if self.seen.is_none() {
            self.seen = now;
        }
        (now != self.seen).then(|| self.path.clone())
    }
}

#[cfg(unix)]
fn identity(path: &Path) -> Option<Identity> {
    use std::os::unix::fs::MetadataExt;
    metadata(path).ok().map(|file| (file.dev(), file.ino()))
}

/// Elsewhere a file that is open can be neither deleted nor replaced; that it is there is all that can be asked.
#[cfg(not(unix))]
fn identity(path: &Path) -> Option<Identity> {
    metadata(path).ok().map(|_| (0, 0))
}
