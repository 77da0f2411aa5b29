//! The bound in front of the threads that the process shares, and who goes first.
//!
//! ```text
//! spawn ──► a place is free ──► an idle thread, or a new one ──► the job ──► the next job of the queues,
//!      └──► none is ───────────► a queue ───────────────────────────────────┘    on the same thread, which
//!                                                                                is idle when there is none
//! ```
//!
//! A thread that has ended a job takes the next one itself: to wake another thread costs far more than a small statement.
//! See [`idle`](super::idle) for those that find none.

use std::cell::Cell;
use std::collections::VecDeque;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard};

use super::idle::{Idle, Seat};
use super::told::Told;
use super::workers::Urgency;
use crate::sync::lock;

/// Places that only urgent jobs take. What they hold, others wait for, perhaps in all the other places.
const RESERVED: usize = 8;

/// So many urgent jobs overtake a normal one, and then it is its turn.
const OVERTAKING: u32 = 8;

/// At most `size` jobs at once, and [`RESERVED`] urgent ones more.
pub(crate) struct Gate(Arc<Shared>);

/// A job of an engine, or a closure.
pub(super) type Job = Box<dyn FnOnce() -> Told + Send>;

struct Shared(Mutex<State>);

thread_local! {
    /// Whether this thread ends a job, and takes the next one of the queue right after it.
    static LEAVES: Cell<bool> = const { Cell::new(false) };
}

/// At the end of a job, on its thread: the first normal job that `f` sends waits for this thread, which has its place to give.
pub(super) fn leave_next(f: impl FnOnce()) {
    LEAVES.set(true);
    let _reset = Reset;
    f();
}

/// Also after a panic.
struct Reset;

impl Drop for Reset {
    fn drop(&mut self) {
        LEAVES.set(false);
    }
}

/// A job that is given a thread.
pub(super) struct Task {
    job: Job,
    /// Whether it counts as one of those that run.
    has_place: bool,
}

struct State {
    size: usize,
    running: usize,
    idle: Idle,
    urgent: VecDeque<Job>,
    normal: VecDeque<Job>,
    /// How many urgent jobs overtook the first normal one.
    overtaken: u32,
}

#[cfg(test)]
impl Task {
    pub(super) fn of(job: Job) -> Self {
        Self { job, has_place: true }
    }
}

impl Gate {
    pub(super) fn new(size: usize) -> Self {
        let state = State {
            size,
            running: 0,
            idle: Idle::new(),
            urgent: VecDeque::new(),
            normal: VecDeque::new(),
            overtaken: 0,
        };
        Self(Arc::new(Shared(Mutex::new(state))))
    }

    pub(super) fn size(&self) -> usize {
        self.state().size
    }

    pub(super) fn set_size(&self, size: usize) {
        self.state().size = size;
        // More may run now.
        loop {
            let mut state = self.state();
            let Some(task) = state.start_next() else { return };
            self.start(state, task);
        }
    }

