//! One file per risk. Futures are driven by a bare `block_on` and by an executor of several threads.

mod bridge;
mod cancel;
mod deterministic;
/// The entities of orm-core's own tests, so that its SQL also meets a database.
#[allow(dead_code, unused_imports, reason = "these tests use some of them")]
#[path = "../../../orm-core/tests/sql/entities.rs"]
mod entities;
mod errors;
mod faulty;
mod in_line;
mod inline;
mod leaks;
mod limits;
mod list;
mod looking;
mod open_flags;
mod panic;
mod pool;
mod program;
mod send;
mod setup;
mod stream;
mod support;
mod transaction;
mod typed;
mod url;
mod wakers;
mod workers;
