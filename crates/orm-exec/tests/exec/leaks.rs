//! Connections that are held and not used, and futures that are not polled again.

use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use futures_lite::future;
use orm_core::sql;
use orm_exec::{Access, Clock, Engine, HeldConnection, Observer};

use crate::support::{Folder, eventually, full_again, insert};

/// Writes down what is leaked.
#[derive(Default)]
struct Leaks(Mutex<Vec<HeldConnection>>);

impl Observer for Leaks {
    fn leaked(&self, held: &HeldConnection) {
        self.0.lock().unwrap().push(*held);
    }
}

impl Leaks {
    fn lines(&self) -> Vec<u32> {
        self.0.lock().unwrap().iter().map(|held| held.location.line()).collect()
    }
}

async fn with_table(engine: Engine) -> Engine {
    engine.execute(sql("CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER UNIQUE)")).await.unwrap();
    engine
}

#[test]
fn a_connection_that_is_held_unused_is_told_once_with_its_place() {
    future::block_on(async {
        let (folder, clock, leaks) = (Folder::new(), Clock::manual(), Arc::new(Leaks::default()));
        let builder = Engine::builder(&folder.url("?leak_threshold=10000"));
        let builder = builder.clock(clock.clone()).observer(Arc::<Leaks>::clone(&leaks));
        let engine = with_table(builder.open().await.unwrap()).await;
        let line = line!() + 1;
        let mut transaction = engine.begin().await.unwrap();
        clock.advance(Duration::from_secs(9));
        transaction.execute(sql("INSERT INTO t (n) VALUES (1)")).await.unwrap();
        clock.advance(Duration::from_secs(9));
        assert_eq!(engine.statistics().leaks, 0, "it was used in between");
        clock.advance(Duration::from_secs(1));
        let statistics = engine.statistics();
        assert_eq!((statistics.leaks, statistics.leaked), (1, 1));
        let [held] = engine.holders()[..] else { panic!("{:?}", engine.holders()) };
        assert_eq!((held.location.line(), held.location.file(), held.leaked), (line, file!(), true));
        assert_eq!((held.held_for.as_secs(), held.unused_for.unwrap().as_secs()), (19, 10));
        assert_eq!(held.access, Access::Write);
        clock.advance(Duration::from_secs(60));
        assert_eq!(engine.statistics().leaks, 1, "once");
        assert_eq!(leaks.lines(), [line]);
        transaction.commit().await.unwrap();
        let statistics = engine.statistics();
        assert_eq!((statistics.leaks, statistics.leaked), (1, 0), "it came home after all");
    });
}

#[test]
fn the_timer_finds_what_is_forgotten_while_others_wait() {
    future::block_on(async {
        let (folder, leaks) = (Folder::new(), Arc::new(Leaks::default()));
        let builder = Engine::builder(&folder.url("?leak_threshold=20&acquire_timeout=20000"));
        let engine = with_table(builder.observer(Arc::<Leaks>::clone(&leaks)).open().await.unwrap()).await;
        let line = line!() + 1;
        std::mem::forget(engine.begin().await.unwrap());
        let (other, heard) = (engine.clone(), Arc::clone(&leaks));
        // Nobody else calls the engine: the timer must tell.
        let waiter = thread::spawn(move || {
            let insert = async { insert(&other, 1).await.map(|_| ()) };
            let told = async {
                while heard.lines().is_empty() {
                    futures_timer::Delay::new(Duration::from_millis(2)).await;
                }
                Ok(())
            };
            future::block_on(future::or(insert, told))
        });
        waiter.join().unwrap().unwrap();
        assert_eq!(leaks.lines(), [line]);
        let statistics = engine.statistics();
        assert_eq!((statistics.leaked, statistics.writer_in_use, statistics.cancelled_waits), (1, 1, 1));
    });
}

