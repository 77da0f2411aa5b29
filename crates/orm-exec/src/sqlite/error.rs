//! SQLite's errors as ours.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use orm_core::Error;
use orm_core::error::{ConstraintError, ConstraintKind, DatabaseError, DatabaseErrorKind};
use rusqlite::ErrorCode;
use rusqlite::ffi;

use super::options::{Place, SqliteOptions};

/// The error of a statement.
#[cold]
pub(super) fn statement_error(error: &rusqlite::Error, sql: &str) -> Error {
    use rusqlite::Error as Raw;
    let (code, message) = match error {
        Raw::SqliteFailure(code, message) => (code, message.clone().unwrap_or_else(|| code.to_string())),
        Raw::SqlInputError { error, msg, offset, .. } => {
            let at = usize::try_from(*offset).ok().and_then(|offset| sql.get(offset..)).unwrap_or_default();
            let near: String = at.chars().take(20).collect();
            let place = if near.is_empty() { String::new() } else { format!(", at `{near}`") };
            (error, format!("{msg}{place}"))
        }
        Raw::MultipleStatement => {
            return Error::build(format!(
                "one call runs one statement, and this text has several: run them one by one\n  in: {sql}"
            ));
        }
        other => {
            return Error::Database(Arc::new(DatabaseError {
                kind: DatabaseErrorKind::Statement,
                message: other.to_string(),
                code: "driver".to_owned(),
                sql: sql.to_owned(),
                file: None,
                advice: None,
            }));
        }
    };
    match code.code {
        ErrorCode::ConstraintViolation => {
            if let Some(error) = constraint(code.extended_code, &message, sql) {
                return Error::Constraint(Arc::new(error));
            }
        }
        ErrorCode::OperationInterrupted => return Error::Interrupted,
        _ => {}
    }
    refused(database(code, message, sql))
}

fn refused(error: DatabaseError) -> Error {
    match error.kind {
        DatabaseErrorKind::Busy => Error::Busy(Arc::new(error)),
        _ => Error::Database(Arc::new(error)),
    }
}

/// The error of a connection that cannot be opened. `again`: others could be, before. What is a matter of the URL and of
/// permissions is of the configuration; what may pass, or be mended, has a kind.
#[cold]
pub(super) fn open_error(error: &rusqlite::Error, options: &SqliteOptions, again: bool) -> Error {
    let path = options.path();
    if again && matches!(options.place, Place::File(_)) && options.vfs.is_none() && !path.exists() {
        return replaced_error(path, "");
    }
    if let rusqlite::Error::SqliteFailure(code, message) = error {
        let mut fault = database(code, message.clone().unwrap_or_else(|| code.to_string()), "");
        if fault.kind == DatabaseErrorKind::Busy {
            add_wait(&mut fault, options.busy_timeout);
        }
        if fault.kind == DatabaseErrorKind::Busy || is_of_the_disk(code) {
            fault.file = Some(path.to_owned());
            return refused(fault);
        }
    }
    let shown = path.display();
    let code = error.sqlite_error_code();
    let reason = match (code, path.parent()) {
        (Some(ErrorCode::NotADatabase), _) => {
            format!(
                "{shown} is not a SQLite database (or is encrypted): name another file, or move this one away"
            )
        }
        _ if path.is_dir() => format!("{shown} is a directory: name a file inside it"),
        (_, Some(parent)) if !parent.as_os_str().is_empty() && !parent.is_dir() => {
            format!("the directory {} does not exist: create it first", parent.display())
        }
        _ if error.sqlite_error().is_some_and(|raw| raw.extended_code == ffi::SQLITE_CANTOPEN_SYMLINK) => {
            format!("{shown} has a symbolic link in its path: name the file itself, or leave `nofollow` out")
        }
        (Some(ErrorCode::CannotOpen), _) if !path.exists() => {
            format!("{shown} does not exist or may not be created: create it, or open it with `?mode=rwc`")
        }
        (Some(ErrorCode::CannotOpen | ErrorCode::PermissionDenied | ErrorCode::ReadOnly), _) => {
            format!(
                "{shown}, or the `-wal` and `-shm` next to it, may not be read or written by this process ({error}): \
                 change the permissions of the file and of its directory, or open it with `?mode=ro`"
            )
        }
        _ => format!("{shown}: {error}"),
    };
    Error::configuration(reason)
}

