//! SQLite's errors as ours.

use std::path::Path;
use std::sync::Arc;

use orm_core::Error;
use orm_core::error::{ConstraintError, ConstraintKind, DatabaseError};
use rusqlite::ErrorCode;
use rusqlite::ffi;

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
                message: other.to_string(),
                code: "driver".to_owned(),
                sql: sql.to_owned(),
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
        ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => {
            return Error::Busy(Arc::new(database(code, message, sql)));
        }
        ErrorCode::OperationInterrupted => return Error::Interrupted,
        _ => {}
    }
    Error::Database(Arc::new(database(code, message, sql)))
}

/// The error of a file that cannot be opened.
#[cold]
pub(super) fn open_error(error: &rusqlite::Error, path: &Path) -> Error {
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
        (Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked), _) => {
            format!("{shown} is locked by another process: wait until it is done, or raise `?busy_timeout=`")
        }
        (Some(ErrorCode::CannotOpen | ErrorCode::PermissionDenied | ErrorCode::ReadOnly), _) => {
            format!(
                "{shown} may not be read or written by this process ({error}): change its permissions, or open it with `?mode=ro`"
            )
        }
        _ => format!("{shown}: {error}"),
    };
    Error::configuration(reason)
}

fn database(code: &ffi::Error, message: String, sql: &str) -> DatabaseError {
    let advice = advice(code, &message);
    DatabaseError { message, code: code.extended_code.to_string(), sql: sql.to_owned(), advice }
}

fn advice(code: &ffi::Error, message: &str) -> Option<String> {
    let advice = if message.starts_with("no such table") {
        "create it with `engine.create_all(&schema![..])`, or check the file that the URL names"
    } else if message.starts_with("no such column") || message.contains("has no column named") {
        "the table differs from the entity: add the column with ALTER TABLE, or create the table anew"
    } else {
        match code.code {
            ErrorCode::ReadOnly => {
                "this connection only reads: open the engine without `mode=ro`, and run writes as inserts, updates or deletes"
            }
            ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => {
                "another connection holds the lock: try again, keep transactions short, or raise `busy_timeout`"
            }
            ErrorCode::DiskFull => "free some space",
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
