//! PostgreSQL's errors as ours: by the class of their SQLSTATE.

use std::sync::Arc;

use orm_core::Error;
use orm_core::error::{ConstraintError, ConstraintKind, DatabaseError, DatabaseErrorKind};
use tokio_postgres::error::{DbError, Severity};

/// The error of a statement. `place` is the server, for a connection that was lost.
pub(super) fn statement_error(error: &tokio_postgres::Error, sql: &str, place: &str) -> Error {
    match error.as_db_error() {
        Some(refused) if is_fatal(refused) => disconnected(&told(refused), refused.code().code(), sql, place),
        Some(refused) => refused_error(refused, sql),
        None if is_lost(error) => disconnected(&with_causes(error), "08006", sql, place),
        None if is_unsent(error) => Error::build(format!(
            "the protocol of PostgreSQL has no room for this statement: it takes 65,535 parameters, and 1 GB in all: \
             send it in parts ({})\n  in: {}",
            with_causes(error),
            sql.get(..1_000).unwrap_or(sql),
        )),
        None => Error::Database(Arc::new(DatabaseError {
            kind: DatabaseErrorKind::Statement,
            message: with_causes(error),
            code: "08P01".to_owned(),
            sql: sql.to_owned(),
            file: None,
            advice: None,
        })),
    }
}

/// Whether the connection is gone with this error.
fn is_lost(error: &tokio_postgres::Error) -> bool {
    let io = || std::error::Error::source(error).is_some_and(|cause| cause.is::<std::io::Error>());
    error.is_closed() || (io() && !is_unsent(error))
}

/// Whether the statement cannot be written as a message: it is too long, or has too many parameters.
fn is_unsent(error: &tokio_postgres::Error) -> bool {
    error.to_string().starts_with("error encoding message to server")
}

/// Whether the connection is gone with this error.
pub(super) fn is_disconnected(error: &Error) -> bool {
    error.database().is_some_and(|error| error.kind == DatabaseErrorKind::Disconnected)
}

/// Whether the server said why it ends the connection.
pub(super) fn is_ended_by_server(error: &tokio_postgres::Error) -> bool {
    error.as_db_error().is_some_and(is_fatal)
}

/// Whether a statement was cancelled: by whom, the server does not say.
pub(super) fn is_cancelled(error: &Error) -> bool {
    matches!(error, Error::Database(error) if error.code == "57014")
}

/// Whether a prepared statement does not fit any more: a table was changed under it.
pub(super) fn is_outdated(error: &Error) -> bool {
    let Error::Database(error) = error else { return false };
    // "cached plan must not change result type", and a statement that somebody deallocated.
    (error.code == "0A000" && error.message.contains("cached plan")) || error.code == "26000"
}

/// A connection that is gone: what was under way is rolled back by the server.
pub(super) fn disconnected(message: &str, code: &str, sql: &str, place: &str) -> Error {
    Error::Database(Arc::new(DatabaseError {
        kind: DatabaseErrorKind::Disconnected,
        message: format!("the connection to {place} was lost: {message}"),
        code: code.to_owned(),
        sql: sql.to_owned(),
        file: None,
        advice: Some(
            "what it had not committed is rolled back: begin again, another connection is opened then"
                .to_owned(),
        ),
    }))
}

fn is_fatal(error: &DbError) -> bool {
    matches!(error.parsed_severity(), Some(Severity::Fatal | Severity::Panic))
}

fn refused_error(error: &DbError, sql: &str) -> Error {
    let code = error.code().code();
    if let Some(kind) = constraint_of(code) {
        return constraint_error(error, kind, sql);
    }
    let (kind, advice) = kind_of(code);
    let database = Arc::new(DatabaseError {
        kind,
        message: told(error),
        code: code.to_owned(),
        sql: sql.to_owned(),
        file: None,
        advice: advice.map(str::to_owned).or_else(|| error.hint().map(str::to_owned)),
    });
    match kind {
        DatabaseErrorKind::Busy => Error::Busy(database),
        _ => Error::Database(database),
    }
}

