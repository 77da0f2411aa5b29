//! The bound in front of the threads that the process shares, and who goes first.
//!
//! ```text
//! spawn ──► a place is free ──► a thread that lingers, or one of `blocking` ──► the job ──► the next job of the queues,
//!      └──► none is ───────────► a queue ──────────────────────────────────────────────┘    on the same thread, which
//!                                                                                           lingers when there is none
//! ```
//!
//! A thread that has ended a job takes the next one itself: to wake another thread costs far more than a small statement. So
//! it waits for one without sleeping, for about as long as waking it would take: a task that sends one statement after the
//! other finds it awake.

use std::collections::VecDeque;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;
use std::time::{Duration, Instant};

use super::workers::{Urgency, WorkerJob, Workers};
use crate::sync::lock;

/// Places that only urgent jobs take. What they hold, others wait for, perhaps in all the other places.
const RESERVED: usize = 8;

/// So many urgent jobs overtake a normal one, and then it is its turn.
const OVERTAKING: u32 = 8;

/// So long a thread without a job stays awake for the next one. It lets others have its core meanwhile.
const LINGER: Duration = Duration::from_micros(25);

/// So many threads linger at once.
const MOST_LINGERING: usize = 2;

/// At most `size` jobs at once, and [`RESERVED`] urgent ones more.
pub(super) struct Gate(Arc<Shared>);

struct Shared {
    state: Mutex<State>,
    /// How many jobs are handed to threads that linger: what these look at without the lock.
    handed: AtomicUsize,
}

struct State {
    size: usize,
    running: usize,
    /// Threads that wait for a job without sleeping, and have been handed none.
    lingering: usize,
    /// Jobs for threads that linger, which have a place each.
    handed: VecDeque<WorkerJob>,
    urgent: VecDeque<WorkerJob>,
    normal: VecDeque<WorkerJob>,
    /// How many urgent jobs overtook the first normal one.
    overtaken: u32,
}

impl Gate {
    pub(super) fn new(size: usize) -> Self {
        let state = State {
            size,
            running: 0,
            lingering: 0,
            handed: VecDeque::new(),
            urgent: VecDeque::new(),
            normal: VecDeque::new(),
            overtaken: 0,
        };
        Self(Arc::new(Shared { state: Mutex::new(state), handed: AtomicUsize::new(0) }))
    }

    pub(super) fn size(&self) -> usize {
        self.state().size
    }

    pub(super) fn set_size(&self, size: usize) {
        self.state().size = size;
        // More may run now.
        loop {
            let next = self.state().start_next();
            let Some(job) = next else { return };
            self.start(job);
        }
    }

    /// Gives a job a thread. Its place is taken already.
    fn start(&self, job: WorkerJob) {
        let shared = Arc::clone(&self.0);
        blocking::unblock(move || shared.work(job)).detach();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.0.state)
    }
}

impl Workers for Gate {
    fn spawn(&self, urgency: Urgency, job: WorkerJob) {
        let job = match urgency {
            Urgency::Waiting => {
                blocking::unblock(job).detach();
                return;
            }
            Urgency::Urgent | Urgency::Normal => {
                let mut state = self.state();
                match urgency {
                    Urgency::Urgent => state.urgent.push_back(job),
                    _ => state.normal.push_back(job),
                }
                state.start_next().and_then(|job| self.0.hand_over(&mut state, job))
            }
        };
        if let Some(job) = job {
            self.start(job);
        }
    }
}

impl Shared {
    /// On a worker thread: a job, and those that wait, for as long as there are any.
    fn work(&self, first: WorkerJob) {
        let mut next = Some(first);
        while let Some(job) = next {
            // Jobs catch the panics of the caller's code themselves; the place survives any other, and one in dropping it.
            if let Err(panic) = catch_unwind(AssertUnwindSafe(job)) {
                std::mem::forget(panic);
            }
            let mut state = lock(&self.state);
            next = state.go_on();
            if next.is_none() && state.may_linger() {
                drop(state);
                next = self.linger();
            }
        }
    }

    /// Gives a job that has a place to a thread that lingers. Answers it where there is none.
    fn hand_over(&self, state: &mut State, job: WorkerJob) -> Option<WorkerJob> {
        if state.lingering == 0 {
            return Some(job);
        }
        state.lingering -= 1;
        state.handed.push_back(job);
        self.handed.store(state.handed.len(), Ordering::Release);
        None
    }

