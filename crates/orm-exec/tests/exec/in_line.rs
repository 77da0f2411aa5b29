//! Reads for which there is no connection: they wait in line by themselves, and nothing of that is seen but that it is fast.

use std::future::Future;
use std::panic::Location;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use futures_lite::future;
use orm_core::{ColumnError, Error, Program, Row, Sink, sql};
use orm_exec::bridge::Deterministic;
use orm_exec::observe::{AcquireEnd, count_statements};
use orm_exec::{Access, Engine, Lease, Observer, Operation};

use crate::support::{ENDLESS, Folder, Rows, eventually, file, full_again, insert, with_threads};

/// A file with the rows 1 to 3, one reader, and that reader.
async fn taken(folder: &Folder, options: &str) -> (Engine, Lease) {
    let engine = file(folder, &format!("?readers=1&dispatch=worker{options}")).await;
    for n in 1..=3 {
        insert(&engine, n).await.unwrap();
    }
    let lease = engine.lease(Access::Read, Location::caller()).await.unwrap();
    (engine, lease)
}

fn sum(engine: &Engine) -> Operation<'_, i64> {
    engine.scalar(sql("SELECT sum(n) FROM t").returning::<i64>())
}

/// Counts how often a task is woken.
#[derive(Default)]
struct Bell(AtomicUsize);

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[test]
fn the_task_is_woken_for_the_answer_only() {
    future::block_on(async {
        let folder = Folder::new();
        let (engine, held) = taken(&folder, "").await;
        let (bell, hops) = (Arc::new(Bell::default()), engine.statistics().hops);
        let waker = Waker::from(Arc::clone(&bell));
        let mut read = pin!(sum(&engine));
        assert!(read.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        assert_eq!(engine.statistics().readers_waiting, 1);
        drop(held);
        eventually("the answer", || bell.0.load(Ordering::SeqCst) > 0);
        let answer = read.as_mut().poll(&mut Context::from_waker(&waker));
        assert!(matches!(answer, Poll::Ready(Ok(6))), "{answer:?}");
        assert_eq!(bell.0.load(Ordering::SeqCst), 1);
        let statistics = engine.statistics();
        assert_eq!((statistics.hops - hops, statistics.waits, statistics.in_use()), (1, 1, 0));
        assert!(statistics.wait_total > Duration::ZERO);
    });
}

#[test]
fn whoever_polls_last_is_woken() {
    future::block_on(async {
        let folder = Folder::new();
        let (engine, held) = taken(&folder, "").await;
        let bells = [(); 3].map(|()| Arc::new(Bell::default()));
        let mut read = pin!(sum(&engine));
        for bell in &bells {
            let waker = Waker::from(Arc::clone(bell));
            assert!(read.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        }
        drop(held);
        eventually("the answer", || bells[2].0.load(Ordering::SeqCst) == 1);
        assert_eq!(bells.map(|bell| bell.0.load(Ordering::SeqCst)), [0, 0, 1]);
        assert_eq!(read.await.unwrap(), 6);
    });
}

#[test]
fn all_who_wait_are_served_in_their_order() {
    future::block_on(async {
        let folder = Folder::new();
        let (engine, held) = taken(&folder, "").await;
        let mut first = pin!(sum(&engine));
        assert!(future::poll_once(first.as_mut()).await.is_none());
        // One that waits as a task among them.
        let mut lease = pin!(engine.lease(Access::Read, Location::caller()));
        assert!(future::poll_once(lease.as_mut()).await.is_none());
        let mut last = pin!(sum(&engine));
        assert!(future::poll_once(last.as_mut()).await.is_none());
        drop(held);
        assert_eq!(first.await.unwrap(), 6);
        let lease = lease.await.unwrap();
        assert!(future::poll_once(last.as_mut()).await.is_none(), "the lease is before it");
        drop(lease);
        assert_eq!(last.await.unwrap(), 6);
        full_again(&engine);
    });
}

#[test]
fn one_that_is_dropped_in_line_lets_the_next_one_through() {
    future::block_on(async {
        let folder = Folder::new();
        let (engine, held) = taken(&folder, "").await;
        let mut dropped = Box::pin(sum(&engine));
        assert!(future::poll_once(dropped.as_mut()).await.is_none());
        let mut next = pin!(sum(&engine));
        assert!(future::poll_once(next.as_mut()).await.is_none());
        drop(dropped);
        assert_eq!(engine.statistics().readers_waiting, 1);
        drop(held);
        assert_eq!(next.await.unwrap(), 6);
        assert_eq!(engine.statistics().cancelled_waits, 1);
        full_again(&engine);
    });
}

#[test]
fn one_that_is_dropped_while_it_runs_is_interrupted() {
    future::block_on(async {
        let folder = Folder::new();
        let (engine, held) = taken(&folder, "").await;
        let mut endless = Box::pin(engine.scalar(sql(ENDLESS).returning::<i64>()));
        assert!(future::poll_once(endless.as_mut()).await.is_none());
        let hops = engine.statistics().hops;
        drop(held);
        // Nobody has polled it since.
        eventually("it was sent", || engine.statistics().hops > hops);
        drop(endless);
        full_again(&engine);
        assert_eq!(sum(&engine).await.unwrap(), 6);
    });
}

#[test]
fn a_deadline_says_what_it_waited_for() {
    future::block_on(async {
        let folder = Folder::new();
        let (engine, held) = taken(&folder, "").await;
        let limit = Duration::from_millis(30);
        let error = engine.scalar(sql(ENDLESS).returning::<i64>()).timeout(limit).await.unwrap_err();
        let text = error.to_string();
        assert!(text.contains("waited for a reader connection; held by"), "{text}");
        assert!(text.contains("nothing was changed"), "{text}");
        // And of one that was sent meanwhile, what it did.
        let mut endless = pin!(engine.scalar(sql(ENDLESS).returning::<i64>()).timeout(limit));
        assert!(future::poll_once(endless.as_mut()).await.is_none());
        drop(held);
        let text = endless.await.unwrap_err().to_string();
        assert!(text.contains("had a statement on a worker thread: WITH RECURSIVE"), "{text}");
        full_again(&engine);
    });
}

#[test]
fn a_deadline_names_who_has_the_connection_then() {
    future::block_on(async {
        let folder = Folder::new();
        let (engine, held) = taken(&folder, "").await;
        let mut next = pin!(engine.lease(Access::Read, Location::caller()));
        let line = line!() - 1;
        assert!(future::poll_once(next.as_mut()).await.is_none());
        let mut read = pin!(sum(&engine).timeout(Duration::from_millis(30)));
        assert!(future::poll_once(read.as_mut()).await.is_none());
        drop(held);
        let next = next.await.unwrap();
        let text = read.await.unwrap_err().to_string();
        assert!(text.contains(&format!("in_line.rs:{line}")), "{text}");
        drop(next);
    });
}

#[test]
fn a_wait_that_takes_too_long_names_the_holder() {
    future::block_on(async {
        let folder = Folder::new();
        let (engine, held) = taken(&folder, "&acquire_timeout=30").await;
        let error = sum(&engine).await.unwrap_err();
        let Error::Timeout(timeout) = &error else { panic!("{error}") };
        assert!(timeout.waited >= Duration::from_millis(30), "{error}");
        let [holder] = &timeout.holders[..] else { panic!("{error}") };
        assert!(holder.contains(file!()), "{error}");
        assert_eq!(engine.statistics().wait_timeouts, 1);
        drop(held);
        assert_eq!(sum(&engine).await.unwrap(), 6);
    });
}

#[test]
fn who_is_in_line_when_the_engine_is_closed_is_told() {
    future::block_on(async {
        let folder = Folder::new();
        let (engine, held) = taken(&folder, "").await;
        let mut read = pin!(sum(&engine));
        assert!(future::poll_once(read.as_mut()).await.is_none());
        let mut close = pin!(engine.close());
        assert!(future::poll_once(close.as_mut()).await.is_none());
        assert!(matches!(read.await, Err(Error::Closed)));
        drop(held);
        close.await.unwrap();
    });
}

/// Panics at the first row, and when it is dropped if it is to.
struct Panics {
    also_dropped: bool,
}

impl Sink for Panics {
    fn row(&mut self, _: u16, _: &Row<'_>) -> Result<(), ColumnError> {
        panic!("in a decoder")
    }
}

impl Drop for Panics {
    fn drop(&mut self) {
        assert!(!self.also_dropped || std::thread::panicking(), "in a destructor");
    }
}

fn program(engine: &Engine) -> Program {
    let query = sql("SELECT n FROM t").returning::<i64>();
    orm_core::Query::statement(query).unwrap().compile(engine.dialect()).unwrap().into()
}

#[test]
fn a_panic_of_a_decoder_resumes_in_the_task() {
    future::block_on(async {
        let folder = Folder::new();
        let (engine, held) = taken(&folder, "").await;
        let reads = program(&engine);
        let mut read = Box::pin(engine.run(reads, Panics { also_dropped: false }, Location::caller()));
        assert!(future::poll_once(read.as_mut()).await.is_none());
        let mut next = pin!(sum(&engine));
        assert!(future::poll_once(next.as_mut()).await.is_none());
        drop(held);
        let panic = futures_lite::FutureExt::catch_unwind(std::panic::AssertUnwindSafe(read)).await;
        assert_eq!(panic.err().unwrap().downcast_ref(), Some(&"in a decoder"));
        assert_eq!(next.await.unwrap(), 6, "others do not hear of it");
        full_again(&engine);
    });
}

#[test]
fn a_program_that_is_not_wanted_any_more_may_panic_as_it_goes() {
    let folder = Folder::new();
    let (engine, held) = future::block_on(taken(&folder, ""));
    let reads = program(&engine);
    let mut read = Box::pin(engine.run(reads, Panics { also_dropped: true }, Location::caller()));
    assert!(future::block_on(future::poll_once(read.as_mut())).is_none());
    let dropped = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| drop(read)));
    assert!(dropped.is_err(), "in the task that drops it");
    drop(held);
    assert_eq!(future::block_on(sum(&engine)).unwrap(), 6);
    full_again(&engine);
}

