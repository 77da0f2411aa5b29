//! Connections that are idle for too long, or too old.

use std::time::Duration;

use futures_lite::future;
use orm_core::sql;
use orm_exec::{Clock, Engine};

use crate::support::{Folder, eventually, file, full_again, insert, numbers};

async fn with_clock(folder: &Folder, options: &str) -> (Engine, Clock) {
    let clock = Clock::manual();
    let engine = Engine::builder(&folder.url(options)).clock(clock.clone()).open().await.unwrap();
    engine
        .execute(sql("CREATE TABLE IF NOT EXISTS t (id INTEGER PRIMARY KEY, n INTEGER UNIQUE)"))
        .await
        .unwrap();
    (engine, clock)
}

#[test]
fn an_idle_connection_is_closed_when_another_is_taken() {
    future::block_on(async {
        let folder = Folder::new();
        let (engine, clock) = with_clock(&folder, "?idle_timeout=5000").await;
        numbers(&engine).await;
        assert_eq!((engine.statistics().opened, engine.statistics().readers_idle), (2, 1));
        clock.advance(Duration::from_secs(4));
        insert(&engine, 1).await.unwrap();
        assert_eq!(engine.statistics().closed.total(), 0);
        // The reader has been idle for 5 seconds, the writer for 1.
        clock.advance(Duration::from_secs(1));
        insert(&engine, 2).await.unwrap();
        let statistics = engine.statistics();
        assert_eq!((statistics.readers_idle, statistics.writer_idle), (0, 1));
        assert_eq!((statistics.closed.idle, statistics.closed.total(), statistics.open()), (1, 1, 1));
        assert_eq!(numbers(&engine).await, [1, 2]);
        assert_eq!(engine.statistics().opened, 3);
    });
}

#[test]
fn an_old_connection_is_closed_as_it_comes_home() {
    future::block_on(async {
        let folder = Folder::new();
        let (engine, clock) = with_clock(&folder, "?max_lifetime=30000").await;
        let mut transaction = engine.begin().await.unwrap();
        clock.advance(Duration::from_secs(31));
        transaction.execute(sql("INSERT INTO t (n) VALUES (1)")).await.unwrap();
        transaction.commit().await.unwrap();
        full_again(&engine);
        let statistics = engine.statistics();
        assert_eq!((statistics.closed.lifetime, statistics.writer_idle, statistics.open()), (1, 0, 0));
        assert_eq!(numbers(&engine).await, [1]);
    });
}

#[test]
fn the_timer_closes_what_nobody_uses() {
    future::block_on(async {
        let folder = Folder::new();
        let engine = file(&folder, "?idle_timeout=30").await;
        numbers(&engine).await;
        eventually("both are closed", || engine.statistics().closed.idle >= 2);
        assert_eq!((engine.statistics().open(), engine.statistics().in_use()), (0, 0));
        eventually("the last one has folded the log into the file", || {
            !folder.path().join("test.db-wal").exists()
        });
        insert(&engine, 1).await.unwrap();
        assert_eq!(numbers(&engine).await, [1]);
    });
}

#[test]
fn the_connection_of_a_database_in_memory_stays() {
    future::block_on(async {
        let clock = Clock::manual();
        let builder = Engine::builder("sqlite::memory:?idle_timeout=1&max_lifetime=1").clock(clock.clone());
        let engine = builder.open().await.unwrap();
        engine.execute(sql("CREATE TABLE t (n INTEGER)")).await.unwrap();
        clock.advance(Duration::from_secs(3_600));
        insert(&engine, 1).await.unwrap();
        clock.advance(Duration::from_secs(3_600));
        assert_eq!(numbers(&engine).await, [1]);
        assert_eq!(engine.statistics().closed.total(), 0);
    });
}

#[test]
fn a_sandbox_keeps_its_connection() {
    future::block_on(async {
        let folder = Folder::new();
        let (engine, clock) = with_clock(&folder, "?idle_timeout=1000&max_lifetime=1000").await;
        let sandbox = engine.sandbox().await.unwrap();
        insert(&sandbox, 1).await.unwrap();
        clock.advance(Duration::from_secs(60));
        assert_eq!(numbers(&sandbox).await, [1]);
        sandbox.rollback().await.unwrap();
        assert!(numbers(&engine).await.is_empty());
    });
}
