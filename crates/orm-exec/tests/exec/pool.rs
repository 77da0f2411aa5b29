//! Who gets a connection: order, timeouts, waiting for oneself, closing.

use std::panic::Location;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use futures_lite::future;
use orm_core::{Error, sql};
use orm_exec::{Access, Engine};

use crate::support::{Folder, file, full_again, insert, memory, numbers, with_threads};

#[test]
fn the_writer_is_given_out_in_the_order_of_asking() {
    future::block_on(async {
        let folder = Folder::new();
        let engine = file(&folder, "").await;
        let held = engine.lease(Access::Write, Location::caller()).await.unwrap();
        let served = Arc::new(Mutex::new(Vec::new()));
        let executor = async_executor::Executor::new();
        let tasks: Vec<_> = (0..10)
            .map(|at| {
                let (lease, served) = (engine.lease(Access::Write, Location::caller()), Arc::clone(&served));
                executor.spawn(async move {
                    let lease = lease.await.unwrap();
                    served.lock().unwrap().push(at);
                    drop(lease);
                })
            })
            .collect();
        // The executor's queue is first in, first out: all ask in order before any is served.
        while executor.try_tick() {}
        assert_eq!(engine.statistics().writer_waiting, 10);
        drop(held);
        executor
            .run(async {
                for task in tasks {
                    task.await;
                }
            })
            .await;
        assert_eq!(*served.lock().unwrap(), (0..10).collect::<Vec<_>>());
        full_again(&engine);
    });
}

#[test]
fn readers_and_the_writer_work_side_by_side() {
    future::block_on(async {
        let folder = Folder::new();
        let engine = file(&folder, "?readers=2").await;
        insert(&engine, 1).await.unwrap();
        let mut transaction = engine.begin().await.unwrap();
        transaction.execute(sql("INSERT INTO t (n) VALUES (2)")).await.unwrap();
        // The same task reads what is committed, on a reader.
        assert_eq!(numbers(&engine).await, [1]);
        assert_eq!(engine.statistics().readers_idle, 1);
        transaction.commit().await.unwrap();
        assert_eq!(numbers(&engine).await, [1, 2]);
    });
}

#[test]
fn a_wait_that_takes_too_long_names_the_holder() {
    future::block_on(async {
        let folder = Folder::new();
        let engine = file(&folder, "?acquire_timeout=30").await;
        let line = line!() + 1;
        let held = engine.connection().await.unwrap();
        let other = engine.clone();
        // Another task, so it may wait.
        let error = thread::spawn(move || future::block_on(insert(&other, 1))).join().unwrap().unwrap_err();
        let Error::Timeout(timeout) = &error else { panic!("{error:?}") };
        assert_eq!(timeout.what, "the writer connection");
        assert!(timeout.waited >= Duration::from_millis(30));
        assert_eq!(timeout.holders, [format!("{}:{line}", file!())]);
        assert!(error.to_string().contains(&format!("held by {}:{line}", file!())), "{error}");
        drop(held);
        insert(&engine, 1).await.unwrap();
    });
}

#[test]
fn a_task_that_waits_for_its_own_transaction_is_told_at_once() {
    future::block_on(async {
        let engine = memory().await;
        let line = line!() + 1;
        let mut transaction = engine.begin().await.unwrap();
        transaction.execute(sql("INSERT INTO t (n) VALUES (1)")).await.unwrap();
        let error = insert(&engine, 2).await.unwrap_err();
        let Error::HeldBySelf { holder } = &error else { panic!("{error:?}") };
        assert_eq!(**holder, format!("{}:{line}", file!()));
        let error = engine.count(sql("SELECT n FROM t").returning::<i64>()).await.unwrap_err();
        assert!(matches!(error, Error::HeldBySelf { .. }), "{error:?}");
        transaction.commit().await.unwrap();
        assert_eq!(numbers(&engine).await, [1]);
    });
}

