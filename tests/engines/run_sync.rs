//! Blocking code: what dropping and deadlines do to it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use std::time::Duration;

use anyorm::bridge::{Limiter, OnDrop, RunSync, check_cancelled, is_cancelled, run_sync};
use anyorm::{Error, Result};
use futures_lite::future;
use orm_testkit::{Behaviour, Database, behaviours};

pub(crate) const BEHAVIOURS: &[Behaviour] = &behaviours![
    a_closure_sees_that_it_was_dropped,
    a_drop_that_waits_returns_after_the_closure,
    a_drop_that_waits_does_not_wait_for_what_has_not_begun,
    a_timeout_tells_the_closure_and_frees_its_token,
    a_timeout_that_waits_ends_after_the_closure,
    a_timeout_in_line_for_a_token_runs_nothing,
    a_panic_of_the_closure_passes_through_a_timeout,
    what_ends_in_time_is_answered,
];

/// Longer than anything here takes: it only keeps a broken test from hanging.
const PATIENCE: Duration = Duration::from_secs(30);

/// A closure on its thread that ends when it is cancelled, and says whether it was.
fn until_cancelled(limiter: &Limiter) -> (RunSync<bool>, Receiver<()>, Arc<AtomicBool>) {
    let (started, start) = mpsc::channel();
    let ended = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&ended);
    let call = limiter.run_sync(move || {
        started.send(()).expect("the test listens");
        while !is_cancelled() {
            thread::sleep(Duration::from_millis(1));
        }
        assert!(matches!(check_cancelled(), Err(Error::Cancelled)));
        // Long enough that a caller who does not wait would look too early.
        thread::sleep(Duration::from_millis(5));
        flag.store(true, Ordering::SeqCst);
        true
    });
    (call, start, ended)
}

/// Polls a call once, and waits until its closure has begun.
async fn begin(call: &mut RunSync<bool>, start: Receiver<()>) {
    assert!(future::poll_once(call).await.is_none());
    start.recv_timeout(PATIENCE).expect("the closure begins");
}

fn eventually(ended: &AtomicBool) {
    let since = std::time::Instant::now();
    while !ended.load(Ordering::SeqCst) {
        assert!(since.elapsed() < PATIENCE, "the closure was not told");
        thread::sleep(Duration::from_millis(1));
    }
}

async fn a_closure_sees_that_it_was_dropped(_: Database) -> Result<()> {
    let (mut call, start, ended) = until_cancelled(&Limiter::new(1));
    begin(&mut call, start).await;
    drop(call);
    eventually(&ended);
    assert!(!is_cancelled() && check_cancelled().is_ok(), "this is no closure");
    Ok(())
}

async fn a_drop_that_waits_returns_after_the_closure(_: Database) -> Result<()> {
    let (call, start, ended) = until_cancelled(&Limiter::new(1));
    let mut call = call.on_drop(OnDrop::Wait);
    begin(&mut call, start).await;
    drop(call);
    assert!(ended.load(Ordering::SeqCst));
    Ok(())
}

async fn a_drop_that_waits_does_not_wait_for_what_has_not_begun(_: Database) -> Result<()> {
    let limiter = Limiter::new(1);
    let (mut first, start, ended) = until_cancelled(&limiter);
    begin(&mut first, start).await;
    let mut second = limiter.run_sync(|| ()).on_drop(OnDrop::Wait);
    assert!(future::poll_once(&mut second).await.is_none());
    drop(second);
    drop(first);
    eventually(&ended);
    Ok(())
}

async fn a_timeout_tells_the_closure_and_frees_its_token(_: Database) -> Result<()> {
    let limiter = Limiter::new(1);
    let (call, _start, ended) = until_cancelled(&limiter);
    let error = call.timeout(Duration::from_millis(30)).await.unwrap_err();
    let Error::Deadline(deadline) = &error else { panic!("{error:?}") };
    assert_eq!((deadline.call, deadline.limit), ("run_sync", Duration::from_millis(30)));
    assert!(error.to_string().contains("not done within 30ms"), "{error}");
    if deadline.left.contains("runs on") {
        eventually(&ended);
    }
    limiter.run_sync(|| ()).timeout(PATIENCE).await
}

async fn a_timeout_that_waits_ends_after_the_closure(_: Database) -> Result<()> {
    let (call, _start, ended) = until_cancelled(&Limiter::new(1));
    let error = call.on_drop(OnDrop::Wait).timeout(Duration::from_millis(30)).await.unwrap_err();
    let Error::Deadline(deadline) = &error else { panic!("{error:?}") };
    assert_eq!(deadline.left.contains("has ended"), ended.load(Ordering::SeqCst));
    Ok(())
}

async fn a_timeout_in_line_for_a_token_runs_nothing(_: Database) -> Result<()> {
    let limiter = Limiter::new(0);
    let (ran, runs): (Sender<()>, _) = mpsc::channel();
    let call = limiter.run_sync(move || ran.send(()));
    let error = call.timeout(Duration::from_millis(10)).await.unwrap_err();
    assert!(error.to_string().ends_with("its closure never ran"), "{error}");
    // The closure is gone, and with it its end of the channel.
    assert_eq!(runs.recv(), Err(mpsc::RecvError));
    Ok(())
}

async fn a_panic_of_the_closure_passes_through_a_timeout(_: Database) -> Result<()> {
    let call = run_sync(|| panic!("in the closure")).timeout(PATIENCE);
    let caught = futures_lite::FutureExt::catch_unwind(std::panic::AssertUnwindSafe(call)).await;
    let panic = caught.map(|result: Result<()>| result.is_ok()).unwrap_err();
    assert_eq!(panic.downcast_ref::<&str>(), Some(&"in the closure"));
    Ok(())
}

async fn what_ends_in_time_is_answered(_: Database) -> Result<()> {
    assert_eq!(run_sync(|| 6 * 7).timeout(PATIENCE).await?, 42);
    assert_eq!(run_sync(|| 6 * 7).timeout(Duration::MAX).await?, 42);
    assert_eq!(run_sync(|| 6 * 7).deadline(std::time::Instant::now() + PATIENCE).await?, 42);
    Ok(())
}
