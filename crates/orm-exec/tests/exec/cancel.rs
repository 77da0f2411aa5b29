//! Dropped futures: no connection is lost, none goes home inside a transaction, and statements stop.

use std::panic::Location;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::thread;
use std::time::{Duration, Instant};

use async_executor::Executor;
use futures_lite::{FutureExt, future};
use orm_core::program::Returns;
use orm_core::{Error, sql};
use orm_exec::{Access, Engine};

use crate::support::{
    ENDLESS, Folder, Hand, Rows, eventually, file, full_again, insert, int, memory, numbers, with_threads,
};

/// Drops a future after its first poll.
async fn poll_and_drop(future: impl Future) {
    let mut future = std::pin::pin!(future);
    assert!(future::poll_once(&mut future).await.is_none(), "it was done at once");
}

/// Small pseudo-random numbers: the same in every run.
fn random(state: &mut u64) -> u64 {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    *state >> 33
}

#[test]
fn a_verb_that_was_never_polled_does_nothing() {
    future::block_on(async {
        let engine = memory().await;
        let hops = engine.statistics().hops;
        drop(insert(&engine, 1));
        drop(engine.execute(sql("INSERT INTO t (n) VALUES (2)")));
        let lease = engine.lease(Access::Write, Location::caller()).await.unwrap();
        drop(lease.run(Hand::default().step("DELETE FROM t", Returns::Count, &[]).0, Rows::default()));
        assert_eq!((engine.statistics().hops, engine.statistics().in_use()), (hops, 0));
        assert_eq!(numbers(&engine).await, [0_i64; 0]);
    });
}

#[test]
fn a_long_query_that_is_dropped_is_interrupted() {
    future::block_on(async {
        let engine = memory().await;
        poll_and_drop(engine.scalar(sql(ENDLESS).returning::<i64>())).await;
        // Whether or not the worker had begun, the only connection is free soon, with the same database in it.
        let start = Instant::now();
        insert(&engine, 1).await.unwrap();
        thread::sleep(Duration::from_millis(5));
        assert_eq!(numbers(&engine).await, [1]);

        let mut query = engine.scalar(sql(ENDLESS).returning::<i64>());
        assert!(future::poll_once(&mut query).await.is_none());
        thread::sleep(Duration::from_millis(20));
        drop(query);
        insert(&engine, 2).await.unwrap();
        assert_eq!(numbers(&engine).await, [1, 2]);
        assert!(start.elapsed() < Duration::from_secs(10));
    });
}

#[test]
fn a_dropped_write_inside_a_transaction_undoes_the_transaction() {
    future::block_on(async {
        let folder = Folder::new();
        let engine = file(&folder, "").await;
        let mut transaction = engine.begin().await.unwrap();
        transaction.execute(sql("INSERT INTO t (n) VALUES (1)")).await.unwrap();
        poll_and_drop(transaction.scalar(sql(ENDLESS).returning::<i64>())).await;
        let after = transaction.execute(sql("INSERT INTO t (n) VALUES (2)")).await;
        assert!(
            matches!(&after, Err(Error::Ended(why)) if why.contains("dropped before its end")),
            "{after:?}"
        );
        drop(transaction);
        insert(&engine, 3).await.unwrap();
        assert_eq!(numbers(&engine).await, [3]);
    });
}

#[test]
fn a_job_that_waits_for_another_process_lock_gives_up_when_it_is_dropped() {
    future::block_on(async {
        let folder = Folder::new();
        let engine = file(&folder, "?busy_timeout=60000").await;
        let other = rusqlite::Connection::open(folder.path().join("test.db")).unwrap();
        other.execute_batch("BEGIN IMMEDIATE").unwrap();
        let mut write = engine.execute(sql("INSERT INTO t (n) VALUES (1)"));
        assert!(future::poll_once(&mut write).await.is_none());
        thread::sleep(Duration::from_millis(20));
        let start = Instant::now();
        drop(write);
        full_again(&engine);
        assert!(start.elapsed() < Duration::from_secs(10));
    });
}