#[test]
fn so_is_one_on_a_file_without_readers() {
    future::block_on(async {
        let folder = Folder::new();
        let engine = file(&folder, "?readers=0").await;
        let transaction = engine.begin().await.unwrap();
        let error = insert(&engine, 1).await.unwrap_err();
        assert!(matches!(error, Error::HeldBySelf { .. }), "{error:?}");
        drop(transaction);
        insert(&engine, 1).await.unwrap();
    });
}

#[test]
fn a_task_that_waits_for_its_own_writer_of_a_file_is_told_after_the_timeout() {
    future::block_on(async {
        let folder = Folder::new();
        let engine = file(&folder, "?acquire_timeout=30").await;
        let line = line!() + 1;
        let transaction = engine.begin().await.unwrap();
        let error = insert(&engine, 1).await.unwrap_err();
        let Error::Timeout(timeout) = &error else { panic!("{error:?}") };
        assert_eq!(timeout.holders, [format!("{}:{line}", file!())]);
        drop(transaction);
        insert(&engine, 1).await.unwrap();
    });
}

#[test]
fn two_branches_of_one_task_take_turns_with_the_writer_of_a_file() {
    future::block_on(async {
        let folder = Folder::new();
        let engine = file(&folder, "").await;
        let write = async |n: i64| {
            let mut transaction = engine.begin().await?;
            // No statement is under way while the other branch asks for the writer.
            future::yield_now().await;
            transaction.execute(sql("INSERT INTO t (n) VALUES (?)").bind(n)).await?;
            transaction.commit().await
        };
        let (a, b) = future::zip(write(1), write(2)).await;
        a.unwrap();
        b.unwrap();
        assert_eq!(numbers(&engine).await, [1, 2]);
    });
}

