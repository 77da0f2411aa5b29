//! The async edge of anyorm: everything that does I/O.
//!
//! Users depend on the facade crate `anyorm`, which re-exports what they need from here.
//!
//! | module | what it holds |
//! |---|---|
//! | [`bridge`] | blocking code from async code |
//! | [`Engine`], [`EngineBuilder`] | one database: its pool of connections, and verbs on it |
//! | [`Connection`], [`Transaction`], [`Savepoint`] | guards on one connection, with the same verbs |
//! | [`Notifications`] | what the programs of a database tell each other |
//! | [`AdvisoryLock`] | a lock that the programs of a database agree on |
//! | [`Sandbox`] | an engine inside one transaction, for tests |
//! | [`Operation`] | the future that every verb returns |
//! | [`observe`] | seeing what is sent |
//! | [`driver`] | what a database driver does |
//!
//! # What runs where
//! A call is compiled to a program on the task that makes it. The program, the connection and a sink for the rows move
//! to a worker thread as one job, and come back as one answer: one hop. Rows are decoded on the worker. Nothing here
//! needs a runtime to be entered, and every future is `Send`.
//!
//! # What a dropped future leaves behind
//! | future | state | left behind |
//! |---|---|---|
//! | any | never polled | nothing happened |
//! | any | waiting for a connection | nothing happened; the next in line goes on |
//! | a verb of [`Engine`] | its job waits for a thread | nothing happened |
//! | | its job runs | the statement is interrupted and rolled back, unless it had finished |
//! | a verb of [`Connection`] | its job runs | as above; the guard takes a fresh connection for its next call |
//! | a verb of [`Transaction`], [`Savepoint`] | its job was sent | the whole transaction is rolled back; later calls say so |
//! | `commit` | its job runs | committed or rolled back: not known |
//! | `rollback`, a dropped guard | any | rolled back, on a worker thread |
//! | a stream | its rows are on their way | the statement is stopped; a transaction around it stays open, unless its BEGIN or SAVEPOINT was under way |
//! | [`bridge::run_sync`] | its closure runs | the closure runs to its end, abandoned, unless it is told to wait |
//!
//! In no case is a connection lost, or handed out inside a transaction. `docs/cancellation.md` has a row for each call.

pub mod bridge;
pub mod driver;
pub mod observe;

mod advisory;
mod answers;
mod batch;
mod clock;
mod connection;
mod engine;
mod job;
mod notifications;
mod operation;
mod panic;
mod pool;
#[cfg(feature = "postgres")]
mod postgres;
mod sandbox;
#[cfg(feature = "postgres")]
mod sockets;
pub mod sqlite;
mod stream;
mod sync;
mod timer;
mod transaction;
mod url;
mod verbs;

pub use advisory::{AdvisoryKey, AdvisoryLock};
pub use batch::Batch;
#[doc(hidden)]
pub use clock::Clock;
pub use connection::Connection;
pub use driver::Access;
pub use engine::{Engine, EngineBuilder};
pub use job::{Job, JobOutput};
#[doc(hidden)]
pub use notifications::notifying;
pub use notifications::{Notice, Notification, Notifications};
pub use observe::{Observer, Parameters, StatementEvent};
#[doc(hidden)]
pub use observe::{Span, Telemetry};
pub use operation::Operation;
pub use orm_core::Dispatch;
pub use pool::{Closed, HeldConnection, Lease, Statistics};
#[doc(no_inline)]
pub use rusqlite;
pub use sandbox::Sandbox;
pub use sqlite::{JournalMode, OpenMode, Synchronous};
pub use stream::{NextRow, RowStream};
#[doc(hidden)]
pub use timer::sleep;
pub use transaction::{Savepoint, Transaction};
