//! What the peers on tokio share: the runtime, tasks that read at once, and a task that ticks.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use sqlite_bench_common::{
    CONNECTIONS, Checksum, Fault, Lap, PATIENCE, Run, Work, slow_in, slowest_of_a_hundred,
};

/// Runs the work as a task, as a request of a server would be one.
pub(crate) fn run(
    run: &Run,
    work: impl Future<Output = Result<(), Fault>> + Send + 'static,
) -> Result<(), Fault> {
    let runtime = match run.work {
        // What is measured is a thread that has two things to do.
        Work::Stall => tokio::runtime::Builder::new_current_thread().enable_all().build()?,
        _ => tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?,
    };
    runtime.block_on(runtime.spawn(work))?
}

/// Tasks that read at once: how many, and how often each does.
pub(crate) fn tasks_of(run: &Run) -> (usize, usize) {
    match run.work {
        Work::Tail => (run.size.tail_tasks, run.size.tail_reads),
        _ => (run.size.tasks, run.size.reads / run.size.tasks),
    }
}

/// The reads of one task, and how long each took.
pub(crate) type Reads<T> = Result<Vec<(T, Duration)>, Fault>;

/// All reads are done by `read_all(task, keys)`, which does those of one task.
pub(crate) async fn read_together<T: Send + 'static, F: Future<Output = Reads<T>> + Send + 'static>(
    run: &Run,
    read_all: impl Fn(usize, Vec<i64>) -> F,
    sum_of: impl Fn(&[T]) -> Checksum,
) -> Result<Lap, Fault> {
    let (tasks, reads) = tasks_of(run);
    // All connections are open, and know the statement.
    spawn_all(run, tasks, 1, &read_all).await?;
    let start = Instant::now();
    let done = spawn_all(run, tasks, reads, &read_all).await?;
    let time = start.elapsed();
    let (found, times): (Vec<T>, Vec<Duration>) = done.into_iter().unzip();
    Ok(Lap::new(time, sum_of(&found)).and("p99", slowest_of_a_hundred(times)))
}

async fn spawn_all<T: Send + 'static, F: Future<Output = Reads<T>> + Send + 'static>(
    run: &Run,
    tasks: usize,
    reads: usize,
    read_all: &impl Fn(usize, Vec<i64>) -> F,
) -> Reads<T> {
    let keys = |task: usize| (task * reads..(task + 1) * reads).map(|at| run.size.key(at)).collect();
    let spawned: Vec<_> = (0..tasks).map(|task| tokio::spawn(read_all(task, keys(task)))).collect();
    let mut done = Vec::with_capacity(tasks * reads);
    for task in spawned {
        done.extend(task.await??);
    }
    Ok(done)
}

/// As many slow queries as there are connections, each given up by a task of its own; in the first round, which warms up, quick ones.
/// Answers how long it took until the last task was told so, or had its answer all the same: where the database runs on the thread of
/// the executor, the timer has no turn before.
pub(crate) async fn give_up<F: Future<Output = Result<(), Fault>> + Send + 'static>(
    round: usize,
    query: impl Fn(usize, &'static str) -> F,
) -> Result<Duration, Fault> {
    let start = Instant::now();
    let given_up: Vec<_> = (0..CONNECTIONS)
        .map(|task| tokio::spawn(tokio::time::timeout(PATIENCE, query(task, slow_in(round)))))
        .collect();
    for task in given_up {
        task.await?.unwrap_or(Ok(()))?;
    }
    Ok(start.elapsed())
}

/// A task that sleeps for a millisecond again and again, and notes how long that took, while another one reads.
pub(crate) struct Ticker {
    is_done: Arc<AtomicBool>,
    task: tokio::task::JoinHandle<Duration>,
}

impl Ticker {
    pub(crate) fn start() -> Self {
        let is_done = Arc::new(AtomicBool::new(false));
        Self { task: tokio::spawn(tick(Arc::clone(&is_done))), is_done }
    }

    /// The longest gap.
    pub(crate) async fn stop(self) -> Result<Duration, Fault> {
        self.is_done.store(true, Ordering::Relaxed);
        Ok(self.task.await?)
    }
}

/// Times that the rows are read meanwhile.
pub(crate) fn times(round: usize) -> usize {
    if round == 0 { 1 } else { 5 }
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