/// One connection does everything: what is in line is behind writes as well.
#[test]
fn the_only_connection_goes_from_reads_to_writes_and_back() {
    future::block_on(async {
        let folder = Folder::new();
        let engine = file(&folder, "?readers=0&dispatch=worker").await;
        let mut transaction = engine.begin().await.unwrap();
        transaction.execute(sql("INSERT INTO t (n) VALUES (1)")).await.unwrap();
        // Another task: this one would be told that it waits for itself.
        let (first, second) = (engine.clone(), engine.clone());
        let reader = std::thread::spawn(move || future::block_on(sum(&first)));
        eventually("the read waits", || engine.statistics().writer_waiting == 1);
        let writer = std::thread::spawn(move || future::block_on(insert(&second, 2)));
        eventually("the write waits", || engine.statistics().writer_waiting == 2);
        transaction.commit().await.unwrap();
        assert_eq!(reader.join().unwrap().unwrap(), 1, "it was before the write");
        writer.join().unwrap().unwrap();
        full_again(&engine);
    });
}

#[test]
fn the_statements_of_one_that_waited_are_counted_for_its_task() {
    future::block_on(async {
        let folder = Folder::new();
        let (engine, held) = taken(&folder, "").await;
        let mut read = pin!(count_statements(sum(&engine)));
        assert!(future::poll_once(read.as_mut()).await.is_none());
        drop(held);
        let (answer, statements) = read.await;
        assert_eq!((answer.unwrap(), statements.len()), (6, 1));
    });
}

