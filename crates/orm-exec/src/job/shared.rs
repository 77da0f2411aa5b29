//! A job that was sent: between the task that awaits it and the thread that runs it.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, Weak};
use std::task::{Context, Poll, Waker};

use futures_lite::FutureExt;
use futures_lite::future::Boxed;
use orm_core::program::{Failure, StatementShape};
use orm_core::{Error, Program, Sink};

use super::{Asked, SHORT, SHORT_BYTES, drop_quietly, inline};
use crate::bridge::{Ended, Told, Urgency};
use crate::driver::{Interrupt, JobId};
use crate::observe::JobContext;
use crate::operation::under_way::{self, UnderWay};
use crate::pool::{Holder, Pool, Stop};
use crate::sync::{lock, note};

/// A sink whose type is not known here.
pub(super) trait AnySink: Sink + Any {}

impl<S: Sink + Any> AnySink for S {}

type Work = super::Work<Box<dyn AnySink>>;
type JobOutput = super::JobOutput<Box<dyn AnySink>>;

/// A job between the two.
pub(super) struct Shared {
    pub(super) id: JobId,
    holder: Arc<Holder>,
    pool: Pool,
    state: Mutex<State>,
    /// Whether it was told that it is [done](Stage::Done): what a thread that looks for the output asks, without the lock.
    is_done: AtomicBool,
}

struct State {
    stage: Stage,
    /// Whether the future is gone.
    dropped: bool,
    /// Whether the program is to end early, for a future that is still awaited.
    stopped: bool,
    /// What stops the job, for as long as it may be stopped.
    interrupter: Option<Arc<dyn Interrupt>>,
    /// The task that awaits the output.
    waker: Option<Waker>,
}

enum Stage {
    /// On its way to a worker.
    Waiting(Box<Work>),
    /// On a worker.
    Running,
    /// Back, or ended by a panic.
    Done(std::thread::Result<JobOutput>),
    /// Given to the caller.
    Taken,
}

/// Sends a job to a worker.
pub(super) fn send(work: Box<Work>, waits: bool, stopped: bool, waker: &Waker) -> Arc<Shared> {
    inline::waits();
    let pool = work.lease.pool().clone();
    let input = &work.program.input;
    let is_short = input.len() <= SHORT && input.bytes().len() <= SHORT_BYTES;
    let mut unsent = share_from_here(work, stopped, Some(waker));
    if waits {
        unsent.urgency = Urgency::Waiting;
    }
    let shared = Arc::clone(&unsent.shared);
    match is_short {
        true => pool.hop_soon(unsent.urgency, unsent.job),
        false => pool.hop(unsent.urgency, unsent.job),
    }
    shared
}

/// Begins a job, on this thread or a worker, and looks for its answer for a moment.
pub(super) fn look(work: Box<Work>, stopped: bool, asked: Asked) -> Arc<Shared> {
    let pool = work.lease.pool().clone();
    let Unsent { shared, urgency, job } = share_from_here(work, stopped, None);
    let is_here = pool.look_for(asked, urgency, job, || shared.is_done());
    if !is_here {
        inline::waits();
    }
    shared
}

/// A job that nobody runs yet.
pub(super) struct Unsent {
    pub(super) shared: Arc<Shared>,
    urgency: Urgency,
    /// The whole job, for the thread that runs it. Boxed: it is large, and goes through many hands.
    job: Boxed<Told>,
}

impl Unsent {
    pub(super) fn send(self) {
        self.shared.pool.hop(self.urgency, self.job);
    }
}

/// As [`share`], in the task that awaits the job.
fn share_from_here(work: Box<Work>, stopped: bool, waker: Option<&Waker>) -> Unsent {
    under_way::note(|| Doing::of(&work.program).on_a_worker());
    let context = work.lease.context();
    share(work, stopped, waker, context)
}

/// Puts the job where the thread that runs it and the task that awaits it both find it.
pub(super) fn share(
    work: Box<Work>,
    stopped: bool,
    waker: Option<&Waker>,
    context: Option<Arc<JobContext>>,
) -> Unsent {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let id = JobId(NEXT.fetch_add(1, Ordering::Relaxed));
    let (pool, holder) = (work.lease.pool().clone(), Arc::clone(work.lease.holder()));
    let urgency = work.lease.urgency(&work.program);
    let waker = waker.cloned();
    drop(waker.as_ref().map(|waker| holder.works_for(waker)));
    let state = State { stage: Stage::Waiting(work), dropped: false, stopped, interrupter: None, waker };
    let shared =
        Arc::new(Shared { id, holder, pool, state: Mutex::new(state), is_done: AtomicBool::new(false) });
    let stop: Weak<dyn Stop> = Arc::<Shared>::downgrade(&shared);
    shared.holder.works_on(stop);
    let job = Arc::clone(&shared).work(context).boxed();
    Unsent { shared, urgency, job }
}

