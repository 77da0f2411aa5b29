//! A test double: tasks and jobs in one order, drawn from a seed.
//!
//! ```text
//! block_on:  draw ──► a task that was woken ──► poll it
//!             ▲  └──► a job ──► its thread runs it to its end, or until it waits for a task; this thread waits
//!             └────────────────────────────────────────────────────────────────────────────────────────────────
//! ```
//!
//! A job has a thread of its own, so that a closure can wait in `from_worker` half way, but only one thread runs at a time:
//! the [`Baton`] goes to the job and comes back.

mod baton;

use std::cell::RefCell;
use std::fmt;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

pub(super) use baton::Baton;

use super::workers::{Urgency, WorkerJob, Workers};
use crate::sync::lock;

/// Runs the tasks of a test, and the jobs of its engines, one at a time, in an order drawn from a seed: the same seed
/// gives the same order, other seeds find other interleavings. For tests of code that several tasks run at once.
///
/// It drives what goes through it: engines opened with it as their [`workers`](crate::EngineBuilder::workers), and
/// [`run_sync`](super::run_sync) inside [`block_on`](Self::block_on). Clones are the same double.
///
/// A job runs from its beginning to its end, except that a closure in [`from_worker`](super::from_worker) lets others go
/// on. So a closure that blocks for anything else that another task is to do hangs. Time is real: what a timer wakes,
/// another thread does, or another process has locked comes when it comes. Cheap reads that an engine runs on the task's own
/// thread are no jobs: open it with `Dispatch::Worker` to have more places at which the order can differ.
///
/// ```
/// use std::sync::Arc;
/// use anyorm::bridge::Deterministic;
/// use anyorm::prelude::*;
///
/// /// Reads, and then writes what it has read plus one: two of them at once lose one.
/// async fn increment(engine: Engine) -> anyorm::Result<()> {
///     let n = engine.scalar(sql("SELECT n FROM counter").returning::<i64>()).await?;
///     engine.execute(sql("UPDATE counter SET n = ?").bind(n + 1)).await?;
///     Ok(())
/// }
///
/// fn count_to_two(seed: u64) -> i64 {
///     let double = Deterministic::new(seed);
///     let engine = double.block_on(async {
///         let engine = Engine::builder("sqlite::memory:").workers(Arc::new(double.clone())).open().await?;
///         engine.execute(sql("CREATE TABLE counter AS SELECT 0 AS n")).await?;
///         Ok::<_, anyorm::Error>(engine)
///     });
///     let engine = engine.unwrap();
///     for done in double.block_on_all(vec![increment(engine.clone()), increment(engine.clone())]) {
///         done.unwrap();
///     }
///     let n = engine.scalar(sql("SELECT n FROM counter").returning::<i64>());
///     double.block_on(n).unwrap()
/// }
///
/// let results: Vec<i64> = (0..20).map(count_to_two).collect();
/// assert!(results.contains(&1), "a seed that shows the race");
/// assert_eq!(results, (0..20).map(count_to_two).collect::<Vec<_>>(), "and shows it each time");
/// ```
#[derive(Clone)]
pub struct Deterministic(Arc<Shared>);

struct Shared {
    seed: u64,
    state: Mutex<State>,
    /// There is a task to poll, or a job to run.
    changed: Condvar,
}

struct State {
    random: u64,
    jobs: Vec<Work>,
    /// Tasks that were woken, by their index.
    ready: Vec<usize>,
    /// Counts the calls of `block_on`: wakers of earlier ones wake nobody.
    call: u64,
    /// Whether a thread is inside `block_on`.
    driven: bool,
}

/// What a worker thread would do.
enum Work {
    Begin(WorkerJob),
    GoOn(Arc<Baton>),
}

/// What is next.
enum Next {
    Poll(usize),
    Run(Work),
}

thread_local! {
    /// The double that this thread drives.
    static DRIVEN: RefCell<Option<Deterministic>> = const { RefCell::new(None) };
}

impl Deterministic {
    /// A double that draws from this seed.
    pub fn new(seed: u64) -> Self {
        let state = State { random: seed, jobs: Vec::new(), ready: Vec::new(), call: 0, driven: false };
        Self(Arc::new(Shared { seed, state: Mutex::new(state), changed: Condvar::new() }))
    }

    /// Runs a test once for each seed.
    ///
    /// # Panics
    /// If the test does, naming the seed.
    ///
    /// ```
    /// use anyorm::bridge::{Deterministic, run_sync};
    /// Deterministic::with_seeds(0..10, |double| {
    ///     assert_eq!(double.block_on(async { run_sync(|| 6 * 7).await }), 42);
    /// });
    /// ```
    pub fn with_seeds(seeds: impl IntoIterator<Item = u64>, test: impl Fn(&Self)) {
        for seed in seeds {
            let double = Self::new(seed);
            if let Err(panic) = catch_unwind(AssertUnwindSafe(|| test(&double))) {
                let text = panic.downcast_ref::<String>().map(String::as_str);
                match text.or_else(|| panic.downcast_ref::<&str>().copied()) {
                    Some(text) => panic!("with seed {seed}: {text}"),
                    None => resume_unwind(panic),
                }
            }
        }
    }

    /// The seed.
    ///
    /// ```
    /// assert_eq!(anyorm::bridge::Deterministic::new(7).seed(), 7);
    /// ```
    pub fn seed(&self) -> u64 {
        self.0.seed
    }

