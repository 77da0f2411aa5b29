//! The test double: one order for each seed, and nothing that a real program does hangs in it.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_lite::future;
use orm_core::{Error, Result, sql};
use orm_exec::bridge::{Deterministic, OnDrop, from_worker, is_cancelled, run_sync};
use orm_exec::{Engine, Observer, StatementEvent};

use crate::support::{ENDLESS, Folder};

/// What is sent, in its order.
#[derive(Default)]
struct Order(Mutex<Vec<String>>);

impl Observer for Order {
    fn statement(&self, event: &StatementEvent<'_>) {
        self.0.lock().unwrap().push(format!("{} {:?}", event.sql, event.parameters));
    }
}

fn open(double: &Deterministic, url: &str) -> (Engine, Arc<Order>) {
    let order = Arc::new(Order::default());
    let opened = double.block_on(async {
        let workers = Arc::new(double.clone());
        let engine = Engine::builder(url).workers(workers).observer(order.clone()).open().await?;
        engine.execute(sql("CREATE TABLE IF NOT EXISTS t (id INTEGER PRIMARY KEY, n INTEGER)")).await?;
        engine.execute(sql("DELETE FROM t")).await?;
        Ok::<_, Error>(engine)
    });
    order.0.lock().unwrap().clear();
    (opened.unwrap(), order)
}

/// Three tasks with a transaction each, and reads between.
fn interleaving(seed: u64, url: &str) -> Vec<String> {
    let double = Deterministic::new(seed);
    let (engine, order) = open(&double, url);
    let task = |task: i64| {
        let engine = engine.clone();
        async move {
            for round in 0..3 {
                let mut transaction = engine.begin().await?;
                let insert = sql("INSERT INTO t (n) VALUES (?)").bind(10 * task + round);
                transaction.execute(insert).await?;
                transaction.commit().await?;
                engine.scalar(sql("SELECT ?").bind(10 * task + round).returning::<i64>()).await?;
            }
            Ok::<_, Error>(())
        }
    };
    for done in double.block_on_all((0..3).map(task).collect()) {
        done.unwrap();
    }
    assert_eq!(engine.statistics().in_use(), 0);
    order.0.lock().unwrap().clone()
}

#[test]
fn a_seed_is_an_order() {
    let folder = Folder::new();
    for url in [folder.url("?readers=2"), "sqlite::memory:".to_owned()] {
        let mut orders = std::collections::BTreeSet::new();
        for seed in 0..8 {
            let first = interleaving(seed, &url);
            assert_eq!(first.len(), 36, "nine times BEGIN, INSERT, COMMIT, SELECT: {first:?}");
            for _ in 0..3 {
                assert_eq!(interleaving(seed, &url), first, "seed {seed} on {url}");
            }
            orders.insert(first);
        }
        assert!(orders.len() > 1, "seeds differ");
    }
}

/// Reads, and writes what it has read plus one.
async fn increment(engine: Engine, in_a_transaction: bool) -> Result<()> {
    let read = || sql("SELECT n FROM t").returning::<i64>();
    let write = |n: i64| sql("UPDATE t SET n = ?").bind(n + 1);
    if in_a_transaction {
        let mut transaction = engine.begin().await?;
        let n = transaction.scalar(read()).await?;
        transaction.execute(write(n)).await?;
        return transaction.commit().await;
    }
    let n = engine.scalar(read()).await?;
    engine.execute(write(n)).await.map(drop)
}

#[test]
fn seeds_find_a_planted_race_and_none_where_there_is_none() {
    let folder = Folder::new();
    let lost = AtomicUsize::new(0);
    for in_a_transaction in [false, true] {
        Deterministic::with_seeds(0..40, |double| {
            let (engine, _) = open(double, &folder.url(""));
            double.block_on(engine.execute(sql("INSERT INTO t (n) VALUES (0)"))).unwrap();
            let tasks = (0..2).map(|_| increment(engine.clone(), in_a_transaction)).collect();
            double.block_on_all(tasks).into_iter().for_each(|done| done.unwrap());
            let n = double.block_on(engine.scalar(sql("SELECT n FROM t").returning::<i64>())).unwrap();
            if n != 2 {
                assert!(!in_a_transaction, "an update was lost");
                lost.fetch_add(1, Ordering::SeqCst);
            }
        });
    }
    let lost = lost.load(Ordering::SeqCst);
    assert!((1..40).contains(&lost), "some orders lose an update, others do not: {lost} of 40");
}

#[test]
fn streams_and_their_slow_readers_take_turns() {
    let folder = Folder::new();
    let rows =
        "WITH RECURSIVE c (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 3000) SELECT n FROM c";
    let mut orders = Vec::new();
    for seed in [1, 1, 2, 3, 4, 5] {
        let double = Deterministic::new(seed);
        let (engine, _) = open(&double, &folder.url("?readers=2"));
        let order = Arc::new(Mutex::new(Vec::new()));
        let read = |name: &'static str| {
            let (engine, order) = (engine.clone(), order.clone());
            async move {
                let mut sum = 0;
                let mut stream = engine.stream(sql(rows).returning::<i64>());
                while let Some(n) = stream.next().await.unwrap() {
                    sum += n;
                    if sum % 7 == 0 {
                        order.lock().unwrap().push(name);
                        future::yield_now().await;
                    }
                }
                sum
            }
        };
        let sums = double.block_on_all(vec![read("a"), read("b"), read("c")]);
        assert_eq!(sums, [4_501_500; 3]);
        // Dropped half way, its connection is home when this returns.
        double.block_on(async {
            let mut stream = engine.stream(sql(rows).returning::<i64>());
            assert_eq!(stream.next().await.unwrap(), Some(1));
        });
        assert_eq!(engine.statistics().in_use(), 0);
        orders.push(order.lock().unwrap().clone());
    }
    assert_eq!(orders[0], orders[1]);
    assert!(orders.iter().any(|order| *order != orders[0]), "seeds differ");
}

