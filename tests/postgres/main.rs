//! What an application on PostgreSQL expects, against a server.
//!
//! Its URL is `ANYORM_POSTGRES`, or that of a server on this machine that trusts its user. Where none answers, each test says
//! that it was skipped; with `ANYORM_POSTGRES_REQUIRED` set, it fails instead.

mod support;

mod advisory;
mod dropped;
mod reads;
mod settings;
