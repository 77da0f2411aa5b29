//! What was sent: every statement with its rows, and every trip to the database, on a worker thread or inline.

use std::sync::{Mutex, MutexGuard, PoisonError};

use anyorm::POSTGRES;
use anyorm::observe::{Observer, StatementEvent};

/// A log of statements and trips.
#[derive(Debug, Default)]
pub struct Recorder {
    log: Mutex<Log>,
}

#[derive(Debug, Default)]
struct Log {
    hops: usize,
    inline: usize,
    statements: Vec<(String, u32)>,
    /// Whether the transaction is open that a query with its relations has on PostgreSQL.
    loading: bool,
}

impl Recorder {
    /// Forgets what was sent so far.
    pub fn clear(&self) {
        *self.log() = Log::default();
    }

    /// How many jobs went to the database since the log was cleared: to a worker thread, or, under `Dispatch::Auto`, inline.
    /// Where there is one of them under one dispatch, there is one under the other.
    pub fn hops(&self) -> usize {
        let log = self.log();
        log.hops + log.inline
    }

    /// How many of them ran inline.
    pub fn inline(&self) -> usize {
        self.log().inline
    }

    /// The SQL of each statement since the log was cleared, BEGIN and COMMIT included, without quotes around names. Those
    /// around a query with its relations are left out, which are for PostgreSQL alone.
    pub fn statements(&self) -> Vec<String> {
        unframed(&self.log().statements).map(|(sql, _)| plain(sql)).collect()
    }

    /// How many transactions were begun, also those that only keep several reads in one state.
    pub fn transactions(&self) -> usize {
        self.log().statements.iter().filter(|(sql, _)| sql.starts_with("BEGIN")).count()
    }

    /// As [`statements`](Self::statements), each with the number of its parameter rows: `INSERT .. x3`.
    pub fn batches(&self) -> Vec<String> {
        unframed(&self.log().statements).map(|(sql, rows)| format!("{} x{rows}", plain(sql))).collect()
    }

    fn log(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The transaction that PostgreSQL needs for several reads of one state, where one of SQLite would see what it sees without.
const ONE_STATE: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

/// The statements without those transactions.
fn unframed(statements: &[(String, u32)]) -> impl Iterator<Item = &(String, u32)> {
    let mut is_open = false;
    statements.iter().filter(move |(sql, _)| match sql.as_str() {
        ONE_STATE => {
            is_open = true;
            false
        }
        "COMMIT" | "ROLLBACK" => !std::mem::take(&mut is_open),
        _ => true,
    })
}

/// A statement in the words that all databases have in common, as far as they differ in words only: `?` for a placeholder,
/// BEGIN for whatever begins a transaction, `IN (..)` for a list however it is sent, and no RETURNING of a generated key.
fn plain(sql: &str) -> String {
    let sql = sql.replace('"', "");
    if sql.starts_with("BEGIN") {
        return "BEGIN".to_owned();
    }
    let numbered = without_numbers(&sql);
    let listed = without_lists(&numbered);
    match listed.strip_suffix(" RETURNING id") {
        Some(insert) if insert.starts_with("INSERT") => insert.to_owned(),
        _ => listed,
    }
}

/// `$1` as `?`.
fn without_numbers(sql: &str) -> String {
    let mut plain = String::with_capacity(sql.len());
    let mut rest = sql.chars().peekable();
    while let Some(character) = rest.next() {
        if character != '$' || !rest.peek().is_some_and(char::is_ascii_digit) {
            plain.push(character);
            continue;
        }
        while rest.next_if(char::is_ascii_digit).is_some() {}
        plain.push('?');
    }
    plain
}

/// `IN (?, ?)` and `= ANY(?)` as `IN (..)`.
fn without_lists(sql: &str) -> String {
    let sql = sql.replace("= ANY(?)", "IN (?)");
    let mut plain = String::with_capacity(sql.len());
    let mut rest = sql.as_str();
    while let Some(at) = rest.find("IN (?") {
        let (before, list) = rest.split_at(at + 4);
        let end = list.find(|c| !matches!(c, '?' | ',' | ' ')).unwrap_or(list.len());
        plain.push_str(before);
        plain.push_str("..");
        rest = &list[end..];
    }
    plain.push_str(rest);
    plain
}

impl Observer for Recorder {
    fn hop(&self) {
        self.log().hops += 1;
    }

    fn inline(&self) {
        self.log().inline += 1;
    }

    fn statement(&self, event: &StatementEvent<'_>) {
        let mut log = self.log();
        match event.sql {
            sql if POSTGRES.begin_loads == Some(sql) => log.loading = true,
            "COMMIT" | "ROLLBACK" if log.loading => log.loading = false,
            sql => log.statements.push((sql.to_owned(), event.rows)),
        }
    }
}