    /// Waits for a job, for a moment.
    fn linger(&self) -> Option<WorkerJob> {
        let start = Instant::now();
        while start.elapsed() < LINGER {
            if self.handed.load(Ordering::Acquire) > 0
                && let Some(job) = self.take_handed(&mut lock(&self.state))
            {
                return Some(job);
            }
            thread::yield_now();
        }
        let mut state = lock(&self.state);
        let job = self.take_handed(&mut state);
        if job.is_none() {
            state.lingering -= 1;
        }
        job
    }

    fn take_handed(&self, state: &mut State) -> Option<WorkerJob> {
        let job = state.handed.pop_front()?;
        self.handed.store(state.handed.len(), Ordering::Release);
        Some(job)
    }
}

impl State {
    /// The job that may take a free place now.
    fn start_next(&mut self) -> Option<WorkerJob> {
        let job = self.next(self.running)?;
        self.running += 1;
        Some(job)
    }

    /// The job that takes the place of one that has ended.
    fn go_on(&mut self) -> Option<WorkerJob> {
        let job = self.next(self.running - 1);
        if job.is_none() {
            self.running -= 1;
        }
        job
    }

    /// Whether the thread that has ended a job is to wait for another one. There are as many that linger as this has said, less
    /// those that were handed a job or gave up.
    fn may_linger(&mut self) -> bool {
        let may = self.lingering + self.handed.len() < MOST_LINGERING;
        self.lingering += usize::from(may);
        may
    }

    /// Whose turn it is, where so many others run.
    fn next(&mut self, others: usize) -> Option<WorkerJob> {
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
    use std::time::Duration;

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
        gate.spawn(Urgency::Normal, Box::new(move || wait.recv().unwrap_or_default()));
        (gate, free)
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
                gate.spawn(urgency, Box::new(job));
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
        let job = |name: &'static str| -> WorkerJob {
            let log = log.clone();
            Box::new(move || log.send(name).unwrap())
        };
        gate.spawn(Urgency::Normal, job("normal"));
        gate.spawn(Urgency::Urgent, job("urgent"));
        // The only place is still taken.
        assert_eq!(order.recv_timeout(PATIENCE), Ok("urgent"));
        drop(free);
        assert_eq!(order.recv_timeout(PATIENCE), Ok("normal"));
    }

    #[test]
    fn urgent_jobs_go_first_but_not_for_ever() {
        let gate = Gate::new(1);
        let mut state = gate.state();
        let nothing = || -> WorkerJob { Box::new(|| ()) };
        state.running = 1;
        state.normal.extend((0..3).map(|_| nothing()));
        state.urgent.extend((0..100).map(|_| nothing()));
        // One worker: each turn it takes the next job.
        let mut taken = Vec::new();
        for _ in 0..27 {
            let before = state.normal.len();
            assert!(state.go_on().is_some());
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
            gate.spawn(Urgency::Normal, Box::new(move || log.send(thread::current().id()).unwrap()));
        }
        drop(free);
        let first = threads.recv_timeout(PATIENCE).unwrap();
        for _ in 1..20 {
            assert_eq!(threads.recv_timeout(PATIENCE), Ok(first));
        }
    }

    #[test]
    fn a_thread_that_lingers_takes_the_next_job() {
        let gate = Gate::new(4);
        let (log, threads) = mpsc::channel();
        let mut again = 0;
        let mut before = None;
        for _ in 0..200 {
            let log = log.clone();
            gate.spawn(Urgency::Normal, Box::new(move || log.send(thread::current().id()).unwrap()));
            let this = threads.recv_timeout(PATIENCE).expect("no job is lost");
            again += usize::from(before.replace(this) == Some(this));
        }
        assert!(again > 0, "it never was the same thread");
        eventually("nobody lingers", || gate.state().lingering == 0 && gate.state().running == 0);
        assert!(gate.state().handed.is_empty());
    }

    #[test]
    fn what_waits_for_the_program_counts_against_no_bound() {
        let gate = Gate::new(0);
        let barrier = Arc::new(std::sync::Barrier::new(5));
        for _ in 0..4 {
            let barrier = Arc::clone(&barrier);
            gate.spawn(Urgency::Waiting, Box::new(move || _ = barrier.wait()));
        }
        barrier.wait();
        assert_eq!(gate.state().running, 0);
    }
}