/// Is told what happens to connections.
#[derive(Default)]
struct Listener(AtomicUsize);

impl Observer for Listener {
    fn acquire_end(&self, _: &AcquireEnd<'_>) {
        assert_eq!(std::thread::current().name(), Some("the task's"));
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[test]
fn who_listens_is_told_in_the_task() {
    let named = std::thread::Builder::new().name("the task's".to_owned());
    let task = named.spawn(|| {
        future::block_on(async {
            let (folder, listener) = (Folder::new(), Arc::new(Listener::default()));
            let builder = Engine::builder(&folder.url("?readers=1&dispatch=worker"));
            let engine = builder.observer(Arc::<Listener>::clone(&listener)).open().await.unwrap();
            let held = engine.lease(Access::Read, Location::caller()).await.unwrap();
            let before = listener.0.load(Ordering::SeqCst);
            let mut read = pin!(engine.scalar(sql("SELECT 1").returning::<i64>()));
            assert!(future::poll_once(read.as_mut()).await.is_none());
            drop(held);
            assert_eq!(read.await.unwrap(), 1);
            assert_eq!(listener.0.load(Ordering::SeqCst) - before, 1);
        });
    });
    task.unwrap().join().unwrap();
}

/// Many tasks, some of which give up, on few connections.
#[test]
fn nothing_is_lost_where_many_wait_and_some_give_up() {
    let folder = Folder::new();
    let engine = future::block_on(file(&folder, "?readers=2&dispatch=worker"));
    future::block_on(insert(&engine, 1)).unwrap();
    with_threads(async |executor| {
        let tasks: Vec<_> = (0..64_u64)
            .map(|task| {
                let engine = engine.clone();
                executor.spawn(async move {
                    for round in 0..40 {
                        if (task + round) % 3 == 0 {
                            let mut given_up = pin!(sum(&engine));
                            for _ in 0..task % 4 {
                                if future::poll_once(given_up.as_mut()).await.is_some() {
                                    break;
                                }
                                future::yield_now().await;
                            }
                        }
                        assert_eq!(sum(&engine).await.unwrap(), 1);
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await;
        }
    });
    full_again(&engine);
    let statistics = engine.statistics();
    assert_eq!((statistics.readers_waiting, statistics.readers_idle), (0, 2));
    assert!(statistics.waits > 0);
    let rows = future::block_on(engine.run(program(&engine), Rows::default(), Location::caller()));
    assert_eq!(rows.unwrap().1.0.len(), 1);
}

/// The same in one order for each seed.
#[test]
fn in_every_order() {
    let folder = Folder::new();
    let url = folder.url("?readers=1&dispatch=worker");
    Deterministic::with_seeds(0..60, |double| {
        let engine = double.block_on(async {
            let engine = Engine::builder(&url).workers(Arc::new(double.clone())).open().await.unwrap();
            engine.execute(sql("CREATE TABLE IF NOT EXISTS t (n INTEGER)")).await.unwrap();
            engine
        });
        let task = |task: usize| {
            let engine = engine.clone();
            async move {
                for round in 0..3 {
                    if (task + round).is_multiple_of(3) {
                        let mut given_up = pin!(engine.scalar(sql("SELECT 1").returning::<i64>()));
                        let _ = future::poll_once(given_up.as_mut()).await;
                        future::yield_now().await;
                    }
                    assert_eq!(engine.scalar(sql("SELECT 2").returning::<i64>()).await.unwrap(), 2);
                }
            }
        };
        double.block_on_all((0..5).map(task).collect());
        assert_eq!(engine.statistics().readers_waiting, 0);
        double.block_on(engine.close()).unwrap();
    });
}
