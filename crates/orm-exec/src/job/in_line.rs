//! A program that waits for a connection by itself.
//!
//! ```text
//! Waits ──► a connection is given ──► Sent: a job like any other
//!   │ └───► none ever is ───────────► Refused
//!   └ dropped: leaves the line
//! ```
//!
//! If its task waited, that would be woken twice: to send the job, and for the answer; and the connection would do nothing meanwhile.
//! So the program is in line with a waker of its own. Whoever gives a connection back sends it: as a rule the thread
//! of the job before, which then runs it as well.

use std::future::{Future, poll_fn};
use std::marker::PhantomData;
use std::mem::replace;
use std::panic::{Location, resume_unwind};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Wake, Waker};

use orm_core::program::Failure;
use orm_core::{Error, Outcome, Program, Result, Sink};

use super::shared::{self, AnySink, Doing, Shared};
use super::{Work, drop_quietly, inline};
use crate::observe::JobContext;
use crate::operation::under_way;
use crate::pool::{Acquire, LaneKind, Lease, Pool};
use crate::sync::{lock, note};

/// Runs a program of reads on a connection of its own.
///
/// Dropped: what is in line leaves it, and what was sent is interrupted. The connection goes home.
///
/// # Panics
/// As a [`Job`](super::Job).
pub(crate) async fn read_in_line<S: Sink + 'static>(
    mut acquire: Acquire,
    program: Program,
    sink: S,
    location: &'static Location<'static>,
) -> Result<(Outcome, S), Failure> {
    let (lease, task) = poll_fn(|cx| {
        let lease = Pin::new(&mut acquire).poll(cx);
        Poll::Ready((lease, cx.waker().clone()))
    })
    .await;
    match lease {
        Poll::Ready(lease) => lease.map_err(Failure::outside)?.run_only(program, sink).await.result,
        Poll::Pending => InLine::join(acquire, program, sink, location, task).await,
    }
}

/// A program for which there was no connection.
struct InLine<S> {
    line: Arc<Line>,
    place: (Pool, LaneKind),
    doing: Doing,
    sink: PhantomData<fn() -> S>,
}

/// Between the task and whoever has the connection.
struct Line(Mutex<State>);

struct State {
    stage: Stage,
    /// The task that awaits the output, until that is the business of the job.
    task: Option<Waker>,
}

enum Stage {
    Waits(Box<Waiting>),
    /// A thread looks at its place in line, without the lock. Whether it is to look again.
    Looks {
        again: bool,
    },
    Sent(Arc<Shared>),
    Refused(Error),
    /// It has given its output, or nobody wants one.
    Over,
}

struct Waiting {
    acquire: Acquire,
    program: Program,
    sink: Box<dyn AnySink>,
    context: Option<Arc<JobContext>>,
}

impl<S: Sink + 'static> InLine<S> {
    /// Called by the task that awaits it.
    fn join(
        acquire: Acquire,
        program: Program,
        sink: S,
        location: &'static Location<'static>,
        task: Waker,
    ) -> Self {
        inline::waits();
        let (pool, lane) = acquire.place();
        let place = (pool.clone(), lane);
        let context = JobContext::capture(pool.telemetry(), location);
        let doing = Doing::of(&program);
        let stage = Stage::Waits(Box::new(Waiting { acquire, program, sink: Box::new(sink), context }));
        let line = Arc::new(Line(Mutex::new(State { stage, task: Some(task) })));
        // Whom to wake from now on; and a connection may be there by now.
        Arc::clone(&line).wake();
        Self { line, place, doing, sink: PhantomData }
    }
}

impl Wake for Line {
    /// Something has happened to the place in line.
    fn wake(self: Arc<Self>) {
        let own = Waker::from(Arc::clone(&self));
        while let Some(mut waiting) = self.look() {
            let polled =
                under_way::unwatched(|| Pin::new(&mut waiting.acquire).poll(&mut Context::from_waker(&own)));
            match polled {
                Poll::Ready(lease) => return self.ends(lease, *waiting),
                Poll::Pending => {
                    if !self.goes_on(waiting) {
                        return;
                    }
                }
            }
        }
    }
}

impl Line {
    /// What waits, for this thread to look at.
    fn look(&self) -> Option<Box<Waiting>> {
        let mut state = self.state();
        match replace(&mut state.stage, Stage::Looks { again: false }) {
            Stage::Waits(waiting) => Some(waiting),
            Stage::Looks { .. } => {
                state.stage = Stage::Looks { again: true };
                None
            }
            other => {
                state.stage = other;
                None
            }
        }
    }

    /// It still waits. Whether this thread is to look again.
    fn goes_on(&self, waiting: Box<Waiting>) -> bool {
        let mut state = self.state();
        let Stage::Looks { again } = state.stage else {
            drop(state);
            // Nobody wants it any more: it leaves the line.
            let Waiting { acquire, sink, .. } = *waiting;
            drop(acquire);
            drop_quietly(sink);
            return false;
        };
        state.stage = Stage::Waits(waiting);
        again
    }

    /// It has a connection, or never will.
    fn ends(&self, lease: Result<Lease>, waiting: Waiting) {
        let Waiting { acquire, program, sink, mut context } = waiting;
        drop(acquire);
        context.iter_mut().for_each(JobContext::sent_now);
        let mut state = self.state();
        if matches!(state.stage, Stage::Over) {
            drop(state);
            drop(lease);
            return drop_quietly(sink);
        }
        match lease {
            Ok(lease) => {
                let work = Box::new(Work { lease: lease.for_one_job(), program, sink });
                let task = state.task.take();
                let unsent = shared::share(work, false, task.as_ref(), context);
                state.stage = Stage::Sent(Arc::clone(&unsent.shared));
                drop(state);
                drop(task);
                unsent.send();
            }
            Err(error) => {
                state.stage = Stage::Refused(error);
                let task = state.task.take();
                drop(state);
                task.into_iter().for_each(Waker::wake);
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.0)
    }
}

impl<S: Sink + 'static> Future for InLine<S> {
    type Output = Result<(Outcome, S), Failure>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.line.state();
        let shared = match &state.stage {
            Stage::Sent(shared) => Arc::clone(shared),
            Stage::Waits(_) | Stage::Looks { .. } => {
                let before = note(&mut state.task, cx.waker());
                drop(state);
                drop(before);
                let (pool, lane) = &self.place;
                pool.note_wait(*lane);
                return Poll::Pending;
            }
            Stage::Refused(_) | Stage::Over => {
                let Stage::Refused(error) = replace(&mut state.stage, Stage::Over) else {
                    panic!("a program was polled after it had given its output")
                };
                under_way::clear();
                return Poll::Ready(Err(Failure::outside(error)));
            }
        };
        drop(state);
        under_way::note(|| self.doing.on_a_worker());
        let Poll::Ready(output) = shared.poll(cx) else { return Poll::Pending };
        self.line.state().stage = Stage::Over;
        Poll::Ready(output.unwrap_or_else(|panic| resume_unwind(panic)).typed().result)
    }
}

impl<S> Drop for InLine<S> {
    fn drop(&mut self) {
        let left = replace(&mut self.line.state().stage, Stage::Over);
        if let Stage::Sent(shared) = &left {
            shared.leave();
        }
    }
}
