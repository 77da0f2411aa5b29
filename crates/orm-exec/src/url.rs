//! `sqlite://blog.db?mode=ro`, `postgres://localhost/blog` and their kin.

use std::path::PathBuf;
use std::time::Duration;

use orm_core::{Dispatch, Error, Result};

use crate::pool::{Limits, PoolOptions};
#[cfg(feature = "postgres")]
use crate::postgres::PostgresOptions;
use crate::sqlite::{JournalMode, OpenMode, Place, SqliteOptions, Synchronous};

/// Everything that a URL says.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Config {
    pub(crate) database: DatabaseOptions,
    pub(crate) pool: PoolOptions,
    /// Connections that only read, where something was said about them.
    readers: Option<usize>,
    /// Connections that do everything, where something was said about them.
    connections: Option<usize>,
    /// Where reads run, where something was said about it.
    pub(crate) dispatch: Option<Dispatch>,
}

/// Which database, and how it is opened.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum DatabaseOptions {
    Sqlite(SqliteOptions),
    #[cfg(feature = "postgres")]
    Postgres(Box<PostgresOptions>),
}

impl DatabaseOptions {
    fn as_sqlite(&self) -> Option<&SqliteOptions> {
        match self {
            Self::Sqlite(options) => Some(options),
            #[cfg(feature = "postgres")]
            Self::Postgres(_) => None,
        }
    }

    /// The name of the database system, as OpenTelemetry has it.
    pub(crate) fn system(&self) -> &'static str {
        match self {
            Self::Sqlite(_) => "sqlite",
            #[cfg(feature = "postgres")]
            Self::Postgres(_) => "postgresql",
        }
    }
}

/// A server: as many as a small one has room for from several programs.
const DEFAULT_CONNECTIONS: usize = 10;
/// Postgres: connections that nobody uses cost the server a process each.
#[cfg(feature = "postgres")]
const DEFAULT_IDLE_TIMEOUT: Duration = Duration::from_secs(10 * 60);
/// Postgres: what a server keeps for a connection grows with its age, and a new one sees where names lead now.
#[cfg(feature = "postgres")]
const DEFAULT_MAX_LIFETIME: Duration = Duration::from_secs(30 * 60);

const DEFAULT_READERS: usize = 4;
const DEFAULT_ACQUIRE_TIMEOUT: Duration = Duration::from_secs(30);
const KNOWN_OPTIONS: &str = "mode=ro|rw|rwc|memory, busy_timeout=<milliseconds>, readers=<number>, \
     acquire_timeout=<milliseconds>, idle_timeout=<milliseconds>, max_lifetime=<milliseconds>, \
     leak_threshold=<milliseconds>, synchronous=normal|full|off, journal_mode=wal|delete|truncate|persist, \
     immutable=true|false, nolock=true|false, nofollow=true|false, vfs=<name>, cache=private, dispatch=worker|auto";
#[cfg(feature = "postgres")]
const KNOWN_URLS: &str = "`sqlite::memory:`, `sqlite:///absolute/path.db`, `sqlite://relative.db` and \
     `postgres://user@host/database`";
#[cfg(not(feature = "postgres"))]
const KNOWN_URLS: &str = "`sqlite::memory:`, `sqlite:///absolute/path.db` and `sqlite://relative.db`";
/// What the pool of a server's connections is told.
#[cfg(feature = "postgres")]
const POOL_OPTIONS: &str = "connections=<number>, acquire_timeout=<milliseconds>, idle_timeout=<milliseconds>, \
     max_lifetime=<milliseconds>, leak_threshold=<milliseconds>, dispatch=worker|auto";

