//! Engines of a test's own, other tasks, and patience: what cases of many kinds need.

use std::future::Future;
use std::time::{Duration, Instant};

use anyorm::prelude::*;
use anyorm::query::Values;
use anyorm::{EngineBuilder, Query, Result};
use anyorm_tests::{Account, blog};
use futures_lite::{FutureExt, future};
use orm_testkit::{Backend, Database};

/// Longer than anything here takes: it only keeps a broken test from hanging.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// Another engine on a database of the same kind: the file, or one more in memory.
pub(crate) fn another(db: &Database, options: &str) -> EngineBuilder {
    match db.file() {
        Some(file) => Engine::builder(&format!("sqlite://{}?{options}", file.display())),
        None => Engine::builder(&format!("sqlite::memory:?{options}")),
    }
}

/// The option for a single reader: in memory there is none anyway.
pub(crate) fn one_reader(db: &Database) -> &'static str {
    if is_file(db) { "readers=1&" } else { "" }
}

/// The same, opened, with empty tables and a reader that is open.
pub(crate) async fn opened(builder: EngineBuilder) -> Result<Engine> {
    let engine = builder.open().await?;
    engine.create_all(&blog()).await?;
    engine.execute(Account::delete().everything()).await?;
    engine.scalar(sql("SELECT 1").returning::<i64>()).await?;
    Ok(engine)
}

/// One engine for each dispatch, by its name.
pub(crate) fn dispatches() -> [&'static str; 2] {
    ["dispatch=worker", "dispatch=auto"]
}

pub(crate) fn is_file(db: &Database) -> bool {
    db.backend == Backend::File
}

pub(crate) fn account(id: i64) -> Account {
    Account { id, balance: 0 }
}

/// A read that is cheap: inline, where the engine does such.
pub(crate) fn balance(id: i64) -> impl Query<Shape = Values<i64>> + Clone {
    Account::select().filter(Account::ID.eq(id)).columns(Account::BALANCE)
}

/// A write.
pub(crate) fn set(id: i64, balance: i64) -> impl Query + Clone {
    Account::update().set(Account::BALANCE, balance).filter(Account::ID.eq(id))
}

/// Runs for hours, unless it is interrupted.
pub(crate) fn endless() -> impl Query<Shape = Values<i64>> {
    sql("WITH RECURSIVE c (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c) SELECT count(*) FROM c").returning()
}

/// A future that must end, where it would take for ever.
pub(crate) async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    let timeout = async {
        smol::Timer::after(PATIENCE).await;
        panic!("waited in vain: {what}")
    };
    future.or(timeout).await
}

/// Waits until something is true.
pub(crate) async fn comes(what: &str, mut is_true: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_true() {
        assert!(start.elapsed() < PATIENCE, "waited in vain: {what}");
        future::yield_now().await;
    }
}

/// Runs a future as another task, on another thread.
pub(crate) fn aside<T: Send + 'static>(future: impl Future<Output = T> + Send + 'static) -> smol::Task<T> {
    smol::unblock(move || future::block_on(future))
}
