//! PostgreSQL's errors as ours: by the class of their SQLSTATE.

use std::sync::Arc;

use orm_core::Error;
use orm_core::error::{ConstraintError, ConstraintKind, DatabaseError, DatabaseErrorKind};
use tokio_postgres::error::{DbError, ErrorPosition, Severity};

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
pub(super) fn is_lost(error: &tokio_postgres::Error) -> bool {
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

/// A statement that was ended from here: as the server says it of one that was cancelled.
pub(super) fn stopped(sql: &str) -> Error {
    Error::Database(Arc::new(DatabaseError {
        kind: DatabaseErrorKind::Statement,
        message: "it was stopped".to_owned(),
        code: "57014".to_owned(),
        sql: sql.to_owned(),
        file: None,
        advice: None,
    }))
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
    // By the place in the server's code: its words may be of any language.
    if code == SYNTAX_ERROR && error.routine() == Some("exec_parse_message") {
        return Error::build(format!(
            "one call runs one statement, and this text has several: run them one by one\n  in: {sql}"
        ));
    }
    let near = error.position().filter(|_| code == SYNTAX_ERROR).and_then(|position| near(position, sql));
    let place = near.map_or_else(String::new, |near| format!(", at `{near}`"));
    let kind = kind_of(code);
    let advice: Vec<&str> = advice_of(code).into_iter().chain(error.hint()).collect();
    let database = Arc::new(DatabaseError {
        kind,
        message: told(error) + &place,
        code: code.to_owned(),
        sql: sql.to_owned(),
        file: None,
        advice: (!advice.is_empty()).then(|| advice.join("; ")),
    });
    match kind {
        DatabaseErrorKind::Busy => Error::Busy(database),
        _ => Error::Database(database),
    }
}

/// The only error whose place is looked up: text that the caller wrote is sent as it stands, others may have another form.
const SYNTAX_ERROR: &str = "42601";

/// The text at a place, which is counted in characters from 1. None at its end.
fn near(position: &ErrorPosition, sql: &str) -> Option<String> {
    let ErrorPosition::Original(position) = position else { return None };
    let near: String = sql.chars().skip((*position as usize).saturating_sub(1)).take(20).collect();
    Some(near).filter(|near| !near.is_empty())
}

fn kind_of(code: &str) -> DatabaseErrorKind {
    use DatabaseErrorKind as Kind;
    match code {
        // A serialization failure, a deadlock, a lock that NOWAIT or lock_timeout did not wait for.
        "40001" | "40P01" | "55P03" => Kind::Busy,
        "25006" => Kind::ReadOnly,
        "53100" => Kind::DiskFull,
        "53200" => Kind::OutOfMemory,
        "58030" => Kind::Io,
        "XX001" | "XX002" => Kind::Corrupt,
        _ => Kind::Statement,
    }
}

/// What to do next, where the server's own hint does not say it.
fn advice_of(code: &str) -> Option<&'static str> {
    Some(match code {
        "08P01" => "bind one value for each placeholder",
        "22021" | "22P05" => "the text does not fit the encoding of the database",
        "25006" => {
            "this transaction, or this server, only reads: begin one that may write, or connect to the primary with \
             `target_session_attrs=read-write`"
        }
        "25P02" => "an earlier statement of this transaction failed: roll it back",
        "40001" | "40P01" => "the transaction is to be tried again from its beginning",
        "42501" => "connect as a role that may do it, or let the owner GRANT it",
        "42703" => {
            "the table differs from the entity: add the column with ALTER TABLE, or create the table anew"
        }
        "42P01" => "create it with `engine.create_all(&schema![..])`, or look at the search path",
        "42P18" => "say of which type the parameter is: `CAST(? AS BIGINT)`",
        "53100" => "free some space where the server keeps its data; then send the same work again",
        "53200" => "do less in one statement, or give the server more memory",
        "55P03" => "somebody else has the lock: try again",
        "57014" => "it was cancelled, or took longer than statement_timeout",
        "58030" => "look at the disk and the log of the server; then send the same work again",
        "XX001" | "XX002" => {
            "stop writing, keep a copy of the server's data directory, and restore a backup; its log says more"
        }
        _ => return None,
    })
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
        // They would be those of the other table.
        None if kind == ConstraintKind::ForeignKey && is_referred_to(error, sql) => Vec::new(),
        None => error.detail().and_then(key_of).map(|(columns, _)| columns).unwrap_or_default(),
    };
    Error::Constraint(Arc::new(ConstraintError {
        kind,
        entity: None,
        key: None,
        table: error.table().map(str::to_owned),
        columns,
        constraint: error.constraint().map(str::to_owned),
        message: told(error),
        sql: sql.to_owned(),
    }))
}

/// Whether it is about a row that others refer to, and not about one that is referred to and missing. Of both is told which
/// table refers, and in the detail which other table it is about.
fn is_referred_to(error: &DbError, sql: &str) -> bool {
    let (Some(table), Some(detail)) = (error.table(), error.detail()) else { return false };
    let other = detail.rsplit_once(')').map_or(detail, |(_, other)| other);
    let is_insert = sql.trim_start().get(..6).is_some_and(|word| word.eq_ignore_ascii_case("insert"));
    // Where a table refers to itself, words have to tell.
    names(other, table) && !is_insert && !error.message().starts_with("insert or update")
}

/// Whether a text has this name as a word of its own.
fn names(text: &str, name: &str) -> bool {
    let is_word = |character: char| character.is_alphanumeric() || character == '_';
    text.match_indices(name).any(|(at, _)| {
        !text[..at].chars().next_back().is_some_and(is_word)
            && !text[at + name.len()..].chars().next().is_some_and(is_word)
    })
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
    fn places_are_counted_in_characters() {
        let near = |position| near(&ErrorPosition::Original(position), "SELECT 'é' FORM t");
        assert_eq!(near(12).as_deref(), Some("FORM t"));
        assert_eq!(near(18), None);
        assert_eq!(near(0).as_deref(), Some("SELECT 'é' FORM t"));
    }

    #[test]
    fn names_are_whole_words() {
        assert!(names("is still referenced from table \"posts\".", "posts"));
        assert!(names("Tabelle »posts« verweist noch darauf.", "posts"));
        assert!(!names("is not present in table \"old_posts\".", "posts"));
    }

    #[test]
    fn keys_are_read_in_any_language() {
        let found = key_of("Key (author_id, \"Odd \"\"name\")=(1, a) b) already exists.");
        assert_eq!(found, Some((vec!["author_id".to_owned(), "Odd \"name".to_owned()], "1, a) b")));
        assert_eq!(key_of("Schlüssel »(id)=(1)« existiert bereits."), Some((vec!["id".to_owned()], "1")));
        assert_eq!(key_of("no key"), None);
        assert_eq!(row_of("Failing row contains (1, null, a (b))."), Some("1, null, a (b)"));
    }
}
