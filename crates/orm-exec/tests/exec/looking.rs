//! Under `Dispatch::Auto`, the thread that sent a job to a worker looks for the answer for a moment.

use std::panic::Location;
use std::sync::{Arc, Mutex};

use futures_lite::future;
use orm_core::sql;
use orm_exec::bridge::{Urgency, WorkerJob, Workers};
use orm_exec::{Access, Engine};

use crate::support::{Folder, full_again, insert};

/// Runs each job before the task that sent it goes on; or keeps it, for as long as it is told to.
#[derive(Default)]
struct Prompt {
    kept: Mutex<Option<Vec<WorkerJob>>>,
}

impl std::fmt::Debug for Prompt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Prompt")
    }
}

impl Workers for Prompt {
    fn spawn(&self, _urgency: Urgency, job: WorkerJob) {
        match &mut *self.kept.lock().unwrap() {
            Some(kept) => kept.push(job),
            None => job(),
        }
    }
}

impl Prompt {
    fn keep(&self) {
        *self.kept.lock().unwrap() = Some(Vec::new());
    }

    fn run_kept(&self) {
        let kept = self.kept.lock().unwrap().take();
        kept.into_iter().flatten().for_each(|job| job());
    }
}

async fn open(folder: &Folder, dispatch: &str, workers: Arc<Prompt>) -> Engine {
    let url = folder.url(&format!("?readers=1&dispatch={dispatch}"));
    let engine = Engine::builder(&url).workers(workers).open().await.unwrap();
    engine.execute(sql("CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER UNIQUE)")).await.unwrap();
    engine
}

#[test]
fn an_answer_that_is_there_soon_needs_no_second_poll() {
    future::block_on(async {
        for (dispatch, is_there) in [("auto", true), ("worker", false)] {
            let folder = Folder::new();
            let engine = open(&folder, dispatch, Arc::default()).await;
            let before = engine.statistics();
            let mut written = engine.execute(sql("INSERT INTO t (n) VALUES (1)"));
            let polled = future::poll_once(&mut written).await;
            assert_eq!(polled.is_some(), is_there, "{dispatch}");
            let written = match polled {
                Some(written) => written,
                None => written.await,
            };
            assert_eq!(written.unwrap(), 1);
            let now = engine.statistics();
            assert_eq!((now.hops - before.hops, now.inline - before.inline), (1, 0), "it went to a worker");
            let wrong = engine.execute(sql("INSERT INTO t (n) VALUES (1)")).await.unwrap_err().to_string();
            assert!(wrong.contains("t.n"), "{wrong}");
            full_again(&engine);
        }
    });
}

#[test]
fn one_that_takes_longer_is_waited_for_as_always() {
    future::block_on(async {
        let (folder, workers) = (Folder::new(), Arc::new(Prompt::default()));
        let engine = open(&folder, "auto", Arc::clone(&workers)).await;
        workers.keep();
        let mut written = engine.execute(sql("INSERT INTO t (n) VALUES (1)"));
        assert!(future::poll_once(&mut written).await.is_none());
        workers.run_kept();
        assert_eq!(written.await.unwrap(), 1);
        // Dropped after it was looked for.
        workers.keep();
        let mut dropped = engine.execute(sql("INSERT INTO t (n) VALUES (2)"));
        assert!(future::poll_once(&mut dropped).await.is_none());
        drop(dropped);
        workers.run_kept();
        full_again(&engine);
        assert_eq!(engine.all(sql("SELECT n FROM t").returning::<i64>()).await.unwrap(), [1]);
    });
}

#[test]
fn none_is_looked_for_while_another_connection_is_in_use() {
    future::block_on(async {
        let folder = Folder::new();
        let engine = open(&folder, "auto", Arc::default()).await;
        let reader = engine.lease(Access::Read, Location::caller()).await.unwrap();
        let mut written = engine.execute(sql("INSERT INTO t (n) VALUES (1)"));
        assert!(future::poll_once(&mut written).await.is_none(), "others may wait for their answers");
        written.await.unwrap();
        drop(reader);
        assert!(future::poll_once(insert(&engine, 2)).await.is_some());
    });
}