#[test]
fn an_interrupt_does_not_reach_the_next_tenant() {
    future::block_on(async {
        let engine = memory().await;
        let count = "WITH RECURSIVE c (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 20000) \
                     SELECT count(*) FROM c";
        for round in 0..300 {
            let mut dropped = engine.scalar(sql(count).returning::<i64>());
            assert!(future::poll_once(&mut dropped).await.is_none());
            // From before the job starts to after it ended.
            thread::sleep(Duration::from_micros(round * 10));
            drop(dropped);
            assert_eq!(engine.scalar(sql(count).returning::<i64>()).await.unwrap(), 20_000);
        }
        full_again(&engine);
    });
}

#[test]
fn a_job_may_be_polled_from_another_task_than_the_one_that_began() {
    future::block_on(async {
        let engine = memory().await;
        let program = Hand::default().step("INSERT INTO t (n) VALUES (?)", Returns::Count, &[&[int(7)]]).0;
        let lease = engine.lease(Access::Write, Location::caller()).await.unwrap();
        let mut job = lease.run(program, Rows::default());
        assert!(future::poll_once(&mut job).await.is_none());
        let output = thread::spawn(|| future::block_on(job)).join().unwrap();
        assert_eq!(output.result.unwrap().0.affected, [1]);
        drop(output.lease);
        assert_eq!(numbers(&engine).await, [7]);
    });
}

#[test]
fn a_lease_inside_a_transaction_is_cleaned_before_anyone_has_it() {
    future::block_on(async {
        let engine = memory().await;
        let mut program = Hand::default().step("INSERT INTO t (n) VALUES (1)", Returns::Count, &[]).0;
        program.begin = Some("BEGIN".into());
        let lease = engine.lease(Access::Write, Location::caller()).await.unwrap();
        let output = lease.run(program, Rows::default()).await;
        assert!(output.result.is_ok() && output.lease.in_transaction());
        drop(output);
        assert_eq!(numbers(&engine).await, [0_i64; 0]);
        let lease = engine.lease(Access::Write, Location::caller()).await.unwrap();
        assert!(!lease.in_transaction());
    });
}

#[test]
fn a_job_whose_output_nobody_takes_is_cleaned_too() {
    future::block_on(async {
        let engine = memory().await;
        let mut program = Hand::default().step("INSERT INTO t (n) VALUES (1)", Returns::Count, &[]).0;
        program.begin = Some("BEGIN".into());
        let lease = engine.lease(Access::Write, Location::caller()).await.unwrap();
        let mut job = lease.run(program, Rows::default());
        assert!(future::poll_once(&mut job).await.is_none());
        // Done by now, and the transaction still open.
        thread::sleep(Duration::from_millis(30));
        drop(job);
        assert_eq!(numbers(&engine).await, [0_i64; 0]);
    });
}

/// What the random tasks do: each of them inserts either both rows of a pair, or none.
async fn work(engine: Engine, kind: u64, pair: i64) -> Result<(), Error> {
    match kind % 6 {
        0 => drop(engine.all(sql("SELECT n FROM t").returning::<i64>()).await?),
        1 => {
            let mut transaction = engine.begin().await?;
            for n in [2 * pair, 2 * pair + 1] {
                transaction.execute(sql("INSERT INTO t (n) VALUES (?)").bind(n)).await?;
            }
            transaction.commit().await?;
        }
        2 => {
            let mut transaction = engine.begin().await?;
            transaction.execute(sql("INSERT INTO t (n) VALUES (?)").bind(2 * pair)).await?;
            drop(transaction.begin_nested().await?);
            transaction.rollback().await?;
        }
        3 => drop(engine.scalar(sql(ENDLESS).returning::<i64>()).await?),
        4 => {
            let mut connection = engine.connection().await?;
            connection.execute(sql("BEGIN IMMEDIATE")).await?;
            connection.execute(sql("INSERT INTO t (n) VALUES (?)").bind(2 * pair)).await?;
        }
        _ => {
            let insert = sql("INSERT INTO t (n) VALUES (?), (?)").bind(2 * pair).bind(2 * pair + 1);
            engine.execute(insert).await?;
        }
    }
    Ok(())
}