/// The error of a database whose file was taken away while it was open.
#[cold]
pub(super) fn replaced_error(path: &Path, sql: &str) -> Error {
    let advice = "put it back, or look for who took it away; what stands there is opened by a later call";
    missing(path, sql, advice)
}

/// The error of a database whose log was taken away while it was open.
#[cold]
pub(super) fn lost_log_error(path: &Path, sql: &str) -> Error {
    let advice = "what was committed is in the database, unless another process was in the way; close this engine and \
                  open a new one, and leave the files next to a database alone while it is open";
    missing(path, sql, advice)
}

fn missing(path: &Path, sql: &str, advice: &str) -> Error {
    let what = if path.exists() { "was replaced by another file" } else { "was deleted or moved" };
    Error::Database(Arc::new(DatabaseError {
        kind: DatabaseErrorKind::FileReplaced,
        message: format!("the file {what} while it was open, so this was not carried out"),
        code: ffi::SQLITE_READONLY_DBMOVED.to_string(),
        sql: sql.to_owned(),
        file: Some(path.to_owned()),
        advice: Some(advice.to_owned()),
    }))
}

/// Faults below the statement: those say which file.
pub(super) fn add_file(error: &mut DatabaseError, file: &Path, only_reads: bool) {
    use DatabaseErrorKind as Kind;
    if !matches!(error.kind, Kind::Statement | Kind::OutOfMemory | Kind::FileReplaced) {
        error.file = Some(file.to_owned());
    }
    if error.kind == Kind::ReadOnly && only_reads {
        error.advice = Some(
            "the file was opened to be read only: open the engine without `mode=ro`, or, if it was, let this process \
             write the file and its directory"
                .to_owned(),
        );
    }
}

/// Says how long a lock was waited for.
pub(super) fn add_wait(error: &mut DatabaseError, waited: Duration) {
    // Nobody waits for a snapshot: such a wait was one of an earlier statement.
    if !waited.is_zero() && error.code != ffi::SQLITE_BUSY_SNAPSHOT.to_string() {
        error.message = format!("{}, after a wait of {waited:.1?}", error.message);
    }
}

pub(super) fn add_advice(error: &mut DatabaseError, more: &str) {
    error.advice = Some(match error.advice.take() {
        Some(advice) => format!("{advice}; {more}"),
        None => more.to_owned(),
    });
}

/// Whether a fault may be one of the open file, which another opening does not have.
pub(super) fn is_of_the_file(kind: DatabaseErrorKind) -> bool {
    use DatabaseErrorKind as Kind;
    matches!(kind, Kind::Io | Kind::Corrupt | Kind::CannotOpen)
}

/// Faults that a file has after it was found: not a matter of its name and its permissions.
fn is_of_the_disk(code: &ffi::Error) -> bool {
    matches!(
        code.code,
        ErrorCode::DiskFull
            | ErrorCode::SystemIoFailure
            | ErrorCode::DatabaseCorrupt
            | ErrorCode::OutOfMemory
    )
}

fn database(code: &ffi::Error, message: String, sql: &str) -> DatabaseError {
    let (kind, advice) = (kind(code), advice(code, &message));
    let code = code.extended_code.to_string();
    DatabaseError { kind, message, code, sql: sql.to_owned(), file: None, advice }
}

fn kind(code: &ffi::Error) -> DatabaseErrorKind {
    use DatabaseErrorKind as Kind;
    match code.code {
        // Of the protocol: many opened, recovered or closed the file at once, and this one was overtaken again and again.
        ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked | ErrorCode::FileLockingProtocolFailed => {
            Kind::Busy
        }
        ErrorCode::DiskFull => Kind::DiskFull,
        // A new log needs a file of shared memory, and SQLite makes it as large as it will be.
        ErrorCode::SystemIoFailure if code.extended_code == ffi::SQLITE_IOERR_SHMSIZE => Kind::DiskFull,
        ErrorCode::SystemIoFailure if code.extended_code == ffi::SQLITE_IOERR_NOMEM => Kind::OutOfMemory,
        ErrorCode::SystemIoFailure => Kind::Io,
        ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => Kind::Corrupt,
        ErrorCode::ReadOnly if code.extended_code == ffi::SQLITE_READONLY_DBMOVED => Kind::FileReplaced,
        ErrorCode::ReadOnly => Kind::ReadOnly,
        ErrorCode::CannotOpen | ErrorCode::PermissionDenied => Kind::CannotOpen,
        ErrorCode::OutOfMemory => Kind::OutOfMemory,
        _ => Kind::Statement,
    }
}