impl Shared {
    /// Ends the program early, for a task that still awaits it.
    pub(super) fn stop_early(&self) {
        let mut state = self.state();
        state.stopped = true;
        if let Some(interrupter) = &state.interrupter {
            interrupter.interrupt(self.id);
        }
    }

    /// The output, once it is there.
    pub(super) fn poll(&self, cx: &mut Context<'_>) -> Poll<std::thread::Result<JobOutput>> {
        // Wakers of before, which are dropped without the lock.
        let (done, _before) = {
            let mut state = self.state();
            match std::mem::replace(&mut state.stage, Stage::Taken) {
                Stage::Done(output) => (Some(output), [state.waker.take(), None]),
                Stage::Taken => panic!("a job was polled after it had given its output"),
                stage => {
                    state.stage = stage;
                    let before = note(&mut state.waker, cx.waker());
                    // Still under the lock: the worker says after this that it is done.
                    (None, [before, self.holder.works_for(cx.waker())])
                }
            }
        };
        let Some(output) = done else { return Poll::Pending };
        self.holder.rests(self.pool.now());
        under_way::clear();
        Poll::Ready(output)
    }

    /// The task does not await it any more.
    pub(super) fn leave(&self) {
        let mut state = self.state();
        state.dropped = true;
        // Still under the lock: the worker cannot leave the job now, so nobody else's statement is hit.
        if let Some(interrupter) = &state.interrupter {
            interrupter.interrupt(self.id);
        }
        let left = match state.stage {
            Stage::Running => None,
            _ => Some(std::mem::replace(&mut state.stage, Stage::Taken)),
        };
        let awaited_by = state.waker.take();
        drop(state);
        drop((left, awaited_by));
    }

    /// On the thread that runs it: the whole job.
    async fn work(self: Arc<Self>, context: Option<Arc<JobContext>>) -> Told {
        let Some(mut work) = self.start() else { return Told::nobody() };
        // From here on whoever awaits the job is told, whatever comes.
        let told = Told::by(Arc::<Self>::clone(&self));
        let telemetry = Arc::clone(work.lease.pool().telemetry());
        let Work { lease, program, sink } = &mut *work;
        // The context has the caller's span, which must be able to end as soon as the caller goes on: it ends with this.
        let run = JobContext::run(context, &telemetry, async {
            let (connection, interrupter) = lease.open().await?;
            if !self.may_run(interrupter) {
                return Err(Failure::outside(Error::Interrupted));
            }
            connection.run(self.id, program, &mut **sink).await
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
        told
    }

    fn start(&self) -> Option<Box<Work>> {
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
    async fn finish(&self, output: std::thread::Result<JobOutput>) {
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
        output: std::thread::Result<JobOutput>,
    ) -> Result<(), std::thread::Result<JobOutput>> {
        let mut state = self.state();
        if state.dropped {
            state.stage = Stage::Taken;
            return Err(output);
        }
        state.stage = Stage::Done(output);
        self.holder.has_worked(self.pool.now());
        Ok(())
    }

    fn is_done(&self) -> bool {
        self.is_done.load(Ordering::Acquire)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

impl Ended for Shared {
    fn tell(&self) {
        let waker = self.state().waker.take();
        self.is_done.store(true, Ordering::Release);
        waker.into_iter().for_each(Waker::wake);
    }
}

impl Stop for Shared {
    fn stop(&self) {
        // Under the lock, as in `Job::drop`.
        if let Some(interrupter) = &self.state().interrupter {
            interrupter.interrupt(self.id);
        }
    }
}

/// What a program does, for the message of a deadline.
pub(super) struct Doing {
    first: Option<Arc<StatementShape>>,
    statements: usize,
    commits: bool,
}

impl Doing {
    pub(super) fn of(program: &Program) -> Self {
        let first = program.steps.first().map(|step| Arc::clone(&step.shape));
        Self { first, statements: program.steps.len(), commits: program.commit }
    }

    pub(super) fn on_a_worker(&self) -> UnderWay {
        let what = match &self.first {
            None if self.commits => "had COMMIT on a worker thread".to_owned(),
            None => "had a worker thread".to_owned(),
            Some(first) if self.statements == 1 => {
                format!("had a statement on a worker thread: {}", first.sql)
            }
            Some(first) => {
                format!("had {} statements on a worker thread, the first one: {}", self.statements, first.sql)
            }
        };
        UnderWay { what, sent: true }
    }
}
