//! One program, five executors, no feature flag: `app` names none of them.
//!
//! ```text
//! cargo run --example executors
//! ```

#![allow(clippy::print_stdout, reason = "an example tells what it does")]

use std::future::Future;

use anyorm::prelude::*;

#[derive(Clone, Debug, Default, Entity)]
#[entity(table = "visits")]
struct Visit {
    #[key(auto)]
    id: i64,
    executor: String,
    count: i64,
}

/// Writes, changes and reads; answers what it read.
async fn app(executor: &'static str) -> anyorm::Result<String> {
    let engine = Engine::open("sqlite::memory:").await?;
    engine.create_all(&schema![Visit]).await?;

    let mut session = engine.session();
    let visit = session.add(Visit { executor: executor.into(), ..Default::default() });
    session.commit().await?;

    session[visit].count += 1;
    session.commit().await?;

    let rows: Vec<Visit> = engine.all(Visit::select().filter(Visit::EXECUTOR.eq(executor))).await?;
    assert_eq!((rows.len(), rows[0].id, rows[0].count), (1, 1, 1));
    Ok(format!("{}: visit {}, counted {}", rows[0].executor, rows[0].id, rows[0].count))
}

fn main() -> anyorm::Result<()> {
    let lines = [
        tokio_multi_thread(app("tokio, multi-thread"))?,
        tokio_current_thread(app("tokio, current-thread"))?,
        smol::block_on(smol::spawn(app("smol")))?,
        async_std::task::block_on(async_std::task::spawn(app("async-std")))?,
        async_executor(app("async-executor"))?,
        futures_lite::future::block_on(app("futures-lite"))?,
    ];
    for line in &lines {
        println!("{line}");
    }
    assert_eq!(lines.len(), 6);
    assert!(lines.iter().all(|line| line.ends_with(": visit 1, counted 1")));
    Ok(())
}

/// Spawned, so that the future moves to a worker thread: it is `Send`.
fn tokio_multi_thread<T: Send + 'static>(future: impl Future<Output = T> + Send + 'static) -> T {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().expect("tokio starts");
    runtime.block_on(runtime.spawn(future)).expect("the task does not panic")
}

/// Neither timers nor I/O drivers are enabled: anyorm asks tokio for nothing.
fn tokio_current_thread<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().expect("tokio starts").block_on(future)
}

fn async_executor<T: Send + 'static>(future: impl Future<Output = T> + Send + 'static) -> T {
    let executor = async_executor::Executor::new();
    futures_lite::future::block_on(executor.run(executor.spawn(future)))
}