fn advice(code: &ffi::Error, message: &str) -> Option<String> {
    let advice = if message.starts_with("no such table") {
        "create it with `engine.create_all(&schema![..])`, or check the file that the URL names"
    } else if message.starts_with("no such column") || message.contains("has no column named") {
        "the table differs from the entity: add the column with ALTER TABLE, or create the table anew"
    } else if code.extended_code == ffi::SQLITE_BUSY_SNAPSHOT {
        "this transaction read before another one wrote, so it can no longer write: roll it back and try again, with \
         BEGIN IMMEDIATE where it is a BEGIN of your own"
    } else {
        match kind(code) {
            DatabaseErrorKind::ReadOnly => {
                "this connection only reads: open the engine without `mode=ro`, and run writes as inserts, updates or deletes"
            }
            DatabaseErrorKind::Busy => {
                "another connection holds the lock: try again, keep transactions short, or raise `busy_timeout`"
            }
            DatabaseErrorKind::DiskFull => {
                "free some space, or raise `max_page_count` where it is set; then send the same work again"
            }
            DatabaseErrorKind::Io => {
                "look at the disk, its limits and the system's log; then send the same work again"
            }
            DatabaseErrorKind::Corrupt => {
                "stop writing, keep a copy of the file with its `-wal`, and restore a backup, or save what can be read \
                 with `sqlite3 .recover`"
            }
            DatabaseErrorKind::CannotOpen => {
                "look whether the directory is there, may be written by this process, and has files to spare"
            }
            DatabaseErrorKind::OutOfMemory => "free some memory, or do less in one statement",
            _ => return None,
        }
    };
    Some(advice.to_owned())
}

/// `UNIQUE constraint failed: users.email, users.name` and its kin.
fn constraint(code: i32, message: &str, sql: &str) -> Option<ConstraintError> {
    let kind = match code {
        ffi::SQLITE_CONSTRAINT_UNIQUE | ffi::SQLITE_CONSTRAINT_PRIMARYKEY | ffi::SQLITE_CONSTRAINT_ROWID => {
            ConstraintKind::Unique
        }
        ffi::SQLITE_CONSTRAINT_NOTNULL => ConstraintKind::NotNull,
        ffi::SQLITE_CONSTRAINT_CHECK => ConstraintKind::Check,
        ffi::SQLITE_CONSTRAINT_FOREIGNKEY => ConstraintKind::ForeignKey,
        // RESTRICT is carried out by a trigger of SQLite's own.
        ffi::SQLITE_CONSTRAINT_TRIGGER if message == "FOREIGN KEY constraint failed" => {
            ConstraintKind::ForeignKey
        }
        // A trigger's RAISE, a virtual table: the message is all there is.
        _ => return None,
    };
    let named = message.split_once(" constraint failed: ").map_or("", |(_, named)| named);
    let mut error = ConstraintError {
        kind,
        entity: None,
        key: None,
        table: None,
        columns: Vec::new(),
        constraint: None,
        message: message.to_owned(),
        sql: sql.to_owned(),
    };
    match (kind, named.strip_prefix("index ")) {
        (ConstraintKind::Check, _) => error.constraint = Some(named.to_owned()),
        // An index over expressions has no columns: SQLite gives its name.
        (_, Some(index)) => error.constraint = Some(index.trim_matches('\'').to_owned()),
        (_, None) => {
            for column in named.split(", ").filter(|column| !column.is_empty()) {
                let (table, column) = column.rsplit_once('.').unwrap_or(("", column));
                error.table = Some(table.to_owned()).filter(|table| !table.is_empty()).or(error.table);
                error.columns.push(column.to_owned());
            }
        }
    }
    Some(error)
}
