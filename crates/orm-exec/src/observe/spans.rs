//! Spans of the crate `tracing`: with the feature of that name, and nothing at all without it.
//!
//! | span | around | fields of its own |
//! |---|---|---|
//! | `anyorm.acquire` | the wait for a connection | `wait_us` |
//! | `anyorm.statement` | a statement on its worker thread | `db.*`, `hop_us` |
//! | `anyorm.flush` | a flush that writes something | `inserted`, `updated`, `deleted`, `links` |
//! | `anyorm.commit` | a commit, with the flush before it | |
//!
//! A job takes the subscriber and the current span of the task that sends it along, so that spans on the worker thread are
//! children of that span, also where the subscriber is that of one thread.

#[cfg(feature = "tracing")]
#[path = "spans/on.rs"]
mod imp;

#[cfg(not(feature = "tracing"))]
#[path = "spans/off.rs"]
mod imp;

pub use imp::Span;
pub(super) use imp::{Caller, StatementSpan, warn_repeated};
