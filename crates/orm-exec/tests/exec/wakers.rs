//! Wakers that do more than wake: some are all that keeps a task, some look at what woke them.

use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::Duration;

use futures_lite::future;
use orm_core::sql;
use orm_exec::bridge::Limiter;
use orm_exec::{Access, Engine, Lease};

use crate::support::{ENDLESS, eventually, memory};

/// Runs it on a thread of its own, which may hang.
fn in_time<T: Send + 'static>(f: impl FnOnce() -> T + Send + 'static) -> T {
    let (done, end) = mpsc::channel();
    thread::spawn(move || done.send(f()));
    end.recv_timeout(Duration::from_secs(20)).expect("it does not hang")
}

/// A task of an executor that is gone: only its wakers keep it.
struct Orphan(Mutex<Option<Pin<Box<dyn Future<Output = ()> + Send>>>>);

impl Wake for Orphan {
    fn wake(self: Arc<Self>) {}
}

impl Orphan {
    fn poll_once(future: impl Future<Output = ()> + Send + 'static) {
        let task = Arc::new(Self(Mutex::new(Some(Box::pin(future)))));
        let waker = Waker::from(Arc::clone(&task));
        let mut future = task.0.lock().unwrap();
        let polled = future.as_mut().unwrap().as_mut().poll(&mut Context::from_waker(&waker));
        assert!(polled.is_pending());
    }
}

#[test]
fn a_task_that_only_its_place_in_the_queue_keeps_is_forgotten_with_it() {
    let engine = future::block_on(async {
        let builder = Engine::builder("sqlite::memory:").acquire_timeout(Duration::from_millis(300));
        builder.open().await.unwrap()
    });
    let held = future::block_on(engine.lease(Access::Write, Location::caller())).unwrap();
    let (sender, dropped) = mpsc::channel::<()>();
    let lease = engine.lease(Access::Write, Location::caller());
    Orphan::poll_once(async move {
        let _sender = sender;
        let _lease = lease.await;
    });
    // It is given the connection, does not take it, and sleeps.
    drop(held);
    eventually("it sleeps", || engine.statistics().writer_idle == 1);
    // Others come and go, and with them somebody who looks.
    let others = engine.clone();
    in_time(move || {
        while dropped.try_recv() != Err(mpsc::TryRecvError::Disconnected) {
            let held = future::block_on(others.lease(Access::Write, Location::caller())).unwrap();
            let mut late = Box::pin(others.lease(Access::Write, Location::caller()));
            assert!(future::block_on(future::poll_once(&mut late)).is_none());
            drop(held);
            eventually("it sleeps too", || others.statistics().writer_idle == 1);
        }
    });
    assert_eq!(engine.statistics().in_use(), 0);
}

/// Looks at the engine when it goes.
struct Curious(Engine);

impl Wake for Curious {
    fn wake(self: Arc<Self>) {}
}

impl Drop for Curious {
    fn drop(&mut self) {
        self.0.holders();
        self.0.statistics();
    }
}

#[test]
fn a_waker_that_another_takes_the_place_of_is_dropped_without_a_lock() {
    in_time(|| {
        future::block_on(async {
            let engine = memory().await;
            let mut transaction = engine.begin().await.unwrap();
            transaction.execute(sql("INSERT INTO t (n) VALUES (1)")).await.unwrap();
            // Polled by two tasks in turn.
            let mut count = transaction.scalar(sql(ENDLESS).returning::<i64>());
            for _ in 0..2 {
                let waker = Waker::from(Arc::new(Curious(engine.clone())));
                assert!(Pin::new(&mut count).poll(&mut Context::from_waker(&waker)).is_pending());
            }
            assert!(future::poll_once(&mut count).await.is_none());
        });
    });
}

#[test]
fn so_is_that_of_one_in_line() {
    in_time(|| {
        let engine = future::block_on(memory());
        type Waits = Pin<Box<dyn Future<Output = orm_core::Result<Lease>> + Send>>;
        let lease = || -> Waits { Box::pin(engine.lease(Access::Write, Location::caller())) };
        let poll_by_another = |lease: &mut Waits| {
            let waker = Waker::from(Arc::new(Curious(engine.clone())));
            lease.as_mut().poll(&mut Context::from_waker(&waker))
        };
        let held = future::block_on(lease()).unwrap();
        // Another takes its place, it leaves the line, and it is given what it waits for.
        let mut waits = lease();
        assert!(poll_by_another(&mut waits).is_pending());
        assert!(poll_by_another(&mut waits).is_pending());
        drop(waits);
        let mut waits = lease();
        assert!(poll_by_another(&mut waits).is_pending());
        drop(held);
        assert!(poll_by_another(&mut waits).is_ready());
        assert_eq!(engine.statistics().in_use(), 0);
    });
}

