//! One job: a connection, a program and a sink that move to a worker thread together and come back together.
//!
//! ```text
//! Waiting ──► Running ──► Done ──► Taken
//!    │           │          │
//!    └─ dropped ─┴──────────┴─► the connection goes home: as it is, interrupted and rolled back, or rolled back
//! ```

use std::fmt;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, Weak};
use std::task::{Context, Poll, Waker};

use orm_core::program::Failure;
use orm_core::{Error, Outcome, Program, Sink};

use crate::bridge::Urgency;
use crate::driver::{Interrupt, JobId};
use crate::observe::JobContext;
use crate::operation::under_way::{self, UnderWay};
use crate::pool::{Holder, Lease, Pool, Stop};
use crate::sync::lock;

/// A program that runs, or will when this is first polled. It may be polled from different tasks over its life.
///
/// Dropped before it was polled, or before a worker thread took it: the program never runs. Dropped while it runs: the
/// statement is interrupted and its transaction rolled back on the worker; a COMMIT that was under way may have been
/// done. In each case the connection goes home.
///
/// # Panics
/// A panic of the sink is caught on the worker, where the connection is rolled back and kept; it resumes in the task
/// that awaits the job.
#[must_use = "nothing happens until the job is awaited"]
pub struct Job<S: Sink + 'static> {
    shared: Arc<Shared<S>>,
    sent: bool,
    /// Whether its sink may wait for the program.
    waits: bool,
}

/// What a job gives back.
#[derive(Debug)]
pub struct JobOutput<S> {
    /// The connection.
    pub lease: Lease,
    /// What the program answered, and the sink with its rows.
    pub result: Result<(Outcome, S), Failure>,
}

struct Shared<S> {
    id: JobId,
    holder: Arc<Holder>,
    pool: Pool,
    state: Mutex<State<S>>,
}

struct State<S> {
    stage: Stage<S>,
    /// Whether the future is gone.
    dropped: bool,
    /// Whether the program is to end early, for a future that is still awaited.
    stopped: bool,
    /// What stops the job, for as long as it may be stopped.
    interrupter: Option<Arc<dyn Interrupt>>,
    /// The task that awaits the output.
    waker: Option<Waker>,
}

enum Stage<S> {
    /// On its way to a worker.
    Waiting(Box<Work<S>>),
    /// On a worker.
    Running,
    /// Back, or ended by a panic.
    Done(std::thread::Result<JobOutput<S>>),
    /// Given to the caller.
    Taken,
}

struct Work<S> {
    lease: Lease,
    program: Program,
    sink: S,
}

impl<S: Sink + 'static> Job<S> {
    pub(crate) fn new(lease: Lease, program: Program, sink: S) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let id = JobId(NEXT.fetch_add(1, Ordering::Relaxed));
        let (holder, pool) = (Arc::clone(lease.holder()), lease.pool().clone());
        let stage = Stage::Waiting(Box::new(Work { lease, program, sink }));
        let state =
            Mutex::new(State { stage, dropped: false, stopped: false, interrupter: None, waker: None });
        Self { shared: Arc::new(Shared { id, holder, pool, state }), sent: false, waits: false }
    }

    /// Says that the sink may wait for the program itself: the job takes no place that others may need.
    pub(crate) fn may_wait(mut self) -> Self {
        self.waits = true;
        self
    }

    /// Ends the program early: what runs is interrupted, and the output says so. The connection comes back as after any
    /// failure, so a transaction that was open before the program stays open.
    pub fn stop(&self) {
        let mut state = self.shared.state();
        state.stopped = true;
        if let Some(interrupter) = &state.interrupter {
            interrupter.interrupt(self.shared.id);
        }
    }

    /// Sends the job to a worker.
    fn send(&mut self) {
        self.sent = true;
        let (urgency, context) = match &self.shared.state().stage {
            Stage::Waiting(work) => {
                under_way::note(|| UnderWay { what: on_a_worker(&work.program), sent: true });
                let urgency = if self.waits { Urgency::Waiting } else { work.lease.urgency(&work.program) };
                (urgency, work.lease.context())
            }
            _ => return,
        };
        let stop: Weak<dyn Stop> = Arc::<Shared<S>>::downgrade(&self.shared);
        self.shared.holder.works_on(stop);
        let shared = Arc::clone(&self.shared);
        self.shared.pool.hop(urgency, move || shared.work(context));
    }
}

impl<S: Sink + 'static> Future for Job<S> {
    type Output = JobOutput<S>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<JobOutput<S>> {
        let done = {
            let mut state = self.shared.state();
            match std::mem::replace(&mut state.stage, Stage::Taken) {
                Stage::Done(output) => Some(output),
                Stage::Taken => panic!("a job was polled after it had given its output"),
                stage => {
                    state.stage = stage;
                    match &mut state.waker {
                        Some(waker) => waker.clone_from(cx.waker()),
                        none => *none = Some(cx.waker().clone()),
                    }
                    // Still under the lock: the worker says after this that it is done.
                    self.shared.holder.works_for(cx.waker());
                    None
                }
            }
        };
        match done {
            Some(output) => {
                self.shared.holder.rests(self.shared.pool.now());
                under_way::clear();
                Poll::Ready(output.unwrap_or_else(|panic| resume_unwind(panic)))
            }
            None => {
                if !self.sent {
                    self.send();
                }
                Poll::Pending
            }
        }
    }
}

