//! Every public async call, dropped at every one of its polls and at random moments, on every backend, under every
//! executor; after each drop, what `docs/cancellation.md` says of it is looked at.
//!
//! A guard holds the names here to that page, and the page to the sources: a new async call without a case fails it.
//!
//! ```text
//! cargo test -p anyorm-tests --test cancellation               all, and how many drops each call has seen
//! cargo test -p anyorm-tests --test cancellation -- session    those whose name contains the word
//! ```

mod bank;
mod bridge;
mod closures;
mod connection;
mod engine;
mod hooks;
mod moments;
mod operation;
mod read_session;
mod sandbox;
mod savepoint;
mod session;
mod session_transaction;
mod streams;
mod tally;
mod transaction;
mod waiting;

use std::process::ExitCode;

use orm_testkit::Behaviour;

const ALL: &[&[Behaviour]] = &[
    bridge::CASES,
    closures::CASES,
    connection::CASES,
    engine::CASES,
    hooks::CASES,
    operation::CASES,
    read_session::CASES,
    sandbox::CASES,
    savepoint::CASES,
    session::CASES,
    session_transaction::CASES,
    streams::CASES,
    transaction::CASES,
    waiting::CASES,
];

fn main() -> ExitCode {
    let passed = orm_testkit::main(&ALL.concat());
    // With a filter, or where something failed, the count says little.
    let all = std::env::args().len() == 1 && passed == ExitCode::SUCCESS;
    if tally::print() || !all { passed } else { ExitCode::FAILURE }
}