fn kind_of(code: &str) -> (DatabaseErrorKind, Option<&'static str>) {
    use DatabaseErrorKind as Kind;
    match code {
        // A serialization failure, a deadlock, a lock that NOWAIT or lock_timeout did not wait for.
        "40001" | "40P01" => (Kind::Busy, Some("the transaction is to be tried again from its beginning")),
        "55P03" => (Kind::Busy, Some("somebody else has the lock: try again")),
        "25006" => (Kind::ReadOnly, None),
        "53100" => (Kind::DiskFull, None),
        "53200" => (Kind::OutOfMemory, None),
        "58030" => (Kind::Io, None),
        "XX001" | "XX002" => (Kind::Corrupt, None),
        "42P01" => {
            (Kind::Statement, Some("create it with `engine.create_all(..)`, or look at the search path"))
        }
        "57014" => (Kind::Statement, Some("it was cancelled, or took longer than statement_timeout")),
        "25P02" => (Kind::Statement, Some("an earlier statement of this transaction failed: roll it back")),
        "22021" | "22P05" => (Kind::Statement, Some("the text does not fit the encoding of the database")),
        _ => (Kind::Statement, None),
    }
}

fn constraint_of(code: &str) -> Option<ConstraintKind> {
    Some(match code {
        "23505" | "23P01" => ConstraintKind::Unique,
        "23503" | "23001" => ConstraintKind::ForeignKey,
        "23502" => ConstraintKind::NotNull,
        "23514" => ConstraintKind::Check,
        _ => return None,
    })
}

fn constraint_error(error: &DbError, kind: ConstraintKind, sql: &str) -> Error {
    let columns = match error.column() {
        Some(column) => vec![column.to_owned()],
        None => error.detail().and_then(key_of).map(|(columns, _)| columns).unwrap_or_default(),
    };
    Error::Constraint(Arc::new(ConstraintError {
        kind,
        entity: None,
        key: None,
        table: error.table().map(str::to_owned),
        // The columns of a row that is still referred to are those of the other table.
        columns,
        constraint: error.constraint().map(str::to_owned),
        message: told(error),
        sql: sql.to_owned(),
    }))
}

/// What a detail says of a key: `Key (a, b)=(1, x) already exists.`, in any language.
pub(super) fn key_of(detail: &str) -> Option<(Vec<String>, &str)> {
    let (before, after) = detail.split_once(")=(")?;
    let (_, columns) = before.split_once('(')?;
    let end = after.rfind(')')?;
    let columns = columns.split(", ").map(|column| column.trim_matches('"').replace("\"\"", "\"")).collect();
    Some((columns, &after[..end]))
}

/// The values of `Failing row contains (1, x, null).`, in any language.
pub(super) fn row_of(detail: &str) -> Option<&str> {
    let (start, end) = (detail.find('(')?, detail.rfind(')')?);
    detail.get(start + 1..end)
}

fn told(error: &DbError) -> String {
    match error.detail() {
        Some(detail) => format!("{}: {detail}", error.message()),
        None => error.message().to_owned(),
    }
}

fn with_causes(error: &dyn std::error::Error) -> String {
    let (mut text, mut cause) = (error.to_string(), error.source());
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_read_in_any_language() {
        let found = key_of("Key (author_id, \"Odd \"\"name\")=(1, a) b) already exists.");
        assert_eq!(found, Some((vec!["author_id".to_owned(), "Odd \"name".to_owned()], "1, a) b")));
        assert_eq!(key_of("Schlüssel »(id)=(1)« existiert bereits."), Some((vec!["id".to_owned()], "1")));
        assert_eq!(key_of("no key"), None);
        assert_eq!(row_of("Failing row contains (1, null, a (b))."), Some("1, null, a (b)"));
    }
}
