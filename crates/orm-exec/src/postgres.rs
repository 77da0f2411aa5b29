//! PostgreSQL: from a URL to an open connection, without a runtime.
//!
//! | module | what it holds |
//! |---|---|
//! | `options` | what a URL and the environment say |
//! | `password_file` | `.pgpass` |
//! | `socket` | names to addresses, addresses to sockets that never block |
//! | `tls` | the request for TLS, certificates, channel binding |
//! | `wire` | what tokio-postgres reads and writes: it watches what passes |
//! | `connect` | all of it together, host by host |
//! | `target` | whether it is the kind of server that was asked for |
//! | `failure` | what went wrong, whether it may pass, what to do |
//! | `canceller` | stops the statement of a connection, over another one |

#![allow(dead_code)]

mod canceller;
mod connect;
mod failure;
mod options;
mod password_file;
mod socket;
mod target;
mod wire;
