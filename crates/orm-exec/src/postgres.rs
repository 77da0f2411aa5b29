//! PostgreSQL, by tokio-postgres without its runtime.
//!
//! | file | what it does |
//! |---|---|
//! | `connection` | polls the socket next to a program; cancels, rolls back, says goodbye |
//! | `run` | a program in as few round trips as its keys and checks allow |
//! | `request` | one statement on its way |
//! | `link`, `statements` | what a connection has learned: other forms of statements, prepared ones |
//! | `parameters`, `row`, `codec` | values on their way in and out |
//! | `find_row`, `error` | PostgreSQL's errors as ours |
//! | `listen` | a connection that listens, opened again when it breaks |
//! | `cancel` | which job is to stop |
//! | `options`, `password_file` | what a URL and the environment say, and `.pgpass` |
//! | `connect`, `target` | host by host, until one lets us in and is what it should be |
//! | `socket`, `tls`, `stream` | addresses, certificates, and what messages go through |
//! | `wire` | what tokio-postgres reads and writes: it notes what tokio-postgres drops |
//! | `failure` | what went wrong on the way in, whether it may pass, what to do |
//! | `canceller` | stops the statement of a connection, over another one |

mod cancel;
mod codec;
mod connection;
mod error;
mod find_row;
mod link;
mod listen;
mod parameters;
mod request;
mod row;
mod run;
mod statements;
mod turn;

mod canceller;
mod connect;
mod failure;
mod options;
mod password_file;
mod socket;
mod stream;
mod target;
mod tls;
mod wire;

use std::sync::Arc;
use std::time::Duration;

use orm_core::{Dialect, POSTGRES, Result};

use crate::driver::{Access, Answer, Connect, DriverConnection, Runs};
use crate::notifications::Mailbox;
use crate::observe::Telemetry;
use connection::PostgresConnection;
pub(crate) use options::{KNOWN_OPTIONS, PostgresOptions};

/// After so long in the pool a connection is asked whether it is still there: firewalls and servers close what is idle. A
/// question at each use would cost a round trip at each use.
const PING_AFTER: Duration = Duration::from_secs(30);

/// Opens connections to one PostgreSQL database.
#[derive(Debug)]
pub(crate) struct PostgresConnector {
    options: PostgresOptions,
}

impl PostgresConnector {
    pub(crate) fn new(options: PostgresOptions) -> Self {
        Self { options }
    }

    async fn open(&self, telemetry: Arc<Telemetry>) -> Result<Box<dyn DriverConnection>> {
        let connected = connect::connect(&self.options).await?;
        Ok(Box::new(PostgresConnection::new(connected, telemetry, self.options.statement_cache)))
    }
}

impl Connect for PostgresConnector {
    fn dialect(&self) -> &'static Dialect {
        &POSTGRES
    }

    fn runs(&self) -> Runs {
        Runs::OnSockets
    }

    fn connect(
        &self,
        _access: Access,
        telemetry: Arc<Telemetry>,
    ) -> Answer<'_, Result<Box<dyn DriverConnection>>> {
        Box::pin(self.open(telemetry))
    }

    fn listen(&self, channels: Arc<[String]>, mailbox: Arc<Mailbox>) -> bool {
        crate::sockets::spawn(listen::listen(self.options.clone(), channels, mailbox));
        true
    }

    fn ping_after(&self) -> Option<Duration> {
        Some(PING_AFTER)
    }
}