#[test]
fn a_panic_names_the_seed() {
    let test = |double: &Deterministic| assert!(double.seed() < 3, "too much");
    let panic = std::panic::catch_unwind(|| Deterministic::with_seeds(0..10, test)).unwrap_err();
    assert_eq!(panic.downcast_ref::<String>().map(String::as_str), Some("with seed 3: too much"));
}

#[test]
fn closures_that_call_back_run_in_turns_with_tasks() {
    let orders: Vec<Vec<String>> = [1, 1, 2, 3, 4, 5]
        .map(|seed| {
            let double = Deterministic::new(seed);
            let order = Arc::new(Mutex::new(Vec::new()));
            let task = |name: &'static str| {
                let order = order.clone();
                async move {
                    run_sync(move || {
                        for step in 0..4 {
                            let order = order.clone();
                            let note = async move { order.lock().unwrap().push(format!("{name}{step}")) };
                            from_worker(note).unwrap();
                        }
                        from_worker(async { run_sync(|| 7).await }).unwrap()
                    })
                    .await
                }
            };
            assert_eq!(double.block_on_all(vec![task("a"), task("b"), task("c")]), [7, 7, 7]);
            order.lock().unwrap().clone()
        })
        .into();
    assert_eq!(orders[0], orders[1]);
    assert_eq!(orders[0].len(), 12);
    assert!(orders.iter().any(|order| *order != orders[0]), "seeds differ");
}

#[test]
fn what_is_dropped_is_cleaned_before_it_returns() {
    let folder = Folder::new();
    Deterministic::with_seeds(0..30, |double| {
        let (engine, _) = open(double, &folder.url("?readers=1"));
        double.block_on(async {
            let mut transaction = engine.begin().await.unwrap();
            transaction.execute(sql("INSERT INTO t (n) VALUES (1)")).await.unwrap();
            let mut dropped = transaction.execute(sql("INSERT INTO t (n) VALUES (2)"));
            assert!(future::poll_once(&mut dropped).await.is_none());
            future::yield_now().await;
            drop(dropped);
            let mut read = engine.count(sql("SELECT n FROM t").returning::<i64>());
            assert!(future::poll_once(&mut read).await.is_none());
        });
        assert_eq!(engine.statistics().in_use(), 0);
        assert_eq!(double.block_on(engine.count(sql("SELECT n FROM t").returning::<i64>())).unwrap(), 0);
        // Outside, too: what is sent there runs at once.
        let mut late = double.block_on(engine.begin()).unwrap();
        double.block_on(late.execute(sql("INSERT INTO t (n) VALUES (3)"))).unwrap();
        drop(late);
        assert_eq!(engine.statistics().in_use(), 0);
    });
}

#[test]
fn a_drop_that_waits_for_a_closure_lets_it_run() {
    Deterministic::with_seeds(0..30, |double| {
        let cancelled = Arc::new(AtomicUsize::new(0));
        let seen = cancelled.clone();
        double.block_on(async {
            let mut call = run_sync(move || {
                let answer = from_worker(future::pending::<()>());
                assert!(matches!(answer, Err(Error::Cancelled)) && is_cancelled());
                seen.fetch_add(1, Ordering::SeqCst);
            })
            .on_drop(OnDrop::Wait);
            for _ in 0..3 {
                assert!(future::poll_once(&mut call).await.is_none());
                future::yield_now().await;
            }
            drop(call);
        });
        // It had begun and ended, or it never will begin.
        assert!(cancelled.load(Ordering::SeqCst) == 1 || Arc::strong_count(&cancelled) == 1);
    });
}

#[test]
fn timers_work_in_it() {
    let double = Deterministic::new(1);
    let late = double.block_on(async {
        let waits = run_sync(|| from_worker(future::pending::<()>()).is_err()).on_drop(OnDrop::Wait);
        waits.timeout(Duration::from_millis(5)).await
    });
    assert!(matches!(late, Err(Error::Deadline(_))), "{late:?}");
    // A job that never ends would keep everything else from running: the timer's thread cannot poll. So it is not tried.
    let (engine, _) = open(&double, "sqlite::memory:");
    let never = double.block_on(engine.scalar(sql(ENDLESS).returning::<i64>()).timeout(Duration::ZERO));
    assert!(matches!(never, Err(Error::Deadline(_))), "{never:?}");
}

#[test]
fn a_panic_in_a_task_leaves_the_double_usable() {
    let double = Deterministic::new(1);
    let (engine, _) = open(&double, "sqlite::memory:");
    let tasks = |panics: bool| {
        let engine = engine.clone();
        async move {
            engine.scalar(sql("SELECT 1").returning::<i64>()).await.unwrap();
            assert!(!panics, "planted");
        }
    };
    let run = || double.block_on_all(vec![tasks(false), tasks(true), tasks(false)]);
    let panic = std::panic::catch_unwind(std::panic::AssertUnwindSafe(run)).unwrap_err();
    assert_eq!(panic.downcast_ref::<&str>(), Some(&"planted"));
    assert_eq!(double.block_on_all(vec![tasks(false)]), [()]);
    assert_eq!(engine.statistics().in_use(), 0);
}

#[test]
#[should_panic(expected = "inside `block_on` of the same double")]
fn it_says_that_it_does_not_nest() {
    let double = Deterministic::new(1);
    double.block_on(async { double.block_on(async {}) });
}