fn assert_whole(engine: &Engine) {
    full_again(engine);
    future::block_on(async {
        let broken = "SELECT n FROM t GROUP BY n / 2 HAVING count(*) <> 2";
        assert!(!engine.exists(sql(broken).returning::<i64>()).await.unwrap(), "half a pair was stored");
        for access in [Access::Read, Access::Write] {
            let lease = engine.lease(access, Location::caller()).await.unwrap();
            let query = Hand::default().step("SELECT 1", Returns::Rows, &[]).0;
            let output = lease.run(query, Rows::default()).await;
            assert!(output.result.is_ok() && !output.lease.in_transaction());
        }
        engine.execute(sql("DELETE FROM t")).await.unwrap();
    });
    full_again(engine);
}

/// 1,000 futures dropped at random moments, on four threads.
fn thousand_random_drops(engine: &Engine) {
    with_threads(async |executor| {
        let mut state = 42;
        let mut dropped = 0;
        for batch in 0..125 {
            let tasks: Vec<_> = (0..8)
                .map(|at| {
                    let (kind, pause) = (random(&mut state), random(&mut state) % 800);
                    let work = work(engine.clone(), kind, batch * 8 + at);
                    let alarm = async move {
                        futures_timer::Delay::new(Duration::from_micros(pause)).await;
                        Err(Error::Interrupted)
                    };
                    executor.spawn(work.or(alarm))
                })
                .collect();
            for task in tasks {
                dropped += usize::from(matches!(task.await, Err(Error::Interrupted)));
            }
        }
        assert!(dropped > 100, "too few of the futures were dropped: {dropped}");
    });
}

#[test]
fn a_thousand_random_drops_on_a_file() {
    let folder = Folder::new();
    let engine = future::block_on(file(&folder, "?readers=2"));
    thousand_random_drops(&engine);
    assert_whole(&engine);
}

#[test]
fn a_thousand_random_drops_in_memory() {
    let engine = future::block_on(memory());
    thousand_random_drops(&engine);
    assert_whole(&engine);
}

#[test]
fn dropping_at_the_nth_poll_leaves_nothing() {
    let folder = Folder::new();
    let engine = future::block_on(file(&folder, ""));
    for kind in [0, 1, 2, 4, 5] {
        for polls in 1..12 {
            let mut future = Box::pin(work(engine.clone(), kind, 1));
            // A stepping executor: it waits between polls until the worker is done.
            for _ in 0..polls {
                let waker = std::task::Waker::noop();
                if let Poll::Ready(result) = future.as_mut().poll(&mut Context::from_waker(waker)) {
                    result.unwrap();
                    break;
                }
                thread::sleep(Duration::from_millis(2));
            }
            drop(future);
            assert_whole(&engine);
        }
    }
}

#[test]
fn an_executor_that_drops_everything_at_once_loses_no_connection() {
    let folder = Folder::new();
    let engine = future::block_on(file(&folder, "?readers=2"));
    let mut state = 7;
    for round in 0..30 {
        let executor = Arc::new(Executor::new());
        for at in 0..10 {
            executor.spawn(work(engine.clone(), random(&mut state), round * 10 + at)).detach();
        }
        for _ in 0..round {
            executor.try_tick();
            thread::sleep(Duration::from_micros(100));
        }
        drop(executor);
    }
    assert_whole(&engine);
}

#[test]
fn statistics_count_hops() {
    future::block_on(async {
        let engine = memory().await;
        let before = engine.statistics().hops;
        insert(&engine, 1).await.unwrap();
        assert_eq!(engine.statistics().hops, before + 1);
        let mut transaction = engine.begin().await.unwrap();
        assert_eq!(engine.statistics().hops, before + 1, "BEGIN rides with the first statement");
        transaction.execute(sql("INSERT INTO t (n) VALUES (2)")).await.unwrap();
        transaction.commit().await.unwrap();
        assert_eq!(engine.statistics().hops, before + 3);
        eventually("home", || engine.statistics().in_use() == 0);
        assert_eq!(
            engine.statistics().hops,
            before + 3,
            "a connection that is clean goes home without a hop"
        );
    });
}