    /// Runs a future to its end, and the jobs that it sends. Jobs that are left at the end, the clean-up of what was
    /// dropped, are run before this returns.
    ///
    /// # Panics
    /// If the future does; and inside another `block_on` of the same double.
    pub fn block_on<T>(&self, future: impl Future<Output = T>) -> T {
        let mut outputs = self.block_on_all(vec![future]);
        outputs.pop().expect("one future has one output")
    }

    /// Runs futures to their ends, each as a task of its own, in turns: after each poll and each job the next one is drawn
    /// from all that could go on. Answers their outputs in the order of the futures. Otherwise as
    /// [`block_on`](Self::block_on).
    ///
    /// # Panics
    /// If one of the futures does, and then the others are dropped; and inside another `block_on` of the same double.
    pub fn block_on_all<T>(&self, futures: Vec<impl Future<Output = T>>) -> Vec<T> {
        let driving = Driving::begin(self, futures.len());
        let mut outputs: Vec<Option<T>> = futures.iter().map(|_| None).collect();
        let mut tasks: Vec<_> = futures.into_iter().map(|future| Some(Box::pin(future))).collect();
        let wakers: Vec<Waker> = (0..tasks.len()).map(|task| driving.waker(task)).collect();
        while outputs.iter().any(Option::is_none) {
            let task = match self.next() {
                Next::Run(work) => {
                    self.run(work);
                    continue;
                }
                Next::Poll(task) => task,
            };
            let Some(future) = &mut tasks[task] else { continue };
            if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&wakers[task])) {
                outputs[task] = Some(output);
                tasks[task] = None;
            }
        }
        drop(driving);
        outputs.into_iter().flatten().collect()
    }

    /// The double that this thread is part of.
    pub(super) fn of_this_thread() -> Option<Self> {
        let driven = DRIVEN.with_borrow(Option::clone);
        driven.or_else(|| Baton::of_this_thread().map(|baton| baton.double().clone()))
    }

    /// Lets jobs run until something has happened, on the thread that drives: it waits there, and no task can be polled.
    /// Answers false if there are no more jobs, so that only another thread can help.
    pub(super) fn run_jobs_until(happened: impl Fn() -> bool) -> bool {
        let Some(double) = DRIVEN.with_borrow(Option::clone) else { return false };
        while !happened() {
            let work = double.state().draw_job();
            let Some(work) = work else { return false };
            double.run(work);
        }
        true
    }

    /// A job that waited may go on.
    fn go_on(&self, baton: Arc<Baton>) {
        self.add(Work::GoOn(baton));
    }

    fn add(&self, work: Work) {
        let mut state = self.state();
        if !state.driven {
            drop(state);
            // Nobody would ever draw it.
            self.run(work);
            return;
        }
        state.jobs.push(work);
        drop(state);
        self.0.changed.notify_one();
    }

    /// Waits until there is something to do, and draws from it.
    fn next(&self) -> Next {
        let mut state = self.state();
        loop {
            let choices = state.ready.len() + state.jobs.len();
            if choices > 0 {
                let at = state.draw(choices);
                return match at.checked_sub(state.ready.len()) {
                    None => Next::Poll(state.ready.remove(at)),
                    Some(job) => Next::Run(state.jobs.remove(job)),
                };
            }
            state = self.0.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Runs a job until it ends, or waits.
    fn run(&self, work: Work) {
        match work {
            Work::Begin(job) => Baton::begin(self.clone(), job),
            Work::GoOn(baton) => baton.give(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.0.state)
    }
}

impl Workers for Deterministic {
    fn spawn(&self, _urgency: Urgency, job: WorkerJob) {
        self.add(Work::Begin(job));
    }
}

impl State {
    /// A number below `end`: splitmix64, which has no bad seeds.
    fn draw(&mut self, end: usize) -> usize {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.random;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % end as u64) as usize
    }

    fn draw_job(&mut self) -> Option<Work> {
        match self.jobs.len() {
            0 => None,
            jobs => {
                let at = self.draw(jobs);
                Some(self.jobs.remove(at))
            }
        }
    }
}

/// While a thread is inside `block_on`. In the end what is left is run.
struct Driving {
    double: Deterministic,
    call: u64,
    before: Option<Deterministic>,
}

impl Driving {
    fn begin(double: &Deterministic, tasks: usize) -> Self {
        let mut state = double.state();
        assert!(
            !state.driven,
            "`block_on` was called inside `block_on` of the same double: await the future instead"
        );
        state.driven = true;
        state.call += 1;
        state.ready = (0..tasks).collect();
        let call = state.call;
        drop(state);
        let before = DRIVEN.replace(Some(double.clone()));
        Self { double: double.clone(), call, before }
    }

    fn waker(&self, task: usize) -> Waker {
        Waker::from(Arc::new(TaskWaker { double: self.double.clone(), call: self.call, task }))
    }
}

impl Drop for Driving {
    fn drop(&mut self) {
        loop {
            let mut state = self.double.state();
            let Some(work) = state.draw_job() else {
                state.driven = false;
                break;
            };
            drop(state);
            self.double.run(work);
        }
        DRIVEN.set(self.before.take());
    }
}

struct TaskWaker {
    double: Deterministic,
    call: u64,
    task: usize,
}

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let mut state = self.double.state();
        if state.call == self.call && !state.ready.contains(&self.task) {
            state.ready.push(self.task);
            drop(state);
            self.double.0.changed.notify_one();
        }
    }
}

impl fmt::Debug for Deterministic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Deterministic").field("seed", &self.0.seed).finish_non_exhaustive()
    }
}