impl<S: Sink + 'static> Drop for Job<S> {
    fn drop(&mut self) {
        let mut state = self.shared.state();
        state.dropped = true;
        // Still under the lock: the worker cannot leave the job now, so nobody else's statement is hit.
        if let Some(interrupter) = &state.interrupter {
            interrupter.interrupt(self.shared.id);
        }
        let left = match state.stage {
            Stage::Running => None,
            _ => Some(std::mem::replace(&mut state.stage, Stage::Taken)),
        };
        drop(state);
        drop(left);
    }
}

impl<S: Sink + 'static> Shared<S> {
    /// On the worker: the whole job.
    fn work(&self, context: Option<Arc<JobContext>>) {
        let Some(work) = self.start() else { return };
        let Work { mut lease, program, mut sink } = *work;
        let telemetry = Arc::clone(lease.pool().telemetry());
        let result = catch_unwind(AssertUnwindSafe(|| {
            JobContext::run(context.as_ref(), &telemetry, || {
                let (connection, interrupter) = lease.open()?;
                if !self.may_run(interrupter) {
                    return Err(Failure::outside(Error::Interrupted));
                }
                connection.run(self.id, &program, &mut sink)
            })
        }));
        // It has the caller's span, which must be able to end as soon as the caller goes on.
        drop(context);
        // Nobody dropped it: the engine's deadline stopped it.
        let result = result.map(|result| result.map_err(|failure| self.told(failure)));
        // From here on the job is not interrupted: it would hit the clean-up.
        self.state().interrupter = None;
        match result {
            Ok(Ok(outcome)) => {
                lease.after_job();
                self.finish(Ok(JobOutput { lease, result: Ok((outcome, sink)) }));
            }
            Ok(Err(failure)) => {
                lease.after_job();
                drop_quietly(sink);
                self.finish(Ok(JobOutput { lease, result: Err(failure) }));
            }
            Err(panic) => {
                lease.clean();
                drop(lease);
                drop_quietly(sink);
                self.finish(Err(panic));
            }
        }
    }

    fn start(&self) -> Option<Box<Work<S>>> {
        let mut state = self.state();
        match std::mem::replace(&mut state.stage, Stage::Running) {
            Stage::Waiting(work) => Some(work),
            other => {
                state.stage = other;
                None
            }
        }
    }

    /// Whether the job is still wanted. From now on it can be interrupted.
    fn may_run(&self, interrupter: Arc<dyn Interrupt>) -> bool {
        let mut state = self.state();
        if state.dropped || state.stopped {
            return false;
        }
        state.interrupter = Some(interrupter);
        !self.pool.is_cut_off()
    }

    fn told(&self, mut failure: Failure) -> Failure {
        if matches!(failure.error, Error::Interrupted) && self.pool.is_cut_off() {
            failure.error = Error::Closed;
        }
        failure
    }

    /// Hands the output over, or cleans up after a job that nobody awaits any more.
    fn finish(&self, output: std::thread::Result<JobOutput<S>>) {
        let mut state = self.state();
        if state.dropped {
            state.stage = Stage::Taken;
            drop(state);
            if let Ok(JobOutput { mut lease, .. }) = output {
                lease.clean();
            }
            return;
        }
        state.stage = Stage::Done(output);
        self.holder.has_worked(self.pool.now());
        let waker = state.waker.take();
        drop(state);
        waker.into_iter().for_each(Waker::wake);
    }

    fn state(&self) -> MutexGuard<'_, State<S>> {
        lock(&self.state)
    }
}

impl<S: Sink + 'static> Stop for Shared<S> {
    fn stop(&self) {
        // Under the lock, as in `Job::drop`.
        if let Some(interrupter) = &self.state().interrupter {
            interrupter.interrupt(self.id);
        }
    }
}

/// What a program does, in a few words.
fn on_a_worker(program: &Program) -> String {
    match (program.steps.as_slice(), program.commit) {
        ([], true) => "had COMMIT on a worker thread".to_owned(),
        ([], false) => "had a worker thread".to_owned(),
        ([step], _) => format!("had a statement on a worker thread: {}", step.shape.sql),
        ([step, ..], _) => {
            format!(
                "had {} statements on a worker thread, the first one: {}",
                program.steps.len(),
                step.shape.sql
            )
        }
    }
}

/// Drops what a caller gave: a panic in there must not keep the job from ending.
fn drop_quietly<S>(sink: S) {
    let _ = catch_unwind(AssertUnwindSafe(|| drop(sink)));
}

impl<S: Sink + 'static> fmt::Debug for Job<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Job").field("id", &self.shared.id).finish_non_exhaustive()
    }
}
