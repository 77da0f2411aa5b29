//! The same work by hand, through the bridge, and through a session, timed side by side.
//!
//! ```text
//! cargo run --release --example comparison
//! ```
//!
//! Three works on one file of 1,000 users: 100 reads one after the other, 10 tasks with 10 reads each, and one transaction that
//! changes 100 rows. They are done in six ways. The first one is what synchronous code costs, and blocks the thread of the task
//! while it runs; all others leave that thread to the executor, but for `Auto`, which reads on it under a guard.
//!
//! What it shows: the way to the worker and back is what counts, not what travels. Whoever goes there once for each
//! statement, by hand or not, pays it each time; whoever collects statements pays it once.

#![allow(clippy::print_stdout, reason = "an example tells what it does")]

mod by_hand;
mod by_session;
mod table;

use std::time::{Duration, Instant};

use anyorm::prelude::*;
use async_executor::LocalExecutor;
use futures_lite::future::block_on;

/// Each way does each work so many times, in turns. The medians count.
const ROUNDS: usize = 15;
const USERS: i64 = 1_000;
const READS: i64 = 100;
const TASKS: i64 = 10;

#[derive(Clone, Debug, Default, Entity)]
#[entity(table = "users")]
struct User {
    #[key]
    id: i64,
    name: String,
    visits: i64,
}

/// A way to do the work.
trait Way {
    fn name(&self) -> &'static str;
    /// Reads so many users one after the other; answers the sum of their keys.
    async fn read_in_a_row(&self) -> anyorm::Result<i64>;
    /// Reads them from ten tasks on one thread.
    async fn read_at_once(&self) -> anyorm::Result<i64>;
    /// Adds a visit to each of so many users, in one transaction.
    async fn change(&self) -> anyorm::Result<()>;
}

/// The keys that are read: not in the order of the file.
fn keys() -> impl Iterator<Item = i64> {
    (0..READS).map(|at| at * 7919 % USERS + 1)
}

/// The share of one of the tasks.
fn keys_of(task: i64) -> impl Iterator<Item = i64> {
    keys().skip((task * READS / TASKS) as usize).take((READS / TASKS) as usize)
}

/// Ten tasks on this thread.
async fn at_once<F: Future<Output = anyorm::Result<i64>>>(work: impl Fn(i64) -> F) -> anyorm::Result<i64> {
    let executor = LocalExecutor::new();
    let tasks: Vec<_> = (0..TASKS).map(|task| executor.spawn(work(task))).collect();
    let all = async {
        let mut sum = 0;
        for task in tasks {
            sum += task.await?;
        }
        Ok(sum)
    };
    executor.run(all).await
}

fn main() -> anyorm::Result<()> {
    let folder = std::env::temp_dir().join(format!("anyorm-comparison-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder for the file");
    let file = folder.join("users.db");
    let times = block_on(compare(file.to_str().expect("a path in UTF-8")));
    std::fs::remove_dir_all(&folder).expect("the folder is ours");
    print!("{}", table::of(&times?));
    Ok(())
}

/// The medians of each way: in a row, at once, changed.
async fn compare(file: &str) -> anyorm::Result<Vec<(&'static str, [Duration; 3])>> {
    let url = format!("sqlite://{file}");
    let engine = Engine::open(&url).await?;
    engine.create_all(&schema![User]).await?;
    let users = (1..=USERS).map(|id| User { id, name: format!("User {id}"), visits: 0 });
    engine.insert_many(users).await?;

    let auto = Engine::open(&format!("{url}?dispatch=auto")).await?;
    let on_the_thread = time(by_hand::OnTheThread::open(file)).await?;
    let times = vec![
        on_the_thread,
        time(by_hand::ThroughTheBridge::open(file, by_hand::Trips::OneEach)).await?,
        time(by_hand::ThroughTheBridge::open(file, by_hand::Trips::One)).await?,
        time(by_session::ByEngine(engine.clone())).await?,
        time(by_session::BySession(engine.clone(), "session, Worker")).await?,
        time(by_session::BySession(auto, "session, Auto")).await?,
    ];
    // Every way has added one visit to the same users in each round, and once before.
    let visits = User::select().filter(User::VISITS.gt(0)).columns((count_all(), min(User::VISITS)));
    let expected = (ROUNDS as i64 + 1) * times.len() as i64;
    assert_eq!(engine.one(visits).await?, (READS, Some(expected)));
    Ok(times)
}

async fn time(way: impl Way) -> anyorm::Result<(&'static str, [Duration; 3])> {
    let sum: i64 = keys().sum();
    let mut times: [Vec<Duration>; 3] = Default::default();
    for round in 0..=ROUNDS {
        let start = Instant::now();
        assert_eq!(way.read_in_a_row().await?, sum);
        let in_a_row = start.elapsed();
        assert_eq!(way.read_at_once().await?, sum);
        let at_once = start.elapsed() - in_a_row;
        way.change().await?;
        let changed = start.elapsed() - in_a_row - at_once;
        // The first round warms up.
        if round > 0 {
            times.iter_mut().zip([in_a_row, at_once, changed]).for_each(|(times, time)| times.push(time));
        }
    }
    let median = |mut times: Vec<Duration>| {
        times.sort();
        times[times.len() / 2]
    };
    Ok((way.name(), times.map(median)))
}
