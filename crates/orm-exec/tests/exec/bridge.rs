//! Blocking code from async code: results, panics, drops, and the bound on threads.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use futures_lite::{FutureExt, future};
use orm_core::{Begin, sql};
use orm_exec::Engine;
use orm_exec::bridge::{DEFAULT_WORKER_LIMIT, Limiter, Urgency, WorkerJob, Workers, run_sync};

use crate::support::{Folder, eventually, memory, with_threads};

#[test]
fn it_runs_on_another_thread() {
    let here = thread::current().id();
    let there = future::block_on(run_sync(|| thread::current().id()));
    assert_ne!(here, there);
}

#[test]
fn a_panic_resumes_in_the_awaiting_task() {
    let caught =
        future::block_on(std::panic::AssertUnwindSafe(run_sync(|| panic!("in the closure"))).catch_unwind());
    let payload: Box<dyn std::any::Any + Send> = caught.map(|(): ()| ()).unwrap_err();
    assert_eq!(payload.downcast_ref::<&str>(), Some(&"in the closure"));
}

#[test]
fn a_future_that_was_never_polled_never_runs() {
    let ran = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&ran);
    drop(run_sync(move || flag.store(true, Ordering::SeqCst)));
    // The closure is gone: nobody is left who could run it.
    assert_eq!(Arc::strong_count(&ran), 1);
    assert!(!ran.load(Ordering::SeqCst));
}

#[test]
fn a_future_that_waits_for_a_token_never_runs_once_it_is_dropped() {
    let limiter = Limiter::new(1);
    let (release, wait) = mpsc::channel::<()>();
    let ran = Arc::new(AtomicBool::new(false));
    future::block_on(async {
        let mut first = limiter.run_sync(move || wait.recv());
        assert!(future::poll_once(&mut first).await.is_none());
        let flag = Arc::clone(&ran);
        let mut second = limiter.run_sync(move || flag.store(true, Ordering::SeqCst));
        assert!(future::poll_once(&mut second).await.is_none());
        drop(second);
        release.send(()).unwrap();
        first.await.unwrap();
        // The token is free again, and the dropped closure did not take it.
        limiter.run_sync(|| ()).await;
    });
    assert!(!ran.load(Ordering::SeqCst));
}

#[test]
fn a_closure_that_runs_is_abandoned_and_keeps_its_token_until_it_ends() {
    let limiter = Limiter::new(1);
    let (started, on_start) = mpsc::channel::<()>();
    let (release, wait) = mpsc::channel::<()>();
    let ended = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&ended);
    let mut abandoned = limiter.run_sync(move || {
        started.send(()).unwrap();
        wait.recv().unwrap();
        flag.store(true, Ordering::SeqCst);
    });
    future::block_on(async {
        assert!(future::poll_once(&mut abandoned).await.is_none());
        on_start.recv().unwrap();
        drop(abandoned);
        let mut next = limiter.run_sync(|| ());
        assert!(future::poll_once(&mut next).await.is_none(), "the token is still taken");
        release.send(()).unwrap();
        next.await;
    });
    assert!(ended.load(Ordering::SeqCst));
}

