//! One job: a connection, a program and a sink that move to a worker thread together and come back together. One of cheap
//! reads may stay where it is: see [`inline`].
//!
//! ```text
//! New ──► Waiting ──► Running ──► Done ──► Taken
//!  │         │           │          │
//!  └ dropped ┴───────────┴──────────┴─► the connection goes home: as it is, interrupted and rolled back, or rolled back
//! ```

mod heavy;
pub(crate) mod inline;
mod near;

pub(crate) use heavy::Heavy;
pub(crate) use near::{Asked, Near};

use std::fmt;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Waker};

use futures_lite::FutureExt;
use orm_core::program::{Failure, ProgramResult};
use orm_core::{Error, Outcome, Program, Sink};

use crate::bridge::Urgency;
use crate::driver::{Interrupt, JobId};
use crate::observe::JobContext;
use crate::operation::under_way::{self, UnderWay};
use crate::pool::{Holder, Lease, Pool, Stop};
use crate::sync::{lock, note};
use inline::Attempt;

/// Up to so many values, of so many bytes, are encoded in a moment.
const SHORT: usize = 1_024;
const SHORT_BYTES: usize = 64 * 1024;

/// A program that runs, or will when this is first polled. It may be polled from different tasks over its life.
///
/// It runs on a worker thread. A program [of cheap reads](Program::is_cheap) may run in the first poll itself, which is then
/// the last: see [`Dispatch::Auto`](orm_core::Dispatch::Auto).
///
/// Dropped before it was polled, or before a worker thread took it: the program never runs. Dropped while it runs: the
/// statement is interrupted and its transaction rolled back on the worker; a COMMIT that was under way may have been
/// done. In each case the connection goes home.
///
/// # Panics
/// A panic of the sink is caught, and the connection is rolled back on a worker and kept; it resumes in the task that awaits
/// the job.
#[must_use = "nothing happens until the job is awaited"]
pub struct Job<S: Sink + 'static> {
    place: Place<S>,
    /// Whether its sink may wait for the program.
    waits: bool,
    /// Whether it was told to end early before it was sent.
    stopped: bool,
}

/// Where the job is.
#[expect(
    clippy::large_enum_variant,
    reason = "a box would cost an allocation that an inline read does without"
)]
enum Place<S: Sink + 'static> {
    /// Here: it was not polled yet. The mutex is never locked: it makes `Sync` what only its owner touches.
    Here(Mutex<Work<S>>),
    /// Between this and a worker.
    Sent(Arc<Shared<S>>),
    /// It has given its output.
    Ended,
}

// Nothing is pinned in place: between two polls all of it may move.
impl<S: Sink + 'static> Unpin for Job<S> {}

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
        Self { place: Place::Here(Mutex::new(Work { lease, program, sink })), waits: false, stopped: false }
    }

    /// Says that the sink may wait for the program itself: the job takes no place that others may need.
    pub(crate) fn may_wait(mut self) -> Self {
        self.waits = true;
        self
    }

    /// Ends the program early: what runs is interrupted, and the output says so. The connection comes back as after any
    /// failure, so a transaction that was open before the program stays open.
    pub fn stop(&mut self) {
        self.stopped = true;
        let Place::Sent(shared) = &self.place else { return };
        let mut state = shared.state();
        state.stopped = true;
        if let Some(interrupter) = &state.interrupter {
            interrupter.interrupt(shared.id);
        }
    }

    /// The first poll: runs the job inline, or sends it to a worker.
    fn begin(&mut self, cx: &mut Context<'_>) -> Poll<JobOutput<S>> {
        let Place::Here(work) = &mut self.place else { unreachable!("only a job that is here begins") };
        // A sink that waits for this task would wait for ever on its thread.
        let attempt = match self.stopped || self.waits {
            true => Attempt::Send,
            false => inline::attempt(work.get_mut().unwrap_or_else(PoisonError::into_inner), cx.waker()),
        };
        if matches!(attempt, Attempt::Yield) {
            return Poll::Pending;
        }
        let Place::Here(work) = std::mem::replace(&mut self.place, Place::Ended) else {
            unreachable!("it was here a moment ago")
        };
        let work = work.into_inner().unwrap_or_else(PoisonError::into_inner);
        match attempt {
            Attempt::Ran(result) => {
                let mut work = work;
                // One of these is not for one job only, so there is nothing to wait for.
                work.lease.look();
                Poll::Ready(work.ended(result))
            }
            Attempt::Panicked(panic) => {
                let Work { mut lease, sink, .. } = work;
                // An open transaction is rolled back on its way home, on a worker.
                lease.look();
                drop(lease);
                drop_quietly(sink);
                resume_unwind(panic)
            }
            Attempt::Look(asked) => {
                let pool = work.lease.pool().clone();
                let (shared, context) = self.share(work, None);
                pool.look_for(Arc::clone(&shared).work(context));
                let is_here = shared.is_done();
                pool.looked(asked, is_here);
                if !is_here {
                    inline::waits();
                }
                // Ready, or on the thread of the sockets by now: then this notes whom to wake.
                Pin::new(self).poll(cx)
            }
            Attempt::Yield | Attempt::Send => {
                self.send(work, cx.waker());
                Poll::Pending
            }
        }
    }

    fn send(&mut self, work: Work<S>, waker: &Waker) {
        inline::waits();
        let pool = work.lease.pool().clone();
        let urgency = if self.waits { Urgency::Waiting } else { work.lease.urgency(&work.program) };
        let input = &work.program.input;
        let is_short = input.len() <= SHORT && input.bytes().len() <= SHORT_BYTES;
        let (shared, context) = self.share(work, Some(waker));
        match is_short {
            true => pool.hop_soon(urgency, shared.work(context)),
            false => pool.hop(urgency, shared.work(context)),
        }
    }

    /// Puts the job where the thread that runs it and the task that awaits it both find it.
    fn share(&mut self, work: Work<S>, waker: Option<&Waker>) -> (Arc<Shared<S>>, Option<Arc<JobContext>>) {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let id = JobId(NEXT.fetch_add(1, Ordering::Relaxed));
        let (pool, holder) = (work.lease.pool().clone(), Arc::clone(work.lease.holder()));
        under_way::note(|| UnderWay { what: on_a_worker(&work.program), sent: true });
        let context = work.lease.context();
        let (stage, waker, stopped) = (Stage::Waiting(Box::new(work)), waker.cloned(), self.stopped);
        drop(waker.as_ref().map(|waker| holder.works_for(waker)));
        let state = State { stage, dropped: false, stopped, interrupter: None, waker };
        let shared = Arc::new(Shared { id, holder, pool, state: Mutex::new(state) });
        let stop: Weak<dyn Stop> = Arc::<Shared<S>>::downgrade(&shared);
        shared.holder.works_on(stop);
        self.place = Place::Sent(Arc::clone(&shared));
        (shared, context)
    }
}