#[test]
fn the_connection_of_a_call_that_is_forgotten_goes_home() {
    future::block_on(async {
        let (folder, leaks) = (Folder::new(), Arc::new(Leaks::default()));
        let builder = Engine::builder(&folder.url("?leak_threshold=20"));
        let engine = with_table(builder.observer(Arc::<Leaks>::clone(&leaks)).open().await.unwrap()).await;
        let mut call = engine.execute(sql("INSERT INTO t (n) VALUES (1)"));
        assert!(future::poll_once(&mut call).await.is_none());
        // Its job ends, and nobody takes the output.
        std::mem::forget(call);
        full_again(&engine);
        assert_eq!(crate::support::numbers(&engine).await, [1]);
        assert_eq!((leaks.lines(), engine.statistics().leaks), (vec![], 0));
    });
}

#[test]
fn a_statement_that_runs_for_long_is_no_leak() {
    future::block_on(async {
        let (folder, clock) = (Folder::new(), Clock::manual());
        let builder = Engine::builder(&folder.url("?leak_threshold=10000")).clock(clock.clone());
        let engine = builder.open().await.unwrap();
        let mut call = engine.execute(sql(crate::support::ENDLESS));
        assert!(future::poll_once(&mut call).await.is_none());
        clock.advance(Duration::from_secs(60));
        let [held] = engine.holders()[..] else { panic!("it runs") };
        assert!(held.unused_for.is_none() && !held.leaked, "{held}");
        assert_eq!(engine.statistics().leaks, 0);
        drop(call);
        full_again(&engine);
    });
}

#[test]
fn what_a_forgotten_waiter_was_given_goes_to_the_next() {
    future::block_on(async {
        let folder = Folder::new();
        let engine = with_table(Engine::open(&folder.url("")).await.unwrap()).await;
        let held = engine.connection().await.unwrap();
        let mut forgotten = engine.connection();
        assert!(future::poll_once(&mut forgotten).await.is_none());
        let mut next = engine.connection();
        assert!(future::poll_once(&mut next).await.is_none());
        drop(held);
        assert_eq!(engine.statistics().writer_in_use, 1, "it is on its way to the first");
        // The first stays alive and is not polled, as in a loop that polls another branch only.
        drop(next.await.unwrap());
        // It has lost its turn, not its place.
        drop(forgotten.await.unwrap());
        full_again(&engine);
    });
}

#[test]
fn a_sandbox_that_is_worked_with_is_no_leak() {
    future::block_on(async {
        let (folder, clock) = (Folder::new(), Clock::manual());
        let builder = Engine::builder(&folder.url("?leak_threshold=10000"));
        let engine = with_table(builder.clock(clock.clone()).open().await.unwrap()).await;
        let sandbox = engine.sandbox().await.unwrap();
        for n in 0..3 {
            clock.advance(Duration::from_secs(9));
            insert(&sandbox, n).await.unwrap();
            assert_eq!(engine.statistics().leaks, 0);
        }
        // A transaction inside that nobody ends keeps both.
        let mut inside = sandbox.begin().await.unwrap();
        inside.execute(sql("INSERT INTO t (n) VALUES (9)")).await.unwrap();
        clock.advance(Duration::from_secs(10));
        assert_eq!((engine.statistics().leaked, sandbox.statistics().leaked), (1, 1));
        drop(inside);
        sandbox.rollback().await.unwrap();
        full_again(&engine);
        assert_eq!(engine.statistics().leaked, 0);
    });
}

#[test]
fn many_short_timers_stop_nothing() {
    let folder = Folder::new();
    let url = folder.url("?leak_threshold=1&idle_timeout=1&max_lifetime=2&readers=2");
    let engine = future::block_on(async { with_table(Engine::open(&url).await.unwrap()).await });
    crate::support::with_threads(async |executor| {
        let tasks: Vec<_> = (0..16)
            .map(|task| {
                let engine = engine.clone();
                executor.spawn(async move {
                    for n in 0..100 {
                        insert(&engine, task * 100 + n).await.unwrap();
                        crate::support::numbers(&engine).await;
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await;
        }
    });
    full_again(&engine);
    assert_eq!(future::block_on(crate::support::numbers(&engine)).len(), 1_600);
    eventually("what is idle goes", || engine.statistics().open() == 0);
}
