//! As many connections as everybody has, each on a thread of its own.

use std::path::Path;

use sqlite_bench_common::{CONNECTIONS, Fault};
use tokio_rusqlite::Connection;

/// Connections, the first of which is used: whoever has one keeps it.
#[derive(Clone)]
pub(crate) struct Pool(Vec<Connection>);

impl Pool {
    pub(crate) async fn open(file: &Path) -> Result<Self, Fault> {
        let mut connections = Vec::with_capacity(CONNECTIONS);
        for _ in 0..CONNECTIONS {
            connections.push(Connection::from(crate::by_hand::open(file)?));
        }
        Ok(Self(connections))
    }

    /// The tasks share the connections among them.
    pub(crate) fn of_task(&self, task: usize) -> Self {
        Self(vec![self.0[task % self.0.len()].clone()])
    }

    pub(crate) async fn hold(&self) -> Result<Self, Fault> {
        Ok(self.of_task(0))
    }

    pub(crate) async fn call<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut rusqlite::Connection) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, Fault> {
        self.0[0].call_raw(work).await?
    }
}
