//! Connecting: to a real server, to one with TLS, and to false ones.

#![allow(clippy::print_stderr, reason = "a test that is skipped says so")]

mod false_servers;
mod tls;

use std::pin::Pin;
use std::time::{Duration, Instant};

use futures_lite::FutureExt as _;
use futures_lite::future::block_on;
use orm_core::Error;
use orm_core::error::DatabaseErrorKind;

use super::{Connected, connect};
use crate::postgres::options::PostgresOptions;

pub(in crate::postgres) fn options(url: &str) -> PostgresOptions {
    let (options, rest) = PostgresOptions::parse(url, &|_| None).unwrap();
    assert_eq!(rest, []);
    options
}

fn refused(url: &str) -> Error {
    let error = block_on(connect(&options(url))).map(|_| ()).unwrap_err();
    for text in [error.to_string(), format!("{error:?}"), format!("{:?}", options(url))] {
        assert!(!text.contains("secret"), "a password in {text}");
    }
    error
}

fn cannot_connect(url: &str) -> String {
    let error = refused(url);
    assert_eq!(error.database().map(|error| error.kind), Some(DatabaseErrorKind::CannotConnect), "{error}");
    error.to_string()
}

fn is_configuration(url: &str) -> String {
    let error = refused(url);
    assert!(matches!(error, Error::Configuration(_)), "{error:?}");
    error.to_string()
}

/// Runs a query, and the connection meanwhile.
fn ask(connected: &mut Connected, sql: &str) -> Vec<String> {
    let Connected { client, connection, .. } = connected;
    let rows = async { client.simple_query(sql).await };
    let drive = async { panic!("the connection ended: {:?}", Pin::new(connection).await) };
    let messages = block_on(rows.or(drive)).unwrap();
    let mut values = Vec::new();
    for message in messages {
        if let tokio_postgres::SimpleQueryMessage::Row(row) = message {
            values.push(row.get(0).unwrap_or("NULL").to_owned());
        }
    }
    values
}

/// The code that the server refuses it with.
fn fails(connected: &mut Connected, sql: &str) -> String {
    let Connected { client, connection, .. } = connected;
    let rows = async { client.simple_query(sql).await.map(|_| ()) };
    let drive = async { panic!("the connection ended: {:?}", Pin::new(&mut *connection).await) };
    let error = block_on(rows.or(drive)).unwrap_err();
    // The error may come before the server is ready again: what is sent now is answered after that.
    let more = async { client.batch_execute("").await.unwrap() };
    let drive = async { panic!("the connection ended: {:?}", Pin::new(connection).await) };
    block_on(more.or(drive));
    error.code().unwrap().code().to_owned()
}

/// The real one, if there is one.
pub(in crate::postgres) fn real() -> Option<String> {
    let url = std::env::var("ANYORM_POSTGRES").ok();
    let url = url.unwrap_or_else(|| "postgres://postgres@127.0.0.1:5432/test".into());
    match block_on(connect(&options(&url))) {
        Ok(_) => Some(url),
        Err(error) if is_required() => panic!("{error}"),
        Err(error) => {
            eprintln!("skipped, for there is no PostgreSQL: {error}");
            None
        }
    }
}

/// Whether a test that finds no server is to fail.
fn is_required() -> bool {
    std::env::var_os("ANYORM_POSTGRES_REQUIRED").is_some()
}

#[test]
fn what_the_server_says_is_noted() {
    let Some(url) = real() else { return };
    let mut connected = block_on(connect(&options(&url))).unwrap();
    assert_eq!((connected.wire.status(), connected.wire.ready()), (b'I', 1));
    assert_eq!(ask(&mut connected, "SELECT 1"), ["1"]);
    assert_eq!(connected.wire.last_tag().as_str(), "SELECT 1");
    ask(&mut connected, "BEGIN");
    assert_eq!((connected.wire.status(), connected.wire.ready()), (b'T', 3));
    ask(&mut connected, "COMMIT");
    assert_eq!(connected.wire.last_tag().as_str(), "COMMIT");
    assert_eq!(connected.wire.asked(), 3);
}

