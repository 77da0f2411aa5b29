//! What only a PostgreSQL server shows: the messages on the wire, connections that break, and the server's own features.
//!
//! Its URL is `ANYORM_POSTGRES`, or that of a server on this machine that trusts its user. Where none answers, each test says
//! that it was skipped; with `ANYORM_POSTGRES_REQUIRED` set, it fails instead.

mod support;

mod advisory;
mod dropped;
mod notifications;
mod reads;
mod settings;

mod proxy;
mod wired;

mod cancelling;
mod honesty;
mod limits;
mod losing;
mod pooling;
mod round_trips;
