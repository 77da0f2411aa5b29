//! Every behaviour of anyorm once, run under every executor and on every backend.
//!
//! A behaviour is an `async fn(Database) -> anyorm::Result<()>`. A test binary without libtest's harness lists its
//! behaviours and hands them to [`main`], which runs each one on a fresh database for each pair of [`Backend`] and
//! [`Executor`], and prints how many passed under each.
//!
//! ```
//! use anyorm::prelude::*;
//! use orm_testkit::{Backend, Database, Executor, behaviours, run};
//!
//! async fn one_is_one(db: Database) -> anyorm::Result<()> {
//!     let one: i64 = db.engine.scalar(sql("SELECT 1").returning::<i64>()).await?;
//!     assert_eq!(one, 1);
//!     assert_eq!(db.log.hops(), 1);
//!     Ok(())
//! }
//!
//! let [behaviour] = behaviours![one_is_one];
//! run(&behaviour, Backend::Memory, Executor::FuturesLite).unwrap();
//! ```
//!
//! - [`Database::log`] has the statements and the hops, to be asserted.
//! - Databases differ: [`Capability`] has all the ways in which a behaviour may, and the others are the same everywhere.
//! - [`step`] drops a future at its n-th poll, [`stop`] at each of its polls.

mod backend;
mod capability;
mod dialects;
mod executor;
mod harness;
mod panics;
mod recorder;
mod server;
pub mod step;
pub mod stop;

pub use backend::{Backend, Database};
pub use capability::Capability;
pub use executor::Executor;
pub use harness::{Behaviour, main, run};
pub use recorder::Recorder;