impl Config {
    /// Reads a URL.
    ///
    /// # Errors
    /// [`Error::Configuration`] that names what is known, where the URL has something else.
    pub(crate) fn parse(url: &str) -> Result<Self> {
        let (scheme, rest) = url.split_once(':').ok_or_else(|| {
            Error::configuration(format!("a URL is expected, like {KNOWN_URLS}: `{url}` has no scheme"))
        })?;
        match scheme {
            "sqlite" => {}
            #[cfg(feature = "postgres")]
            "postgres" | "postgresql" => return Self::parse_postgres(url),
            #[cfg(not(feature = "postgres"))]
            "postgres" | "postgresql" => {
                return Err(Error::configuration(format!(
                    "the driver for `{scheme}://` is not built in: add the feature `postgres` of the crate `anyorm`"
                )));
            }
            "mysql" | "mariadb" => {
                return Err(Error::configuration(format!(
                    "there is no driver for `{scheme}://` yet: known are {KNOWN_URLS}"
                )));
            }
            // The rest of the URL stays out of the message: it may have a password.
            _ => {
                return Err(Error::configuration(format!(
                    "the URL scheme `{scheme}` is not known: known are {KNOWN_URLS}"
                )));
            }
        }
        let (path, options) = rest.split_once('?').unwrap_or((rest, ""));
        let mut config = Self::of(DatabaseOptions::Sqlite(SqliteOptions::new(place(path)?)));
        for option in options.split('&').filter(|option| !option.is_empty()) {
            let (name, value) = option.split_once('=').unwrap_or((option, ""));
            config.set(name, value)?;
        }
        Ok(config)
    }

    #[cfg(feature = "postgres")]
    fn parse_postgres(url: &str) -> Result<Self> {
        let environment = |name: &str| std::env::var(name).ok();
        let (options, rest) = PostgresOptions::parse(url, &environment)?;
        let mut config = Self::of(DatabaseOptions::Postgres(Box::new(options)));
        config.pool.limits =
            Limits { idle_timeout: Some(DEFAULT_IDLE_TIMEOUT), max_lifetime: Some(DEFAULT_MAX_LIFETIME) };
        for (name, value) in rest {
            match name.as_str() {
                "connections" | "acquire_timeout" | "idle_timeout" | "max_lifetime" | "leak_threshold"
                | "dispatch" => {
                    config.set(&name, &value)?;
                }
                _ => {
                    let known = crate::postgres::KNOWN_OPTIONS;
                    return Err(Error::configuration(format!(
                        "the option `{name}` is not known: known are {known}, and of the pool {POOL_OPTIONS}"
                    )));
                }
            }
        }
        Ok(config)
    }

    /// The options of a file or memory.
    ///
    /// # Errors
    /// If it is another database.
    pub(crate) fn sqlite(&mut self, option: &str) -> Result<&mut SqliteOptions> {
        let _ = option;
        match &mut self.database {
            DatabaseOptions::Sqlite(options) => Ok(options),
            #[cfg(feature = "postgres")]
            DatabaseOptions::Postgres(_) => {
                Err(Error::configuration(format!("`{option}` is about SQLite: leave it out for PostgreSQL")))
            }
        }
    }

    fn of(database: DatabaseOptions) -> Self {
        let pool = PoolOptions {
            writers: 1,
            readers: 0,
            acquire_timeout: DEFAULT_ACQUIRE_TIMEOUT,
            limits: Limits::default(),
            leak_threshold: None,
            dispatch: Dispatch::Worker,
        };
        Self { database, pool, readers: None, connections: None, dispatch: None }
    }

    /// The same for a server.
    fn checked_server(mut self) -> Result<(DatabaseOptions, PoolOptions)> {
        self.pool.writers = self.connections.unwrap_or(DEFAULT_CONNECTIONS);
        self.pool.dispatch = self.dispatch.unwrap_or(Dispatch::Worker);
        match self.pool.writers {
            0 => Err(wrong("connections", "0", "1 or more")),
            _ => Ok((self.database, self.pool)),
        }
    }

