//! From a closure on its worker thread back into async code.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use anyorm::bridge::{OnDrop, from_worker, run_sync};
use anyorm::prelude::*;
use anyorm::{Error, Result};
use anyorm_tests::{Account, blog};
use futures_lite::future;
use orm_testkit::{Behaviour, Database, behaviours};

pub(crate) const BEHAVIOURS: &[Behaviour] = &behaviours![
    a_future_is_polled_in_the_task_that_awaits_the_closure,
    many_calls_one_after_the_other,
    a_closure_inside_a_future_inside_a_closure,
    a_session_works_inside_a_closure,
    a_panic_of_the_future_resumes_in_the_closure,
    a_panic_that_the_closure_lets_pass_reaches_the_task,
    a_closure_whose_caller_is_dropped_goes_on_with_an_error,
    a_drop_that_waits_lets_the_closure_out_of_its_future,
    a_timeout_lets_the_closure_out_of_its_future,
    a_call_after_the_drop_is_answered_at_once,
    outside_of_a_closure_it_says_so,
];

const PATIENCE: Duration = Duration::from_secs(30);

async fn a_future_is_polled_in_the_task_that_awaits_the_closure(_: Database) -> Result<()> {
    let outside = tokio::runtime::Handle::try_current().is_ok();
    let (inside, polled_on, here) = run_sync(|| {
        let (inside, polled_on) = from_worker(async {
            future::yield_now().await;
            (tokio::runtime::Handle::try_current().is_ok(), thread::current().id())
        })
        .expect("somebody awaits");
        (inside, polled_on, thread::current().id())
    })
    .await;
    assert_eq!(inside, outside, "where there is a runtime, its timers and sockets work in there");
    assert_ne!(polled_on, here);
    Ok(())
}

async fn many_calls_one_after_the_other(db: Database) -> Result<()> {
    let engine = db.engine.clone();
    let sum = run_sync(move || {
        let mut sum = 0;
        for n in 1..=50 {
            let engine = engine.clone();
            let query = sql("SELECT CAST(? AS BIGINT)").bind(n).returning::<i64>();
            sum += from_worker(async move { engine.scalar(query).await })??;
        }
        Ok::<_, Error>(sum)
    });
    assert_eq!(sum.await?, 1275);
    Ok(())
}

async fn a_closure_inside_a_future_inside_a_closure(_: Database) -> Result<()> {
    let depth = run_sync(|| {
        from_worker(async {
            let inner = run_sync(|| from_worker(async { run_sync(|| 3).await }).expect("it is awaited"));
            inner.await + 20
        })
        .expect("it is awaited")
            + 100
    });
    assert_eq!(depth.await, 123);
    Ok(())
}

async fn a_session_works_inside_a_closure(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let account = session.add(Account { id: 1, balance: 10 });
    let mut session = run_sync(move || {
        let mut session = from_worker(async move {
            session.flush().await?;
            Ok::<_, Error>(session)
        })??;
        // Blocking work on an entity, between two calls of its session.
        session[account].balance *= 2;
        from_worker(async move {
            session.commit().await?;
            Ok::<_, Error>(session)
        })?
    })
    .await?;
    assert!(!session.in_transaction());
    session[account].balance += 1;
    session.commit().await?;
    assert_eq!(db.engine.all(Account::select().columns(Account::BALANCE)).await?, [21]);
    Ok(())
}

async fn a_panic_of_the_future_resumes_in_the_closure(_: Database) -> Result<()> {
    let caught = run_sync(|| {
        let panic = catch_unwind(|| from_worker(async { panic!("in the future") }).map(|(): ()| ()));
        let text = panic.map(|_| ()).unwrap_err().downcast_ref::<&str>().map(|text| (*text).to_owned());
        // The closure may call again.
        (text, from_worker(async { 7 }).expect("it is awaited"))
    });
    assert_eq!(caught.await, (Some("in the future".to_owned()), 7));
    Ok(())
}

async fn a_panic_that_the_closure_lets_pass_reaches_the_task(_: Database) -> Result<()> {
    let call = run_sync(|| from_worker(async { panic!("in the future") }).map(|(): ()| ()));
    let caught = futures_lite::FutureExt::catch_unwind(AssertUnwindSafe(call)).await;
    assert_eq!(caught.unwrap_err().downcast_ref::<&str>(), Some(&"in the future"));
    Ok(())
}

async fn a_closure_whose_caller_is_dropped_goes_on_with_an_error(_: Database) -> Result<()> {
    let (tell, told) = mpsc::channel();
    let mut call = run_sync(move || tell.send(from_worker(future::pending::<()>())));
    // Once it was polled after the worker asked, or before: both must end.
    for _ in 0..2 {
        assert!(future::poll_once(&mut call).await.is_none());
        thread::sleep(Duration::from_millis(3));
    }
    drop(call);
    // A closure that had not begun after all never runs.
    if let Ok(answer) = told.recv_timeout(PATIENCE) {
        assert!(matches!(answer, Err(Error::Cancelled)), "{answer:?}");
    }
    Ok(())
}

async fn a_drop_that_waits_lets_the_closure_out_of_its_future(_: Database) -> Result<()> {
    let (tell, told) = mpsc::channel();
    let (started, start) = mpsc::channel();
    let mut call = run_sync(move || {
        started.send(()).expect("the test listens");
        tell.send(from_worker(future::pending::<()>()))
    })
    .on_drop(OnDrop::Wait);
    assert!(future::poll_once(&mut call).await.is_none());
    start.recv_timeout(PATIENCE).expect("the closure begins");
    drop(call);
    assert!(matches!(told.try_recv(), Ok(Err(Error::Cancelled))));
    Ok(())
}

async fn a_timeout_lets_the_closure_out_of_its_future(_: Database) -> Result<()> {
    let call = run_sync(|| from_worker(future::pending::<()>()).map(drop)).on_drop(OnDrop::Wait);
    let error = call.timeout(Duration::from_millis(20)).await.unwrap_err();
    assert!(matches!(error, Error::Deadline(_)), "{error}");
    Ok(())
}

async fn a_call_after_the_drop_is_answered_at_once(_: Database) -> Result<()> {
    let (started, start) = mpsc::channel();
    let (go_on, gone_on) = mpsc::channel();
    let (tell, told) = mpsc::channel();
    let mut call = run_sync(move || {
        started.send(()).expect("the test listens");
        gone_on.recv_timeout(PATIENCE).expect("the test goes on");
        tell.send(from_worker(async {})).expect("the test listens");
    });
    assert!(future::poll_once(&mut call).await.is_none());
    start.recv_timeout(PATIENCE).expect("the closure begins");
    drop(call);
    go_on.send(()).expect("the closure listens");
    assert!(matches!(told.recv_timeout(PATIENCE), Ok(Err(Error::Cancelled))));
    Ok(())
}

async fn outside_of_a_closure_it_says_so(_: Database) -> Result<()> {
    let here = from_worker(async {}).unwrap_err();
    assert!(here.to_string().contains("closure of `run_sync`"), "{here}");
    let there = run_sync(|| thread::spawn(|| from_worker(async {})).join()).await;
    assert!(there.expect("that thread does not panic").is_err());
    Ok(())
}