#[test]
fn a_read_in_line_that_only_its_wakers_keep_goes_with_its_answer() {
    let engine = future::block_on(memory());
    let held = future::block_on(engine.lease(Access::Write, Location::caller())).unwrap();
    let (sender, dropped) = mpsc::channel::<()>();
    let reader = engine.clone();
    Orphan::poll_once(async move {
        let _sender = sender;
        let _ = reader.scalar(sql("SELECT 1").returning::<i64>()).await;
    });
    assert_eq!(engine.statistics().writer_waiting, 1);
    drop(held);
    let gone = dropped.recv_timeout(Duration::from_secs(20));
    assert_eq!(gone, Err(mpsc::RecvTimeoutError::Disconnected));
    eventually("the connection is home", || engine.statistics().in_use() == 0);
}

/// Panics when it wakes.
struct Panics;

impl Wake for Panics {
    fn wake(self: Arc<Self>) {
        std::panic::resume_unwind(Box::new("in a waker"));
    }
}

#[test]
fn a_panic_of_who_is_next_in_line_is_not_that_of_the_job_before() {
    in_time(|| {
        let builder = Engine::builder("sqlite::memory:?dispatch=worker");
        let engine = builder.acquire_timeout(Duration::from_millis(300)).open();
        let engine = future::block_on(engine).unwrap();
        // It has the connection until it has said that it runs, and it is told to end.
        let (go_on, told) = mpsc::channel::<()>();
        let told = Mutex::new(told);
        let program = sql("SELECT 7").returning::<i64>();
        let slow = Slow(told);
        let compiled = orm_core::Query::statement(program).unwrap().compile(engine.dialect()).unwrap();
        let mut read = Box::pin(engine.run(compiled.into(), slow, Location::caller()));
        assert!(future::block_on(future::poll_once(read.as_mut())).is_none());
        let mut next = Box::pin(engine.lease(Access::Write, Location::caller()));
        let panics = Waker::from(Arc::new(Panics));
        assert!(next.as_mut().poll(&mut Context::from_waker(&panics)).is_pending());
        go_on.send(()).unwrap();
        assert!(future::block_on(read).is_ok());
        drop(next);
        // Those who come later are still told when they have waited too long.
        let held = future::block_on(engine.lease(Access::Write, Location::caller())).unwrap();
        let late = thread::spawn(move || future::block_on(engine.begin()).map(drop));
        assert!(matches!(late.join().unwrap(), Err(orm_core::Error::Timeout(_))));
        drop(held);
    });
}

/// Takes its row when it is told to.
struct Slow(Mutex<mpsc::Receiver<()>>);

impl orm_core::Sink for Slow {
    fn row(&mut self, _: u16, _: &orm_core::Row<'_>) -> Result<(), orm_core::ColumnError> {
        self.0.lock().unwrap().recv().unwrap();
        Ok(())
    }
}

/// Looks at the limiter when it wakes.
struct Asking(Limiter, mpsc::Sender<usize>);

impl Wake for Asking {
    fn wake(self: Arc<Self>) {
        let _ = self.1.send(self.0.tokens());
    }
}

#[test]
fn a_waker_may_ask_the_limiter_that_woke_it() {
    in_time(|| {
        let limiter = Limiter::new(0);
        let (sender, woken) = mpsc::channel();
        let waker = Waker::from(Arc::new(Asking(limiter.clone(), sender)));
        let mut waiting = limiter.run_sync(|| ());
        assert_eq!(Pin::new(&mut waiting).poll(&mut Context::from_waker(&waker)), Poll::Pending);
        limiter.set_tokens(1);
        assert_eq!(woken.recv(), Ok(1));
        future::block_on(waiting);
    });
}

#[test]
fn a_limiter_may_have_any_number_of_tokens() {
    in_time(|| {
        let limiter = Limiter::new(1);
        limiter.set_tokens(usize::MAX);
        assert_eq!(future::block_on(limiter.run_sync(|| 1 + 1)), 2);
        limiter.set_tokens(1);
        assert_eq!(future::block_on(limiter.run_sync(|| 1 + 1)), 2);
        limiter.set_tokens(usize::MAX);
        assert_eq!(limiter.tokens(), usize::MAX);
    });
}

#[test]
fn a_closure_without_any_time_never_runs() {
    let (sender, ran) = mpsc::channel();
    let late = orm_exec::bridge::run_sync(move || sender.send(()).unwrap()).timeout(Duration::ZERO);
    let error = future::block_on(late).unwrap_err();
    assert!(error.to_string().contains("its closure never ran"), "{error}");
    assert_eq!(ran.recv(), Err(mpsc::RecvError));
}
