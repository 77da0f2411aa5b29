//! A job of cheap reads on the thread that polls it: [`Dispatch::Auto`].
//!
//! The driver bounds how long such a run lasts; here it is decided whether there is one, and what follows from it.

use std::any::Any;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::Waker;

use orm_core::program::ProgramResult;
use orm_core::{Dispatch, Program, Sink};

use super::{Asked, SHORT_BYTES};
use crate::driver::{DriverConnection, Inline};
use crate::observe::JobContext;
use crate::pool::{Lease, Pool};

/// Jobs that run inline on one thread until the executor has its turn.
const IN_A_ROW: u32 = 32;

std::thread_local! {
    /// Jobs that ran inline on this thread since a task on it last waited for something of ours.
    static RUN: Cell<u32> = const { Cell::new(0) };
}

/// What is to be done with a job that was polled for the first time.
pub(crate) enum Attempt {
    /// It ran.
    Ran(ProgramResult),
    /// The decoder, or the observer, panicked.
    Panicked(Box<dyn Any + Send>),
    /// The executor has its turn before: the task is woken.
    Yield,
    /// It is begun, and this thread looks for the answer of the server or the worker for a moment.
    Look(Asked),
    /// It is sent to a worker.
    Send,
}

/// Runs the job right here, if it may.
pub(super) fn attempt(lease: &mut Lease, program: &Program, sink: &mut dyn Sink, waker: &Waker) -> Attempt {
    if lease.pool().runs_on_sockets() || !may_run(program, sink, lease.pool()) {
        return look(lease, program, waker);
    }
    let (pool, context) = (lease.pool().clone(), lease.context());
    // Opening does I/O.
    let Some(connection) = lease.opened() else { return Attempt::Send };
    if others_turn() {
        waker.wake_by_ref();
        return Attempt::Yield;
    }
    let attempt = run(connection, program, sink, &pool, context.as_ref());
    if let Attempt::Ran(_) = attempt {
        lease.holder().seen_with(waker, || pool.now());
    }
    attempt
}

/// Whether this thread looks for the answer of a server or of a worker: then it takes no longer than it may, whatever the statements
/// are.
fn look(lease: &mut Lease, program: &Program, waker: &Waker) -> Attempt {
    let (pool, asked) = (lease.pool().clone(), Asked::by(program));
    let may_look = program.dispatch.unwrap_or(pool.dispatch()) == Dispatch::Auto
        // What is encoded and decoded here is to be little, too.
        && program.is_small()
        && program.input.bytes().len() <= SHORT_BYTES
        && !pool.is_cut_off()
        && lease.opened().is_some()
        && pool.may_look(asked);
    if !may_look {
        return Attempt::Send;
    }
    if others_turn() {
        waker.wake_by_ref();
        return Attempt::Yield;
    }
    RUN.set(RUN.get() + 1);
    Attempt::Look(asked)
}

/// Whether a program may be begun on the thread that polls.
pub(crate) fn may_run(program: &Program, sink: &mut dyn Sink, pool: &Pool) -> bool {
    program.dispatch.unwrap_or(pool.dispatch()) == Dispatch::Auto
        && program.is_cheap()
        && sink.restart()
        && !pool.is_cut_off()
        && !pool.heavy().knows(program)
}

/// Whether the executor should have its turn now: so many jobs ran inline since it had.
pub(crate) fn others_turn() -> bool {
    let is_due = RUN.get() >= IN_A_ROW;
    if is_due {
        RUN.set(0);
    }
    is_due
}

/// Runs a program that may run here, or gives it up: then the sink has forgotten what it was given.
pub(crate) fn run(
    connection: &mut dyn DriverConnection,
    program: &Program,
    sink: &mut dyn Sink,
    pool: &Pool,
    context: Option<&Arc<JobContext>>,
) -> Attempt {
    let run = catch_unwind(AssertUnwindSafe(|| {
        JobContext::run_inline(context, pool.telemetry(), || connection.try_inline(program, sink))
    }));
    match run {
        Ok(Inline::Ran(result)) => {
            RUN.set(RUN.get() + 1);
            pool.ran_inline();
            return Attempt::Ran(result);
        }
        Err(panic) => return Attempt::Panicked(panic),
        Ok(Inline::TooLong(step)) => {
            program.steps.get(step).into_iter().for_each(|step| pool.heavy().remember(&step.shape.sql));
            pool.gave_up_inline();
        }
        Ok(Inline::Locked) => pool.gave_up_inline(),
        Ok(Inline::Never) => {}
    }
    // What it read before.
    sink.restart();
    Attempt::Send
}

/// The task waits, so that the executor goes on.
pub(super) fn waits() {
    RUN.set(0);
}
