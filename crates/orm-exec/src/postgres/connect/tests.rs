//! Connecting: to servers that are not there, to false ones, and to a real one.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::pin::Pin;
use std::thread;
use std::time::{Duration, Instant};

use futures_lite::FutureExt as _;
use futures_lite::future::block_on;
use orm_core::Error;
use orm_core::error::DatabaseErrorKind;

use super::{Connected, connect};
use crate::postgres::options::PostgresOptions;

const PASSWORD: &str = "correct horse";

fn options(url: &str) -> PostgresOptions {
    let (options, rest) = PostgresOptions::parse(url, &|_| None).unwrap();
    assert_eq!(rest, []);
    options
}

fn refused(url: &str) -> Error {
    let error = block_on(connect(&options(url))).map(|_| ()).unwrap_err();
    for text in [error.to_string(), format!("{error:?}"), format!("{:?}", options(url))] {
        assert!(!text.contains("horse"), "a password in {text}");
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

/// A server of these tests: what it does with its first connection.
fn server(serve: impl FnOnce(TcpStream) + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || serve(listener.accept().unwrap().0));
    address.to_string()
}

/// The real one, if there is one.
fn real() -> Option<String> {
    let url = std::env::var("ANYORM_POSTGRES").ok();
    let url = url.unwrap_or_else(|| "postgres://postgres@127.0.0.1:5432/test".into());
    match block_on(connect(&options(&url))) {
        Ok(_) => Some(url),
        Err(error) if std::env::var_os("ANYORM_POSTGRES_REQUIRED").is_some() => panic!("{error}"),
        Err(error) => {
            eprintln!("skipped, for there is no PostgreSQL: {error}");
            None
        }
    }
}

#[test]
fn a_server_answers() {
    let Some(url) = real() else { return };
    let mut connected = block_on(connect(&options(&url))).unwrap();
    assert_eq!((connected.wire.status(), connected.wire.ready()), (b'I', 1));
    assert_eq!(ask(&mut connected, "SELECT 1"), ["1"]);
    assert_eq!(connected.wire.last_tag().as_str(), "SELECT 1");
    ask(&mut connected, "BEGIN");
    assert_eq!((connected.wire.status(), connected.wire.ready()), (b'T', 3));
    ask(&mut connected, "COMMIT");
    assert_eq!(connected.wire.last_tag().as_str(), "COMMIT");
    assert_eq!(connected.wire.sent(b'Q'), 3);
}