    /// Gives a task a thread. Its place is taken already.
    fn start(&self, mut state: MutexGuard<'_, State>, task: Task) {
        let given = state.idle.give(task);
        drop(state);
        match given {
            Ok(asleep) => asleep.iter().for_each(std::thread::Thread::unpark),
            Err(task) => {
                let shared = Arc::clone(&self.0);
                blocking::unblock(move || shared.work(task)).detach();
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.0.0)
    }
}

impl Gate {
    pub(super) fn run(&self, urgency: Urgency, job: Job) {
        let mut state = self.state();
        let task = match urgency {
            Urgency::Waiting => Some(Task { job, has_place: false }),
            Urgency::Urgent => {
                state.urgent.push_back(job);
                state.start_next()
            }
            Urgency::Normal => {
                state.normal.push_back(job);
                match LEAVES.replace(false) {
                    true => None,
                    false => state.start_next(),
                }
            }
        };
        if let Some(task) = task {
            self.start(state, task);
        }
    }
}

impl Shared {
    /// On a worker thread: a job, and those that come after it, until there was none for long.
    fn work(&self, first: Task) {
        let seat = Seat::of_this_thread();
        let mut next = Some(first);
        while let Some(Task { job, has_place }) = next {
            // Jobs catch the panics of the caller's code themselves; the place survives any other, and one in dropping it.
            let told = quietly(job);
            let mut state = lock(&self.0);
            next = state.go_on(has_place);
            let stays_awake = next.is_none().then(|| state.idle.add(&seat));
            drop(state);
            // Whoever awaits the job finds this thread ready for the next one.
            quietly(|| drop(told));
            if let Some(stays_awake) = stays_awake {
                next = seat.wait(stays_awake, |change| change(&mut lock(&self.0).idle));
            }
        }
    }
}

fn quietly<T>(work: impl FnOnce() -> T) -> Option<T> {
    let result = catch_unwind(AssertUnwindSafe(work));
    // To drop what was thrown may panic.
    result.map_err(std::mem::forget).ok()
}

impl State {
    /// The job that may take a free place now.
    fn start_next(&mut self) -> Option<Task> {
        let job = self.next(self.running)?;
        self.running += 1;
        Some(Task { job, has_place: true })
    }

    /// The job that comes after one that has ended, in its place if it had one.
    fn go_on(&mut self, had_place: bool) -> Option<Task> {
        self.running -= usize::from(had_place);
        self.start_next()
    }

    /// Whose turn it is, where so many others run.
    fn next(&mut self, others: usize) -> Option<Job> {
        let normal_may_run = others < self.size && !self.normal.is_empty();
        let urgent_may_run = others < self.size.saturating_add(RESERVED) && !self.urgent.is_empty();
        if urgent_may_run && !(normal_may_run && self.overtaken >= OVERTAKING) {
            self.overtaken = if normal_may_run { self.overtaken + 1 } else { 0 };
            return self.urgent.pop_front();
        }
        if !normal_may_run {
            return None;
        }
        self.overtaken = 0;
        self.normal.pop_front()
    }
}

impl fmt::Debug for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state();
        f.debug_struct("Gate")
            .field("size", &state.size)
            .field("running", &state.running)
            .field("urgent", &state.urgent.len())
            .field("normal", &state.normal.len())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc;
    use std::thread;
    use std::time::{Duration, Instant};

    use super::*;

    /// Longer than anything here takes: it only keeps a broken test from hanging.
    const PATIENCE: Duration = Duration::from_secs(30);

    /// Small pseudo-random numbers: the same in every run.
    struct Random(u64);

    impl Random {
        fn below(&mut self, end: u64) -> u64 {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (self.0 >> 33) % end
        }
    }

    /// A gate of one place, and what frees it.
    fn occupied() -> (Gate, mpsc::Sender<()>) {
        let gate = Gate::new(1);
        let (free, wait) = mpsc::channel::<()>();
        spawn(&gate, Urgency::Normal, Box::new(move || wait.recv().unwrap_or_default()));
        (gate, free)
    }

    fn spawn(gate: &Gate, urgency: Urgency, job: Box<dyn FnOnce() + Send>) {
        gate.run(urgency, told_by_nobody(job));
    }

    fn told_by_nobody(job: Box<dyn FnOnce() + Send>) -> Job {
        Box::new(|| {
            job();
            Told::nobody()
        })
    }

    fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
        let start = Instant::now();
        while !condition() {
            assert!(start.elapsed() < PATIENCE, "waited in vain: {what}");
            thread::sleep(Duration::from_micros(200));
        }
    }

    #[test]
    fn random_jobs_are_all_run_and_never_too_many_at_once() {
        for seed in 0..40 {
            let mut random = Random(seed);
            let size = random.below(4) as usize;
            let gate = Arc::new(Gate::new(size));
            // Running now, and the most that ran at once: of all jobs, and of normal ones.
            let counts = Arc::new([const { AtomicUsize::new(0) }; 4]);
            let (ended, ends) = mpsc::channel();
            let enter = |counts: &[AtomicUsize; 4], at: usize| {
                let now = counts[at].fetch_add(1, Ordering::SeqCst) + 1;
                counts[at + 1].fetch_max(now, Ordering::SeqCst);
            };
            let jobs = 200;
            for _ in 0..jobs {
                let (counts, ended) = (Arc::clone(&counts), ended.clone());
                let urgency = if random.below(3) == 0 { Urgency::Urgent } else { Urgency::Normal };
                let (panics, pause) = (random.below(5) == 0, random.below(50));
                let job = move || {
                    enter(&counts, 0);
                    if urgency == Urgency::Normal {
                        enter(&counts, 2);
                    }
                    thread::sleep(Duration::from_micros(pause));
                    if urgency == Urgency::Normal {
                        counts[2].fetch_sub(1, Ordering::SeqCst);
                    }
                    counts[0].fetch_sub(1, Ordering::SeqCst);
                    ended.send(()).unwrap();
                    if panics {
                        // As `panic!` does, without the message on the terminal.
                        std::panic::resume_unwind(Box::new("in a job"));
                    }
                };
                spawn(&gate, urgency, Box::new(job));
            }
            if size == 0 {
                // The urgent ones have run; the rest waits for a place.
                eventually("the urgent jobs", || gate.state().urgent.is_empty());
                assert!(!gate.state().normal.is_empty());
                gate.set_size(3);
            }
            for _ in 0..jobs {
                ends.recv_timeout(PATIENCE).expect("no job is lost");
            }
            eventually("all places free", || gate.state().running == 0);
            let [_, all, _, normal] = &*counts;
            let size = if size == 0 { 3 } else { size };
            assert!(normal.load(Ordering::SeqCst) <= size, "seed {seed}");
            assert!(all.load(Ordering::SeqCst) <= size + RESERVED, "seed {seed}");
        }
    }

    #[test]
    fn what_is_urgent_overtakes_and_needs_no_free_place() {
        let (gate, free) = occupied();
        let (log, order) = mpsc::channel();
        let job = |name: &'static str| -> Box<dyn FnOnce() + Send> {
            let log = log.clone();
            Box::new(move || log.send(name).unwrap())
        };
        spawn(&gate, Urgency::Normal, job("normal"));
        spawn(&gate, Urgency::Urgent, job("urgent"));
        // The only place is still taken.
        assert_eq!(order.recv_timeout(PATIENCE), Ok("urgent"));
        drop(free);
        assert_eq!(order.recv_timeout(PATIENCE), Ok("normal"));
    }

    #[test]
    fn urgent_jobs_go_first_but_not_for_ever() {
        let gate = Gate::new(1);
        let mut state = gate.state();
        let nothing = || -> Job { told_by_nobody(Box::new(|| ())) };
        state.running = 1;
        state.normal.extend((0..3).map(|_| nothing()));
        state.urgent.extend((0..100).map(|_| nothing()));
        // One worker: each turn it takes the next job.
        let mut taken = Vec::new();
        for _ in 0..27 {
            let before = state.normal.len();
            assert!(state.go_on(true).is_some());
            taken.push(state.normal.len() < before);
        }
        let turns: Vec<usize> =
            taken.iter().enumerate().filter(|(_, normal)| **normal).map(|(at, _)| at).collect();
        assert_eq!(turns, [8, 17, 26]);
    }

    #[test]
    fn one_worker_takes_what_waits_without_another_thread() {
        let (gate, free) = occupied();
        let (log, threads) = mpsc::channel();
        for _ in 0..20 {
            let log = log.clone();
            spawn(&gate, Urgency::Normal, Box::new(move || log.send(thread::current().id()).unwrap()));
        }
        drop(free);
        let first = threads.recv_timeout(PATIENCE).unwrap();
        for _ in 1..20 {
            assert_eq!(threads.recv_timeout(PATIENCE), Ok(first));
        }
    }

    #[test]
    fn the_thread_that_ended_its_job_last_is_given_the_next() {
        let gate = Gate::new(4);
        let barrier = Arc::new(std::sync::Barrier::new(3));
        for _ in 0..2 {
            let barrier = Arc::clone(&barrier);
            spawn(&gate, Urgency::Normal, Box::new(move || _ = barrier.wait()));
        }
        barrier.wait();
        let all_idle = || eventually("two idle threads", || gate.state().idle.counts().0 == 2);
        all_idle();
        let (log, threads) = mpsc::channel();
        let run = |urgency| {
            let log = log.clone();
            spawn(&gate, urgency, Box::new(move || log.send(thread::current().id()).unwrap()));
            let id = threads.recv_timeout(PATIENCE).expect("no job is lost");
            all_idle();
            id
        };
        let first = run(Urgency::Normal);
        for urgency in [Urgency::Normal, Urgency::Urgent, Urgency::Waiting, Urgency::Normal] {
            // Also when it has fallen asleep meanwhile.
            eventually("nobody awake", || gate.state().idle.counts().1 == 0);
            assert_eq!(run(urgency), first);
        }
        assert_eq!(gate.state().running, 0);
    }

    #[test]
    fn the_first_job_that_is_left_runs_on_the_thread_that_leaves_it() {
        let gate = Arc::new(Gate::new(4));
        let (log, threads) = mpsc::channel();
        let named = |name: &'static str| -> Box<dyn FnOnce() + Send> {
            let log = log.clone();
            Box::new(move || log.send((name, thread::current().id())).unwrap())
        };
        // Another is idle, and would be given it otherwise.
        let barrier = Arc::new(std::sync::Barrier::new(3));
        for _ in 0..2 {
            let barrier = Arc::clone(&barrier);
            spawn(&gate, Urgency::Normal, Box::new(move || _ = barrier.wait()));
        }
        barrier.wait();
        eventually("two idle threads", || gate.state().idle.counts().0 == 2);
        let (sender, leaves, left) = (Arc::clone(&gate), named("leaves"), named("left"));
        let job = move || {
            leave_next(|| spawn(&sender, Urgency::Normal, left));
            leaves();
        };
        spawn(&gate, Urgency::Normal, Box::new(job));
        let [first, next] = [(); 2].map(|()| threads.recv_timeout(PATIENCE).unwrap());
        assert_eq!([first.0, next.0], ["leaves", "left"]);
        assert_eq!(first.1, next.1);

        // Of two, one is left, to whoever is free first, and a thread is given the other at once.
        let (sender, leaves) = (Arc::clone(&gate), named("leaves"));
        let (one, two) = (named("at once"), named("left"));
        let job = move || {
            leave_next(|| [one, two].into_iter().for_each(|job| spawn(&sender, Urgency::Normal, job)));
            leaves();
        };
        spawn(&gate, Urgency::Normal, Box::new(job));
        let mut all = [(); 3].map(|()| threads.recv_timeout(PATIENCE).unwrap());
        all.sort_unstable_by_key(|(name, _)| *name);
        let [at_once, leaves, left] = all;
        assert_eq!([at_once.0, leaves.0, left.0], ["at once", "leaves", "left"]);
        assert_ne!(leaves.1, at_once.1);
        eventually("all places free", || gate.state().running == 0);
    }

    #[test]
    fn threads_without_a_job_go() {
        let gate = Gate::new(2);
        let (log, threads) = mpsc::channel();
        spawn(&gate, Urgency::Normal, Box::new(move || log.send(()).unwrap()));
        threads.recv_timeout(PATIENCE).expect("the job runs");
        eventually("an idle thread", || gate.state().idle.counts() == (1, 0));
        eventually("none", || gate.state().idle.counts() == (0, 0));
    }

    #[test]
    fn what_waits_for_the_program_counts_against_no_bound() {
        let gate = Gate::new(0);
        let barrier = Arc::new(std::sync::Barrier::new(5));
        for _ in 0..4 {
            let barrier = Arc::clone(&barrier);
            spawn(&gate, Urgency::Waiting, Box::new(move || _ = barrier.wait()));
        }
        barrier.wait();
        assert_eq!(gate.state().running, 0);
    }
}