#[test]
fn a_commit_that_is_answered_by_rollback_is_seen() {
    let Some(url) = real() else { return };
    let mut connected = block_on(connect(&options(&url))).unwrap();
    ask(&mut connected, "BEGIN");
    assert_eq!(fails(&mut connected, "SELECT 1/0"), "22012");
    assert_eq!(connected.wire.status(), b'E');
    ask(&mut connected, "COMMIT");
    assert_eq!((connected.wire.status(), connected.wire.last_tag().as_str()), (b'I', "ROLLBACK"));
}

#[test]
fn a_statement_is_cancelled() {
    let Some(url) = real() else { return };
    let mut connected = block_on(connect(&options(&url))).unwrap();
    let canceller = connected.canceller.clone();
    let cancelled = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(200));
        block_on(canceller.cancel())
    });
    let begun = Instant::now();
    assert_eq!(fails(&mut connected, "SELECT pg_sleep(30)"), "57014");
    assert!(begun.elapsed() < Duration::from_secs(20));
    cancelled.join().unwrap().unwrap();
    // It is of use afterwards, and to cancel nothing does no harm.
    block_on(connected.canceller.cancel()).unwrap();
    assert_eq!(ask(&mut connected, "SELECT 1"), ["1"]);
}

#[test]
fn a_server_is_taken_for_what_it_can_do() {
    let Some(url) = real() else { return };
    let and = if url.contains('?') { '&' } else { '?' };
    for fits in ["any", "read-write", "primary", "prefer-standby"] {
        block_on(connect(&options(&format!("{url}{and}target_session_attrs={fits}")))).map(|_| ()).unwrap();
    }
    for fits_not in ["read-only", "standby"] {
        let told = cannot_connect(&format!("{url}{and}target_session_attrs={fits_not}"));
        assert!(told.contains("asks for"), "{told}");
    }
    // Settings of the session count.
    let settings = "options=-c%20default_transaction_read_only=on";
    let mut connected =
        block_on(connect(&options(&format!("{url}{and}{settings}&target_session_attrs=read-only")))).unwrap();
    assert_eq!(ask(&mut connected, "SHOW transaction_read_only"), ["on"]);
}

#[test]
fn settings_and_the_name_of_the_program_reach_the_server() {
    let Some(url) = real() else { return };
    let and = if url.contains('?') { '&' } else { '?' };
    let url = format!(
        "{url}{and}application_name=the%20shop&options=-c%20statement_timeout=12s&keepalives_idle=60"
    );
    let mut connected = block_on(connect(&options(&url))).unwrap();
    assert_eq!(ask(&mut connected, "SHOW application_name"), ["the shop"]);
    assert_eq!(ask(&mut connected, "SHOW statement_timeout"), ["12s"]);
}

#[test]
fn a_database_that_is_not_there_is_named_and_no_other_host_is_tried() {
    let Some(url) = real() else { return };
    let host = options(&url).hosts[0].to_string();
    let user = options(&url).user;
    let told = is_configuration(&format!("postgres://{user}@{host},127.0.0.1:1/nowhere"));
    assert!(told.contains("database \"nowhere\" does not exist (code 3D000)"), "{told}");
    assert!(told.contains("createdb"), "{told}");
    assert!(!told.contains("refused"), "{told}");
}

#[test]
fn a_server_is_told_goodbye() {
    let Some(url) = real() else { return };
    let mut watching = block_on(connect(&options(&url))).unwrap();
    let mut connected = block_on(connect(&options(&url))).unwrap();
    let process = ask(&mut connected, "SELECT pg_backend_pid()").remove(0);
    drop(connected);
    let sql = format!("SELECT count(*) FROM pg_stat_activity WHERE pid = {process}");
    let until = Instant::now() + Duration::from_secs(20);
    while ask(&mut watching, &sql) != ["0"] {
        assert!(Instant::now() < until, "the process of a connection that was dropped is still there");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn another_host_is_tried() {
    let Some(url) = real() else { return };
    let PostgresOptions { hosts, user, database, .. } = options(&url);
    let url = format!("postgres://{user}@127.0.0.1:1,{}/{database}", hosts[0]);
    let connected = block_on(connect(&options(&url))).unwrap();
    assert_eq!(connected.place, format!("postgres://{}/{database}", hosts[0]));
    for _ in 0..4 {
        block_on(connect(&options(&format!("{url}?load_balance_hosts=random")))).map(|_| ()).unwrap();
    }
}