    /// What is to be opened, after all options are known.
    ///
    /// # Errors
    /// [`Error::Configuration`] for options that contradict each other.
    pub(crate) fn checked(mut self) -> Result<(DatabaseOptions, PoolOptions)> {
        let Some(sqlite) = self.database.as_sqlite() else { return self.checked_server() };
        let is_file = matches!(sqlite.place, Place::File(_));
        if !is_file && (sqlite.immutable || sqlite.no_lock || sqlite.no_follow || sqlite.vfs.is_some()) {
            return Err(Error::configuration(
                "`immutable`, `nolock`, `nofollow` and `vfs` are about a file: leave them out for a database in memory",
            ));
        }
        let wants_readers = self.readers.is_some_and(|readers| readers > 0);
        if !is_file && wants_readers {
            return Err(Error::configuration(
                "a database in memory has one connection for everything: leave `readers` out",
            ));
        }
        if sqlite.immutable && sqlite.mode != OpenMode::ReadOnly {
            return Err(Error::configuration("a file that is `immutable` is only read: add `mode=ro`"));
        }
        let unlocked = sqlite.no_lock && sqlite.mode != OpenMode::ReadOnly;
        if unlocked && wants_readers {
            return Err(Error::configuration(
                "with `nolock` nothing keeps connections apart: leave `readers` out, or add `mode=ro`",
            ));
        }
        let default = if is_file && !unlocked { DEFAULT_READERS } else { 0 };
        self.pool.readers = self.readers.unwrap_or(default);
        // In memory, nothing does I/O.
        let default = if is_file { Dispatch::Worker } else { Dispatch::Auto };
        self.pool.dispatch = self.dispatch.unwrap_or(default);
        Ok((self.database, self.pool))
    }

    fn set(&mut self, name: &str, value: &str) -> Result<()> {
        match name {
            "mode" => self.set_mode(match value {
                "ro" => OpenMode::ReadOnly,
                "rw" => OpenMode::ReadWrite,
                "rwc" => OpenMode::Create,
                "memory" => OpenMode::Memory,
                _ => return Err(wrong(name, value, "ro, rw, rwc or memory")),
            }),
            "busy_timeout" => {
                self.sqlite(name)?.busy_timeout = milliseconds(name, value)?;
                Ok(())
            }
            "acquire_timeout" => {
                self.pool.acquire_timeout = milliseconds(name, value)?;
                Ok(())
            }
            "idle_timeout" => self.set_idle_timeout(milliseconds(name, value)?),
            "max_lifetime" => self.set_max_lifetime(milliseconds(name, value)?),
            "leak_threshold" => self.set_leak_threshold(milliseconds(name, value)?),
            "connections" => self.set_connections(value.parse().map_err(|_| wrong(name, value, "a number"))?),
            "readers" => {
                let readers = value.parse().map_err(|_| wrong(name, value, "a number"))?;
                self.set_readers(readers)
            }
            "synchronous" => {
                self.sqlite(name)?.synchronous = match value {
                    "off" => Synchronous::Off,
                    "normal" => Synchronous::Normal,
                    "full" => Synchronous::Full,
                    _ => return Err(wrong(name, value, "normal, full or off")),
                };
                Ok(())
            }
            "journal_mode" => {
                self.sqlite(name)?.journal_mode = match value {
                    "wal" => JournalMode::Wal,
                    "delete" => JournalMode::Delete,
                    "truncate" => JournalMode::Truncate,
                    "persist" => JournalMode::Persist,
                    _ => return Err(wrong(name, value, "wal, delete, truncate or persist")),
                };
                Ok(())
            }
            "immutable" => {
                self.sqlite(name)?.immutable = truth(name, value)?;
                Ok(())
            }
            "nolock" => {
                self.sqlite(name)?.no_lock = truth(name, value)?;
                Ok(())
            }
            "nofollow" => {
                self.sqlite(name)?.no_follow = truth(name, value)?;
                Ok(())
            }
            "vfs" => {
                self.sqlite(name)?.vfs = Some(decoded(value)?);
                Ok(())
            }
            "cache" => match value {
                "private" => Ok(()),
                _ => Err(wrong(name, value, "private (to share a database in memory, use `mode=memory`)")),
            },
            "dispatch" => {
                self.dispatch = match value {
                    "worker" => Some(Dispatch::Worker),
                    "auto" => Some(Dispatch::Auto),
                    _ => return Err(wrong(name, value, "worker or auto")),
                };
                Ok(())
            }
            _ => Err(Error::configuration(format!(
                "the option `{name}` is not known: known are {KNOWN_OPTIONS}"
            ))),
        }
    }