#[test]
fn no_more_closures_run_at_once_than_there_are_tokens() {
    let (running, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let limiter = Limiter::new(2);
    with_threads(async |executor| {
        let tasks: Vec<_> = (0..40)
            .map(|_| {
                let (running, most) = (Arc::clone(&running), Arc::clone(&most));
                executor.spawn(limiter.run_sync(move || {
                    most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    thread::sleep(Duration::from_millis(1));
                    running.fetch_sub(1, Ordering::SeqCst);
                }))
            })
            .collect();
        for task in tasks {
            task.await;
        }
    });
    assert_eq!(most.load(Ordering::SeqCst), 2);
}

#[test]
fn the_number_of_tokens_can_change_while_closures_run() {
    let limiter = Limiter::new(2);
    let hold = |limiter: &Limiter| {
        let (release, wait) = mpsc::channel::<()>();
        (release, limiter.run_sync(move || wait.recv().unwrap()))
    };
    future::block_on(async {
        let ((release_a, mut a), (release_b, mut b)) = (hold(&limiter), hold(&limiter));
        assert!(future::poll_once(&mut a).await.is_none());
        assert!(future::poll_once(&mut b).await.is_none());
        limiter.set_tokens(1);
        release_a.send(()).unwrap();
        a.await;
        // That token is out of use; `b` has the other one.
        let mut c = limiter.run_sync(|| ());
        assert!(future::poll_once(&mut c).await.is_none());
        limiter.set_tokens(3);
        c.await;
        release_b.send(()).unwrap();
        b.await;
    });
    assert_eq!(limiter.tokens(), 3);
}

#[test]
fn an_executor_that_drops_everything_leaves_the_tokens() {
    let limiter = Limiter::new(4);
    for _ in 0..20 {
        let executor = async_executor::Executor::new();
        for _ in 0..20 {
            executor.spawn(limiter.run_sync(|| ())).detach();
        }
        for _ in 0..10 {
            executor.try_tick();
        }
        drop(executor);
    }
    // All four can be had at once: four closures meet.
    let barrier = Arc::new(std::sync::Barrier::new(4));
    let met = Arc::new(AtomicUsize::new(0));
    let calls: Vec<_> = (0..4)
        .map(|_| {
            let (barrier, met) = (Arc::clone(&barrier), Arc::clone(&met));
            limiter.run_sync(move || {
                barrier.wait();
                met.fetch_add(1, Ordering::SeqCst);
            })
        })
        .collect();
    with_threads(async |executor| {
        for task in calls.into_iter().map(|call| executor.spawn(call)).collect::<Vec<_>>() {
            task.await;
        }
    });
    eventually("four closures met", || met.load(Ordering::SeqCst) == 4);
}

/// Writes down how urgent each job was.
#[derive(Debug, Default)]
struct Urgencies(Mutex<Vec<Urgency>>);

impl Urgencies {
    fn take(&self) -> Vec<Urgency> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

impl Workers for Urgencies {
    fn spawn(&self, urgency: Urgency, job: WorkerJob) {
        self.0.lock().unwrap().push(urgency);
        thread::spawn(job);
    }
}

#[test]
fn what_holds_the_write_lock_or_ends_a_transaction_is_urgent() {
    use Urgency::{Normal, Urgent, Waiting};
    let folder = Folder::new();
    let log = Arc::new(Urgencies::default());
    future::block_on(async {
        let engine = Engine::builder(&folder.url("")).workers(log.clone()).open().await.unwrap();
        engine.execute(sql("CREATE TABLE t (n INTEGER)")).await.unwrap();
        engine.count(sql("SELECT n FROM t").returning::<i64>()).await.unwrap();
        assert_eq!(log.take(), [Normal; 3], "the lock may have to be waited for");

        let mut transaction = engine.begin().await.unwrap();
        transaction.execute(sql("INSERT INTO t VALUES (1)")).await.unwrap();
        transaction.count(sql("SELECT n FROM t").returning::<i64>()).await.unwrap();
        transaction.commit().await.unwrap();
        assert_eq!(log.take(), [Normal, Urgent, Urgent]);

        let mut dropped = engine.begin().await.unwrap();
        dropped.execute(sql("INSERT INTO t VALUES (2)")).await.unwrap();
        drop(dropped);
        assert_eq!(log.take(), [Normal, Urgent], "others wait for the rollback");

        let mut report = engine.begin_with(Begin::new().read_only()).await.unwrap();
        for _ in 0..2 {
            report.count(sql("SELECT n FROM t").returning::<i64>()).await.unwrap();
        }
        report.commit().await.unwrap();
        assert_eq!(log.take(), [Normal, Normal, Urgent], "it keeps no writer waiting");

        let mut stream = engine.stream(sql("SELECT n FROM t").returning::<i64>());
        assert_eq!(stream.next().await.unwrap(), Some(1));
        drop(stream);
        assert_eq!(log.take()[0], Waiting, "its reader may be slow");
    });
}

#[test]
fn closures_that_block_keep_no_statement_waiting() {
    // More than there are workers for statements, all of them blocked.
    let limiter = Limiter::new(usize::MAX >> 4);
    let (release, wait) = mpsc::channel::<()>();
    let wait = Arc::new(Mutex::new(wait));
    future::block_on(async {
        let mut blocked: Vec<_> = (0..=DEFAULT_WORKER_LIMIT)
            .map(|_| {
                let wait = wait.clone();
                limiter.run_sync(move || wait.lock().unwrap().recv().unwrap_or_default())
            })
            .collect();
        for call in &mut blocked {
            assert!(future::poll_once(call).await.is_none());
        }
        let engine = memory().await;
        let write = engine.execute(sql("INSERT INTO t (n) VALUES (1)"));
        write.timeout(Duration::from_secs(30)).await.unwrap();
        drop(release);
        for call in blocked {
            call.await;
        }
    });
}
