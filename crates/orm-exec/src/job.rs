//! One job: a connection, a program and a sink that move to a worker thread together and come back together. One of cheap
//! reads may stay where it is: see [`inline`].
//!
//! ```text
//! New ──► Waiting ──► Running ──► Done ──► Taken
//!  │         │           │          │
//!  └ dropped ┴───────────┴──────────┴─► the connection goes home: as it is, interrupted and rolled back, or rolled back
//! ```
//!
//! A job that is sent leaves the type of its sink behind: all of that is [`shared`], and compiled once.

mod heavy;
mod in_line;
pub(crate) mod inline;
mod near;
mod shared;

pub(crate) use heavy::Heavy;
pub(crate) use in_line::read_in_line;
#[cfg(feature = "postgres")]
pub(crate) use near::LOOKED_FOR;
pub(crate) use near::{Asked, Near, look_until};

use std::fmt;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use orm_core::program::{Failure, ProgramResult};
use orm_core::{Outcome, Program, Sink};

use crate::pool::Lease;
use inline::Attempt;
use shared::{AnySink, Shared};

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
    Sent(Arc<Shared>),
    /// It has given its output.
    Ended,
}

// Nothing is pinned in place: between two polls all of it may move.
impl<S: Sink + 'static> Unpin for Job<S> {}

/// What a job gives back.
#[derive(Debug)]
pub struct JobOutput<S> {
    /// The connection, unless it went back at the end of the job.
    pub lease: Lease,
    /// What the program answered, and the sink with its rows.
    pub result: Result<(Outcome, S), Failure>,
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
        if let Place::Sent(shared) = &self.place {
            shared.stop_early();
        }
    }

    /// The first poll: runs the job inline, or sends it to a worker.
    fn begin(&mut self, cx: &mut Context<'_>) -> Poll<JobOutput<S>> {
        let Place::Here(work) = &mut self.place else { unreachable!("only a job that is here begins") };
        let work = work.get_mut().unwrap_or_else(PoisonError::into_inner);
        // A sink that waits for this task would wait for ever on its thread.
        let attempt = match self.stopped || self.waits {
            true => Attempt::Send,
            false => inline::attempt(&mut work.lease, &work.program, &mut work.sink, cx.waker()),
        };
        if matches!(attempt, Attempt::Yield) {
            return Poll::Pending;
        }
        let Place::Here(work) = std::mem::replace(&mut self.place, Place::Ended) else {
            unreachable!("it was here a moment ago")
        };
        let mut work = work.into_inner().unwrap_or_else(PoisonError::into_inner);
        match attempt {
            Attempt::Ran(result) => {
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
                self.place = Place::Sent(shared::look(work.untyped(), self.stopped, asked));
                // Ready, or on the thread of the sockets by now: then this notes whom to wake.
                Pin::new(self).poll(cx)
            }
            Attempt::Yield | Attempt::Send => {
                self.place = Place::Sent(shared::send(work.untyped(), self.waits, self.stopped, cx.waker()));
                Poll::Pending
            }
        }
    }
}

impl<S: Sink + 'static> Work<S> {
    /// The same without its type.
    fn untyped(self) -> Box<Work<Box<dyn AnySink>>> {
        let Self { lease, program, sink } = self;
        Box::new(Work { lease, program, sink: Box::new(sink) })
    }
}

impl<S> Work<S> {
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

impl JobOutput<Box<dyn AnySink>> {
    /// The output with its type again.
    fn typed<S: Sink + 'static>(self) -> JobOutput<S> {
        let Self { lease, result } = self;
        let result = result.map(|(outcome, sink)| {
            let sink: Box<dyn std::any::Any> = sink;
            (outcome, *sink.downcast().expect("the sink that the job was made with"))
        });
        JobOutput { lease, result }
    }
}

impl<S: Sink + 'static> Future for Job<S> {
    type Output = JobOutput<S>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<JobOutput<S>> {
        let output = match &self.place {
            Place::Here(_) => return self.begin(cx),
            Place::Sent(shared) => shared.poll(cx),
            Place::Ended => panic!("a job was polled after it had given its output"),
        };
        let Poll::Ready(output) = output else { return Poll::Pending };
        self.place = Place::Ended;
        Poll::Ready(output.unwrap_or_else(|panic| resume_unwind(panic)).typed())
    }
}

impl<S: Sink + 'static> Drop for Job<S> {
    fn drop(&mut self) {
        if let Place::Sent(shared) = &self.place {
            shared.leave();
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