    /// Sets what may be done with the file.
    ///
    /// # Errors
    /// For a database in memory, which has no file.
    pub(crate) fn set_mode(&mut self, mode: OpenMode) -> Result<()> {
        let sqlite = self.sqlite("mode")?;
        match (&sqlite.place, mode) {
            (Place::Memory, OpenMode::Create) | (Place::Named(_), OpenMode::Memory) => {}
            (Place::Memory, _) => {
                return Err(Error::configuration("`:memory:` is always made anew: leave `mode` out"));
            }
            (Place::File(path), OpenMode::Memory) => {
                sqlite.place = Place::Named(path.to_string_lossy().into_owned());
            }
            (Place::Named(name), _) => sqlite.place = Place::File(name.into()),
            (Place::File(_), _) => {}
        }
        sqlite.mode = mode;
        Ok(())
    }

    /// # Errors
    /// For 0, as in the two that follow.
    pub(crate) fn set_idle_timeout(&mut self, timeout: Duration) -> Result<()> {
        self.pool.limits.idle_timeout = Some(some_time("idle_timeout", timeout)?);
        Ok(())
    }

    pub(crate) fn set_max_lifetime(&mut self, lifetime: Duration) -> Result<()> {
        self.pool.limits.max_lifetime = Some(some_time("max_lifetime", lifetime)?);
        Ok(())
    }

    pub(crate) fn set_leak_threshold(&mut self, threshold: Duration) -> Result<()> {
        self.pool.leak_threshold = Some(some_time("leak_threshold", threshold)?);
        Ok(())
    }

    /// Sets how many connections only read.
    pub(crate) fn set_readers(&mut self, readers: usize) -> Result<()> {
        self.sqlite("readers")?;
        self.readers = Some(readers);
        Ok(())
    }
}

impl Config {
    /// Sets how many connections do everything.
    ///
    /// # Errors
    /// For SQLite, which has one that writes.
    pub(crate) fn set_connections(&mut self, connections: usize) -> Result<()> {
        #[cfg(not(feature = "postgres"))]
        let _ = connections;
        match &self.database {
            DatabaseOptions::Sqlite(_) => Err(Error::configuration(
                "SQLite has one connection that writes: `readers` says how many read next to it",
            )),
            #[cfg(feature = "postgres")]
            DatabaseOptions::Postgres(_) => {
                self.connections = Some(connections);
                Ok(())
            }
        }
    }
}

fn place(path: &str) -> Result<Place> {
    let path = path.strip_prefix("//").unwrap_or(path);
    match path {
        ":memory:" => Ok(Place::Memory),
        "" => Err(Error::configuration(format!("the URL names no file: known are {KNOWN_URLS}"))),
        path => Ok(Place::File(PathBuf::from(decoded(path)?))),
    }
}

/// `%20` and its kin as the characters they stand for.
fn decoded(path: &str) -> Result<String> {
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digits = tail.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        let Some(byte) = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) else {
            return Err(Error::configuration(format!(
                "`%` in `{path}` is not followed by two digits: write `%25`"
            )));
        };
        bytes.push(byte);
        rest = &tail[2..];
    }
    String::from_utf8(bytes).map_err(|_| Error::configuration(format!("`{path}` does not decode to UTF-8")))
}

fn truth(name: &str, value: &str) -> Result<bool> {
    value.parse().map_err(|_| wrong(name, value, "true or false"))
}

fn milliseconds(name: &str, value: &str) -> Result<Duration> {
    value.parse().map(Duration::from_millis).map_err(|_| wrong(name, value, "a number of milliseconds"))
}

fn some_time(name: &str, duration: Duration) -> Result<Duration> {
    // A century: far beyond any use, and no sum of an instant and this overflows.
    const LONGEST: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);
    match duration.is_zero() {
        true => Err(Error::configuration(format!(
            "the option `{name}` is longer than 0: leave it out where there is to be no limit"
        ))),
        false => Ok(duration.min(LONGEST)),
    }
}

fn wrong(name: &str, value: &str, known: &str) -> Error {
    Error::configuration(format!("the option `{name}` is {known}, not `{value}`"))
}
