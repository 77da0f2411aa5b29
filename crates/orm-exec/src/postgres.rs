//! PostgreSQL.

#[allow(dead_code, reason = "the driver is not there yet")]
mod codec;
