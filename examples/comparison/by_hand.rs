//! rusqlite by hand: on the thread of the task, and through the bridge.

use std::sync::{Arc, Mutex};

use anyorm::bridge::run_sync;
use rusqlite::{Connection, params};

use super::{Way, at_once, keys, keys_of};

/// Synchronous code in an async function: nothing else runs on this thread meanwhile.
pub(super) struct OnTheThread(Mutex<Connection>);

impl OnTheThread {
    pub(super) fn open(file: &str) -> Self {
        Self(Mutex::new(open(file)))
    }
}

impl Way for OnTheThread {
    fn name(&self) -> &'static str {
        "by hand, blocks the executor"
    }

    async fn read_in_a_row(&self) -> anyorm::Result<i64> {
        let connection = self.0.lock().expect("nobody panicked");
        Ok(keys().map(|key| read(&connection, key)).sum())
    }

    async fn read_at_once(&self) -> anyorm::Result<i64> {
        // Tasks that never wait run one after the other.
        self.read_in_a_row().await
    }

    async fn change(&self) -> anyorm::Result<()> {
        change(&self.0.lock().expect("nobody panicked"));
        Ok(())
    }
}

/// How often the way to a worker thread and back is taken.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Trips {
    /// Once for each statement.
    OneEach,
    /// Once for all.
    One,
}

/// The same code on worker threads.
pub(super) struct ThroughTheBridge(Arc<Mutex<Connection>>, Trips);

impl ThroughTheBridge {
    pub(super) fn open(file: &str, trips: Trips) -> Self {
        Self(Arc::new(Mutex::new(open(file))), trips)
    }

    async fn run<T: Send + 'static>(&self, work: impl FnOnce(&Connection) -> T + Send + 'static) -> T {
        let connection = Arc::clone(&self.0);
        run_sync(move || work(&connection.lock().expect("nobody panicked"))).await
    }

    async fn read_all(&self, keys: impl Iterator<Item = i64>) -> i64 {
        let keys: Vec<i64> = keys.collect();
        if self.1 == Trips::One {
            return self.run(|connection| keys.into_iter().map(|key| read(connection, key)).sum()).await;
        }
        let mut sum = 0;
        for key in keys {
            sum += self.run(move |connection| read(connection, key)).await;
        }
        sum
    }
}

impl Way for ThroughTheBridge {
    fn name(&self) -> &'static str {
        match self.1 {
            Trips::OneEach => "by hand, one trip each",
            Trips::One => "by hand, one trip for all",
        }
    }

    async fn read_in_a_row(&self) -> anyorm::Result<i64> {
        Ok(self.read_all(keys()).await)
    }

    async fn read_at_once(&self) -> anyorm::Result<i64> {
        at_once(|task| async move { Ok(self.read_all(keys_of(task)).await) }).await
    }

    async fn change(&self) -> anyorm::Result<()> {
        if self.1 == Trips::One {
            self.run(change).await;
            return Ok(());
        }
        self.run(|connection| execute(connection, "BEGIN IMMEDIATE")).await;
        for key in keys() {
            self.run(move |connection| add_a_visit(connection, key)).await;
        }
        self.run(|connection| execute(connection, "COMMIT")).await;
        Ok(())
    }
}

/// With the settings that an engine gives to a file.
fn open(file: &str) -> Connection {
    let connection = Connection::open(file).expect("the file is there");
    connection
        .execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = ON")
        .expect("settings");
    connection.busy_timeout(std::time::Duration::from_secs(5)).expect("a time to wait");
    connection
}

fn read(connection: &Connection, key: i64) -> i64 {
    let mut statement =
        connection.prepare_cached("SELECT id, name, visits FROM users WHERE id = ?").expect("SQL");
    let row =
        statement.query_row([key], |row| Ok((row.get(0)?, row.get::<_, String>(1)?, row.get::<_, i64>(2)?)));
    let (id, _name, _visits): (i64, String, i64) = row.expect("the user is there");
    id
}

fn change(connection: &Connection) {
    execute(connection, "BEGIN IMMEDIATE");
    keys().for_each(|key| add_a_visit(connection, key));
    execute(connection, "COMMIT");
}

fn add_a_visit(connection: &Connection, key: i64) {
    let mut statement =
        connection.prepare_cached("UPDATE users SET visits = visits + 1 WHERE id = ?").expect("SQL");
    statement.execute(params![key]).expect("the user is there");
}

fn execute(connection: &Connection, statement: &str) {
    connection.execute_batch(statement).expect("SQL");
}
