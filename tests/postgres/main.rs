//! What only a PostgreSQL server shows: the messages on the wire, connections that break, and the server's own features.
//!
//! Without a server the tests say that they are skipped, and pass; see `support`.

mod cancelling;
mod honesty;
mod limits;
mod losing;
mod pooling;
mod proxy;
mod round_trips;
mod support;
