//! What needs more than one task.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyorm::prelude::*;
use sqlite_bench_common::{
    CONNECTIONS, Fault, Lap, PATIENCE, Size, poll_once, slow_in, slowest_of_a_hundred,
};

use crate::executor::Executor;
use crate::model::{User, sum_of};

/// Times that the rows are read while a task ticks.
const TIMES: usize = 5;

pub(crate) async fn read_together(
    engine: &Engine,
    executor: Executor,
    size: Size,
    tasks: usize,
    reads: usize,
) -> Result<Lap, Fault> {
    // All readers are open, and know the statement.
    futures_of(engine, executor, size, tasks, 1).await?;
    let start = Instant::now();
    let parts = futures_of(engine, executor, size, tasks, reads).await?;
    let time = start.elapsed();
    let (found, times): (Vec<User>, Vec<Duration>) = parts.into_iter().flatten().unzip();
    Ok(Lap::new(time, sum_of(&found)).and("p99", slowest_of_a_hundred(times)))
}

async fn futures_of(
    engine: &Engine,
    executor: Executor,
    size: Size,
    tasks: usize,
    reads: usize,
) -> Result<Vec<Vec<(User, Duration)>>, Fault> {
    let spawned: Vec<_> = (0..tasks)
        .map(|task| {
            let keys = (task * reads..(task + 1) * reads).map(move |at| size.key(at));
            executor.spawn(read_all(engine.clone(), keys))
        })
        .collect();
    let mut parts = Vec::with_capacity(tasks);
    for task in spawned {
        parts.push(task.await?);
    }
    Ok(parts)
}

async fn read_all(
    engine: Engine,
    keys: impl Iterator<Item = i64> + Send,
) -> Result<Vec<(User, Duration)>, Fault> {
    let mut found = Vec::new();
    for key in keys {
        let start = Instant::now();
        let user = engine.first(User::select().filter(User::ID.eq(key))).await?;
        found.push((user.ok_or("a user is missing")?, start.elapsed()));
    }
    Ok(found)
}

/// The thread of this executor has two tasks: one that reads, and one that sleeps for a millisecond again and again, and
/// notes how long that took.
pub(crate) async fn stall(engine: &Engine, round: usize) -> Result<Lap, Fault> {
    let is_done = Arc::new(AtomicBool::new(false));
    let ticker = tokio::spawn(tick(Arc::clone(&is_done)));
    let start = Instant::now();
    let mut found = Vec::new();
    for _ in 0..if round == 0 { 1 } else { TIMES } {
        found = engine.all(User::select()).await?;
    }
    let time = start.elapsed();
    is_done.store(true, Ordering::Relaxed);
    // Before the sum, which keeps this thread for long.
    let longest = ticker.await?;
    Ok(Lap::new(time, sum_of(&found)).and("stall", longest))
}

async fn tick(is_done: Arc<AtomicBool>) -> Duration {
    let mut longest = Duration::ZERO;
    while !is_done.load(Ordering::Relaxed) {
        let start = Instant::now();
        tokio::time::sleep(Duration::from_millis(1)).await;
        longest = longest.max(start.elapsed());
    }
    longest
}

pub(crate) async fn recovery(engine: &Engine, size: Size) -> Result<Lap, Fault> {
    let read = |key| engine.first(User::select().filter(User::ID.eq(key)));
    for at in 0..size.dropped {
        poll_once(read(size.key(at))).await;
    }
    let start = Instant::now();
    let user = read(1).await?.ok_or("a user is missing")?;
    Ok(Lap::new(start.elapsed(), sum_of([&user])))
}

/// By anyorm's own deadline, which is there under any executor.
pub(crate) async fn given_up(engine: &Engine, round: usize) -> Result<Lap, Fault> {
    let start = Instant::now();
    let slow = |_| {
        let engine = engine.clone();
        tokio::spawn(
            async move { engine.scalar(sql(slow_in(round)).returning::<i64>()).timeout(PATIENCE).await },
        )
    };
    for slow in (0..CONNECTIONS).map(slow).collect::<Vec<_>>() {
        if slow.await?.is_ok() && round > 0 {
            return Err("a slow query was not given up".into());
        }
    }
    let told = start.elapsed();
    let user = engine.first(User::select().filter(User::ID.eq(1))).await?.ok_or("a user is missing")?;
    Ok(Lap::new(start.elapsed(), sum_of([&user])).and("told", told))
}
