//! Threads that have no job, and are kept for the next one.
//!
//! To wake a thread that sleeps costs far more than a small statement. So one that has ended a job stays awake for a moment, as long as jobs
//! are seen to follow each other so soon; and the thread that ended its job last is the first to be given another: what it
//! needs is in the caches of its core, and the others may go.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use super::gate::Task;
use crate::sync::lock;

/// So long a thread stays awake: to wake the task that awaits the last job may take half of it. It lets others have its
/// core meanwhile.
const AWAKE: Duration = Duration::from_micros(100);

/// So many threads are awake at once, where there is a core for whoever gives them work. One: whoever awaits a job is told of its end when
/// the thread is idle again ([`told`](super::told)), so one task needs no second one.
const MOST_AWAKE: usize = 1;

/// So long a thread is kept asleep.
const KEPT: Duration = Duration::from_millis(500);

/// After so many jobs in a row that came later than a thread stays awake, none stays awake.
const LATE: u32 = 4;

/// The threads without a job.
pub(super) struct Idle {
    /// The one that ended its job last is the last.
    threads: Vec<Entry>,
    /// How many of them are awake, and how many may be.
    awake: usize,
    most_awake: usize,
    /// So many jobs in a row came late.
    late: u32,
}

struct Entry {
    seat: Arc<Seat>,
    since: Instant,
    is_awake: bool,
}

/// Where a thread finds what it is given.
pub(super) struct Seat {
    thread: Thread,
    task: Mutex<Option<Task>>,
    /// Whether there is something: what a thread that is awake looks at.
    is_given: AtomicBool,
}

impl Idle {
    pub(super) fn new() -> Self {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        Self { threads: Vec::new(), awake: 0, most_awake: if cores > 1 { MOST_AWAKE } else { 0 }, late: 0 }
    }

    /// Gives a thread a task, or the task back if there is none. A thread that sleeps is to be woken.
    pub(super) fn give(&mut self, task: Task) -> Result<Option<Thread>, Task> {
        // Not to the thread that gives it: that one still tells who awaited its job, and may be kept by them.
        let current = thread::current().id();
        let can = |entry: &Entry| entry.seat.thread.id() != current;
        let awake = self.threads.iter().rposition(|entry| entry.is_awake && can(entry));
        let Some(at) = awake.or_else(|| self.threads.iter().rposition(can)) else { return Err(task) };
        let Entry { seat, since, is_awake } = self.threads.remove(at);
        self.late = if since.elapsed() < AWAKE { 0 } else { self.late.saturating_add(1) };
        *lock(&seat.task) = Some(task);
        seat.is_given.store(true, Ordering::Release);
        if is_awake {
            self.awake -= 1;
            return Ok(None);
        }
        Ok(Some(seat.thread.clone()))
    }

    /// Adds a thread. Answers whether it is to stay awake.
    pub(super) fn add(&mut self, seat: &Arc<Seat>) -> bool {
        let is_awake = self.awake < self.most_awake && self.late < LATE;
        self.awake += usize::from(is_awake);
        self.threads.push(Entry { seat: Arc::clone(seat), since: Instant::now(), is_awake });
        is_awake
    }

    /// The thread falls asleep, unless it was given something.
    fn falls_asleep(&mut self, seat: &Arc<Seat>) {
        if let Some(at) = self.position(seat) {
            self.threads[at].is_awake = false;
            self.awake -= 1;
        }
    }

    /// The thread goes, unless it was given something.
    fn remove(&mut self, seat: &Arc<Seat>) {
        if let Some(at) = self.position(seat) {
            self.threads.remove(at);
        }
    }

    fn position(&self, seat: &Arc<Seat>) -> Option<usize> {
        self.threads.iter().position(|entry| Arc::ptr_eq(&entry.seat, seat))
    }

    #[cfg(test)]
    pub(super) fn counts(&self) -> (usize, usize) {
        (self.threads.len(), self.awake)
    }
}

impl Seat {
    pub(super) fn of_this_thread() -> Arc<Self> {
        Arc::new(Self { thread: thread::current(), task: Mutex::new(None), is_given: AtomicBool::new(false) })
    }

    /// Waits for a task, on the thread of this seat, which was [added](Idle::add). `None` if there was none for long: the thread is not
    /// among the idle ones any more.
    pub(super) fn wait(
        self: &Arc<Self>,
        stays_awake: bool,
        idle: impl Fn(&mut dyn FnMut(&mut Idle)),
    ) -> Option<Task> {
        let start = Instant::now();
        if stays_awake {
            while start.elapsed() < AWAKE {
                if let Some(task) = self.take() {
                    return Some(task);
                }
                thread::yield_now();
            }
            idle(&mut |idle| idle.falls_asleep(self));
        }
        loop {
            if let Some(task) = self.take() {
                return Some(task);
            }
            let Some(left) = KEPT.checked_sub(start.elapsed()) else { break };
            thread::park_timeout(left);
        }
        idle(&mut |idle| idle.remove(self));
        // Given in the last moment, if at all.
        self.take()
    }

    fn take(&self) -> Option<Task> {
        self.is_given.swap(false, Ordering::Acquire).then(|| lock(&self.task).take()).flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bridge::Told;

    fn seat() -> Arc<Seat> {
        let thread = thread::spawn(|| ()).thread().clone();
        Arc::new(Seat { thread, ..Arc::into_inner(Seat::of_this_thread()).unwrap() })
    }

    fn task() -> Task {
        Task::of(Box::new(Told::nobody))
    }

    #[test]
    fn threads_stay_awake_while_jobs_follow_each_other_soon() {
        let mut idle = Idle { most_awake: 1, ..Idle::new() };
        let seat = seat();
        for _ in 0..3 {
            assert!(idle.add(&seat));
            assert!(matches!(idle.give(task()), Ok(None)), "one that is awake is not woken");
        }
        // Far apart.
        for _ in 0..LATE {
            assert!(idle.add(&seat));
            idle.falls_asleep(&seat);
            idle.threads[0].since -= 2 * AWAKE;
            assert!(matches!(idle.give(task()), Ok(Some(_))));
        }
        assert!(!idle.add(&seat), "that would be in vain");
        // And near again.
        assert!(matches!(idle.give(task()), Ok(Some(_))));
        assert!(idle.add(&seat));
    }

    #[test]
    fn a_thread_gives_itself_nothing() {
        let mut idle = Idle { most_awake: 1, ..Idle::new() };
        let own = Seat::of_this_thread();
        assert!(idle.add(&own));
        assert!(idle.give(task()).is_err());
        let other = seat();
        assert!(!idle.add(&other));
        assert!(idle.give(task()).is_ok() && other.take().is_some());
    }

    #[test]
    fn one_that_is_awake_is_given_a_task_before_others() {
        let mut idle = Idle { most_awake: 1, ..Idle::new() };
        let [first, second] = [seat(), seat()];
        assert!(idle.add(&first));
        assert!(!idle.add(&second), "only one stays awake");
        assert!(matches!(idle.give(task()), Ok(None)));
        assert!(first.take().is_some() && second.take().is_none());
        assert!(matches!(idle.give(task()), Ok(Some(_))));
        assert!(second.take().is_some());
        assert!(idle.give(task()).is_err());
    }
}