#[test]
fn another_task_waits_for_the_transaction() {
    let engine = future::block_on(memory());
    with_threads(async |executor| {
        let tasks: Vec<_> = (0..20)
            .map(|n| {
                let engine = engine.clone();
                executor.spawn(async move {
                    let mut transaction = engine.begin().await?;
                    transaction.execute(sql("INSERT INTO t (n) VALUES (?)").bind(n)).await?;
                    // Others run meanwhile, and queue for the only connection.
                    futures_timer::Delay::new(Duration::from_millis(1)).await;
                    transaction.commit().await
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
    });
    assert_eq!(future::block_on(numbers(&engine)), (0..20).collect::<Vec<_>>());
}

#[test]
fn two_branches_of_one_task_may_share_the_only_connection() {
    future::block_on(async {
        let engine = memory().await;
        let write = async |n: i64| {
            let mut transaction = engine.begin().await?;
            transaction.execute(sql("INSERT INTO t (n) VALUES (?)").bind(n)).await?;
            transaction.commit().await
        };
        let (a, b) = future::zip(write(1), write(2)).await;
        a.unwrap();
        b.unwrap();
        assert_eq!(numbers(&engine).await, [1, 2]);
    });
}

#[test]
fn a_wait_that_is_dropped_lets_the_next_one_through() {
    future::block_on(async {
        let folder = Folder::new();
        let engine = file(&folder, "").await;
        let held = engine.lease(Access::Write, Location::caller()).await.unwrap();
        let mut first = Box::pin(engine.lease(Access::Write, Location::caller()));
        let mut second = Box::pin(engine.lease(Access::Write, Location::caller()));
        assert!(future::poll_once(&mut first).await.is_none());
        assert!(future::poll_once(&mut second).await.is_none());
        // The connection is on its way to the first, who goes.
        drop(held);
        drop(first);
        assert!(future::poll_once(&mut second).await.is_some_and(|lease| lease.is_ok()));
        drop(second);
        full_again(&engine);
    });
}

#[test]
fn a_closed_engine_says_so() {
    future::block_on(async {
        let folder = Folder::new();
        let engine = file(&folder, "").await;
        let held = engine.lease(Access::Write, Location::caller()).await.unwrap();
        let mut waiting = Box::pin(engine.lease(Access::Write, Location::caller()));
        assert!(future::poll_once(&mut waiting).await.is_none());
        let mut closing = engine.close();
        assert!(future::poll_once(&mut closing).await.is_none(), "a connection is out");
        assert!(matches!(waiting.await, Err(Error::Closed)));
        drop(held);
        closing.await.unwrap();
        assert!(matches!(engine.begin().await, Err(Error::Closed)));
        assert_eq!((engine.statistics().writer_idle, engine.statistics().readers_idle), (0, 0));
        // The last connection to close folds the log into the file.
        assert!(!folder.path().join("test.db-wal").exists());
        engine.close().await.unwrap();
    });
}

#[test]
fn closing_names_who_does_not_give_back() {
    future::block_on(async {
        let folder = Folder::new();
        let engine = file(&folder, "?acquire_timeout=20").await;
        let mut late = engine.begin().await.unwrap();
        late.execute(sql("INSERT INTO t (n) VALUES (1)")).await.unwrap();
        assert!(numbers(&engine).await.is_empty());
        assert_eq!(engine.statistics().readers_idle, 1);
        let error = engine.close().await.unwrap_err();
        assert!(matches!(&error, Error::Timeout(timeout) if timeout.holders.len() == 1), "{error:?}");
        assert_eq!(engine.statistics().readers_idle, 0, "what was idle is closed");
        // It may still end its work; the connection is closed when it comes home, and nothing waits for a second call.
        late.commit().await.unwrap();
        full_again(&engine);
        assert_eq!(engine.statistics().writer_idle, 0);
        assert!(!folder.path().join("test.db-wal").exists(), "the last connection is closed");
        engine.close().await.unwrap();
    });
}

#[test]
fn a_connection_on_its_way_to_a_waiter_does_not_survive_closing() {
    future::block_on(async {
        let folder = Folder::new();
        let engine = file(&folder, "").await;
        let held = engine.lease(Access::Write, Location::caller()).await.unwrap();
        let mut waiting = Box::pin(engine.lease(Access::Write, Location::caller()));
        assert!(future::poll_once(&mut waiting).await.is_none());
        drop(held);
        // The waiter has it now, but was not polled since.
        engine.close().await.unwrap();
        assert!(matches!(waiting.await, Err(Error::Closed)));
        assert!(!folder.path().join("test.db-wal").exists());
    });
}

#[test]
fn a_dropped_close_closes_what_comes_home_later() {
    future::block_on(async {
        let folder = Folder::new();
        let engine = file(&folder, "").await;
        let connection = engine.connection().await.unwrap();
        // It has begun, and a connection is out.
        let mut closing = engine.close();
        assert!(future::poll_once(&mut closing).await.is_none());
        drop(closing);
        drop(connection);
        full_again(&engine);
        assert_eq!(engine.statistics().writer_idle, 0);
    });
}

#[test]
fn memory_databases_are_apart() {
    future::block_on(async {
        let (one, other) = (memory().await, memory().await);
        insert(&one, 1).await.unwrap();
        assert_eq!((numbers(&one).await.len(), numbers(&other).await.len()), (1, 0));
    });
}

#[test]
fn many_readers_at_once() {
    let folder = Folder::new();
    let engine = future::block_on(file(&folder, "?readers=3"));
    future::block_on(insert(&engine, 1)).unwrap();
    with_threads(async |executor| {
        let tasks: Vec<_> = (0..200)
            .map(|_| {
                let engine: Engine = engine.clone();
                executor.spawn(async move { numbers(&engine).await })
            })
            .collect();
        for task in tasks {
            assert_eq!(task.await, [1]);
        }
    });
    let statistics = engine.statistics();
    assert_eq!((statistics.in_use(), statistics.readers_waiting, statistics.readers_size), (0, 0, 3));
    assert!((1..=3).contains(&statistics.readers_idle), "{statistics:?}");
}

#[test]
fn a_deadline_stops_what_runs() {
    let folder = Folder::new();
    let engine = future::block_on(file(&folder, ""));
    let opened = engine.statistics().opened + 1;
    let (other, line) = (engine.clone(), line!() + 1);
    let endless = thread::spawn(move || future::block_on(other.execute(sql(crate::support::ENDLESS))));
    crate::support::eventually("it runs", || engine.statistics().opened == opened);
    let error = future::block_on(engine.close_within(Duration::from_millis(10))).unwrap_err();
    let Error::Timeout(timeout) = &error else { panic!("{error:?}") };
    assert_eq!(timeout.holders, [format!("{}:{line}", file!())]);
    let stopped = endless.join().unwrap().unwrap_err();
    assert!(matches!(stopped, Error::Closed), "{stopped:?}");
    full_again(&engine);
    let statistics = engine.statistics();
    assert_eq!((statistics.open(), statistics.closed.shut), (0, statistics.opened));
}

#[test]
fn what_is_out_after_the_deadline_sends_no_more_and_is_rolled_back() {
    future::block_on(async {
        let folder = Folder::new();
        let engine = file(&folder, "").await;
        let mut late = engine.begin().await.unwrap();
        late.execute(sql("INSERT INTO t (n) VALUES (1)")).await.unwrap();
        engine.close_within(Duration::ZERO).await.unwrap_err();
        let error = late.execute(sql("INSERT INTO t (n) VALUES (2)")).await.unwrap_err();
        assert!(matches!(error, Error::Closed), "{error:?}");
        assert!(matches!(late.commit().await, Err(Error::Closed)));
        full_again(&engine);
        engine.close_within(Duration::from_secs(20)).await.unwrap();
        assert!(numbers(&file_again(&folder).await).await.is_empty());
    });
}

async fn file_again(folder: &Folder) -> Engine {
    Engine::open(&folder.url("")).await.unwrap()
}

#[test]
fn a_deadline_that_is_met_waits_only_as_long_as_needed() {
    future::block_on(async {
        let folder = Folder::new();
        let engine = file(&folder, "").await;
        let held = engine.connection().await.unwrap();
        let mut closing = engine.close_within(Duration::from_secs(3_600));
        assert!(future::poll_once(&mut closing).await.is_none());
        drop(held);
        closing.await.unwrap();
        assert!(!folder.path().join("test.db-wal").exists());
        assert_eq!(engine.statistics().open(), 0);
    });
}

#[test]
fn waits_are_counted() {
    future::block_on(async {
        let folder = Folder::new();
        let engine = file(&folder, "?acquire_timeout=20").await;
        let before = engine.statistics();
        let held = engine.connection().await.unwrap();
        let mut cancelled = engine.connection();
        assert!(future::poll_once(&mut cancelled).await.is_none());
        drop(cancelled);
        assert!(engine.connection().await.is_err());
        let mut served = engine.connection();
        assert!(future::poll_once(&mut served).await.is_none());
        drop(held);
        drop(served.await.unwrap());
        let after = engine.statistics();
        assert_eq!(after.acquired - before.acquired, 2);
        assert_eq!((after.waits, after.wait_timeouts, after.cancelled_waits), (3, 1, 1));
        assert!(after.wait_longest > Duration::ZERO && after.wait_total >= after.wait_longest);
        assert_eq!((after.opened, after.closed.total(), after.connect_failures), (1, 0, 0));
    });
}

#[test]
fn who_waits_when_the_engine_is_closed_did_not_give_up() {
    future::block_on(async {
        let engine = memory().await;
        let held = engine.lease(Access::Write, Location::caller()).await.unwrap();
        let mut waiting = Box::pin(engine.lease(Access::Write, Location::caller()));
        let mut dropped = Box::pin(engine.lease(Access::Write, Location::caller()));
        assert!(
            future::poll_once(&mut waiting).await.is_none()
                && future::poll_once(&mut dropped).await.is_none()
        );
        drop(dropped);
        let mut closing = engine.close();
        assert!(future::poll_once(&mut closing).await.is_none());
        assert!(matches!(waiting.await, Err(Error::Closed)));
        drop(held);
        closing.await.unwrap();
        let statistics = engine.statistics();
        assert_eq!((statistics.waits, statistics.cancelled_waits, statistics.wait_timeouts), (2, 1, 0));
    });
}
