//! What only a PostgreSQL server shows: the messages on the wire, connections that break, and the server's own features.
//!
//! Its URL is `ANYORM_POSTGRES`, or that of a server on this machine that trusts its user. Where none answers, each test says
//! that it was skipped; with `ANYORM_POSTGRES_REQUIRED` set, it fails instead.

mod proxy;
mod support;
mod wired;

mod advisory;
mod cancelling;
mod copied_values;
mod copying;
mod copying_out;
mod dispatch;
mod dropped;
mod honesty;
mod hosts;
mod limits;
mod losing;
mod notifications;
mod pooling;
mod reads;
mod retries;
mod round_trips;
mod savepoints;
mod settings;
