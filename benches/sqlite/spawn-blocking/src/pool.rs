//! As many connections as everybody has, each handed to one closure at a time.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::Connection;
use sqlite_bench_common::{CONNECTIONS, Fault};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

#[derive(Clone)]
pub(crate) struct Pool {
    idle: Arc<Mutex<Vec<Connection>>>,
    turns: Arc<Semaphore>,
}

/// A connection that goes back when nobody has it any more: the task, or the closure that it sent.
#[derive(Clone)]
pub(crate) struct Held(Arc<Lent>);

struct Lent {
    connection: Mutex<Option<Connection>>,
    idle: Arc<Mutex<Vec<Connection>>>,
    _turn: OwnedSemaphorePermit,
}

impl Pool {
    pub(crate) async fn open(file: &Path) -> Result<Self, Fault> {
        let connections = (0..CONNECTIONS).map(|_| crate::by_hand::open(file)).collect::<Result<_, _>>()?;
        Ok(Self { idle: Arc::new(Mutex::new(connections)), turns: Arc::new(Semaphore::new(CONNECTIONS)) })
    }

    /// Any connection that is free will do.
    pub(crate) fn of_task(&self, _: usize) -> Self {
        self.clone()
    }

    pub(crate) async fn call<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Connection) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, Fault> {
        self.hold().await?.call(work).await
    }

    pub(crate) async fn hold(&self) -> Result<Held, Fault> {
        let turn = Arc::clone(&self.turns).acquire_owned().await?;
        let connection = Mutex::new(lock(&self.idle).pop());
        Ok(Held(Arc::new(Lent { connection, idle: Arc::clone(&self.idle), _turn: turn })))
    }
}

impl Held {
    pub(crate) async fn call<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Connection) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, Fault> {
        let held = self.clone();
        tokio::task::spawn_blocking(move || match lock(&held.0.connection).as_mut() {
            Some(connection) => work(connection),
            None => Err("there is no connection".into()),
        })
        .await?
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        lock(&self.idle).extend(lock(&self.connection).take());
    }
}

fn lock<T>(shared: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}