impl<S: Sink + 'static> Work<S> {
    /// What becomes of a job that ran to its end.
    fn ended(self, result: ProgramResult) -> JobOutput<S> {
        let Self { lease, sink, .. } = self;
        let result = match result {
            Ok(outcome) => Ok((outcome, sink)),
            Err(failure) => {
                drop_quietly(sink);
                Err(failure)
            }
        };
        JobOutput { lease, result }
    }
}

impl<S: Sink + 'static> Future for Job<S> {
    type Output = JobOutput<S>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<JobOutput<S>> {
        let shared = match &self.place {
            Place::Here(_) => return self.begin(cx),
            Place::Sent(shared) => shared,
            Place::Ended => panic!("a job was polled after it had given its output"),
        };
        // Wakers of before, which are dropped without the lock.
        let (done, _before) = {
            let mut state = shared.state();
            match std::mem::replace(&mut state.stage, Stage::Taken) {
                Stage::Done(output) => (Some(output), [None, None]),
                Stage::Taken => panic!("a job was polled after it had given its output"),
                stage => {
                    state.stage = stage;
                    let before = note(&mut state.waker, cx.waker());
                    // Still under the lock: the worker says after this that it is done.
                    (None, [before, shared.holder.works_for(cx.waker())])
                }
            }
        };
        match done {
            Some(output) => {
                shared.holder.rests(shared.pool.now());
                self.place = Place::Ended;
                under_way::clear();
                Poll::Ready(output.unwrap_or_else(|panic| resume_unwind(panic)))
            }
            None => Poll::Pending,
        }
    }
}

impl<S: Sink + 'static> Drop for Job<S> {
    fn drop(&mut self) {
        let Place::Sent(shared) = &self.place else { return };
        let mut state = shared.state();
        state.dropped = true;
        // Still under the lock: the worker cannot leave the job now, so nobody else's statement is hit.
        if let Some(interrupter) = &state.interrupter {
            interrupter.interrupt(shared.id);
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
    /// On the thread that runs it: the whole job.
    async fn work(self: Arc<Self>, context: Option<Arc<JobContext>>) {
        let Some(mut work) = self.start() else { return };
        let telemetry = Arc::clone(work.lease.pool().telemetry());
        let Work { lease, program, sink } = &mut *work;
        // The context has the caller's span, which must be able to end as soon as the caller goes on: it ends with this.
        let run = JobContext::run(context, &telemetry, async {
            let (connection, interrupter) = lease.open().await?;
            if !self.may_run(interrupter) {
                return Err(Failure::outside(Error::Interrupted));
            }
            connection.run(self.id, program, sink).await
        });
        let result = AssertUnwindSafe(run).catch_unwind().await;
        // Nobody dropped it: the engine's deadline stopped it.
        let result = result.map(|result| result.map_err(|failure| self.told(failure)));
        // From here on the job is not interrupted: it would hit the clean-up.
        self.state().interrupter = None;
        match result {
            Ok(result) => {
                work.lease.after_job().await;
                self.finish(Ok(work.ended(result))).await;
            }
            Err(panic) => {
                let Work { mut lease, sink, .. } = *work;
                lease.clean().await;
                drop(lease);
                drop_quietly(sink);
                self.finish(Err(panic)).await;
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
    async fn finish(&self, output: std::thread::Result<JobOutput<S>>) {
        if let Err(unwanted) = self.hand_over(output)
            && let Ok(JobOutput { mut lease, .. }) = unwanted
        {
            lease.clean().await;
        }
    }

    /// # Errors
    /// The output, if nobody awaits it.
    #[expect(clippy::result_large_err, reason = "it is the output, on its way past")]
    fn hand_over(
        &self,
        output: std::thread::Result<JobOutput<S>>,
    ) -> Result<(), std::thread::Result<JobOutput<S>>> {
        let mut state = self.state();
        if state.dropped {
            state.stage = Stage::Taken;
            return Err(output);
        }
        state.stage = Stage::Done(output);
        self.holder.has_worked(self.pool.now());
        let waker = state.waker.take();
        drop(state);
        waker.into_iter().for_each(Waker::wake);
        Ok(())
    }

    fn is_done(&self) -> bool {
        matches!(self.state().stage, Stage::Done(_))
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
        let id = match &self.place {
            Place::Sent(shared) => Some(shared.id),
            Place::Here(_) | Place::Ended => None,
        };
        f.debug_struct("Job").field("id", &id).finish_non_exhaustive()
    }
}
