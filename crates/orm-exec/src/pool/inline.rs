//! A read that needs no lease: the connection is taken, used and put back within one poll.
//!
//! Nobody can wait for a holder that is gone before anybody looks, so nothing is written down about one. What does not go
//! this way, for whatever reason, goes the way of all others: a lease and a job.

use std::panic::{Location, resume_unwind};
use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

use futures_lite::future::yield_now;
use orm_core::program::ProgramResult;
use orm_core::{Dispatch, Program, Sink};

use super::{Holder, LaneKind, Lease, OpenConnection, Pool};
use crate::driver::Access;
use crate::job::inline::{self, Attempt};
use crate::observe::{AcquireEnd, JobContext, Span};

impl Pool {
    /// Runs a program of cheap reads at once, if it may run here and a connection is open and idle. `None` if not: then it
    /// is to be run as a job. One that was given up is marked for a worker.
    ///
    /// Dropped: nothing happened.
    pub(crate) async fn read_inline(
        &self,
        program: &mut Program,
        sink: &mut dyn Sink,
        location: &'static Location<'static>,
    ) -> Option<ProgramResult> {
        if self.runs_on_sockets() || !inline::may_run(program, sink, self) {
            return None;
        }
        if inline::others_turn() {
            yield_now().await;
        }
        let lane = self.lane(Access::Read);
        let mut out = Out { pool: self, lane, connection: Some(self.take_idle(lane)?), location };
        self.tell_of_no_wait(location);
        let context = JobContext::capture(self.telemetry(), location);
        let connection = out.connection.as_mut()?;
        let attempt = inline::run(connection.driver(), program, sink, self, context.as_ref());
        drop(out);
        match attempt {
            Attempt::Ran(result) => Some(result),
            Attempt::Panicked(panic) => resume_unwind(panic),
            Attempt::Yield | Attempt::Look(_) | Attempt::Send => {
                program.dispatch = Some(Dispatch::Worker);
                None
            }
        }
    }

    /// A connection that is open, and that nobody has or waits for.
    fn take_idle(&self, lane: LaneKind) -> Option<OpenConnection> {
        let limits = &self.0.options.limits;
        let now = (!limits.are_none()).then(|| self.now());
        let mut state = self.state();
        if state.closed {
            return None;
        }
        let expired = now.map(|now| state.take_expired(&self.0.options, now)).unwrap_or_default();
        let taken = state.lane(lane).try_take_open();
        state.counters.acquired += u64::from(taken.is_some());
        drop(state);
        self.dispose(expired);
        taken
    }

    fn tell_of_no_wait(&self, location: &'static Location<'static>) {
        let (access, waited) = (Access::Read, Duration::ZERO);
        let span = Span::acquire(access, location);
        if span.listens() {
            span.waited(waited);
        }
        if self.telemetry().has_observers() {
            let event = AcquireEnd { access, location, waited, error: None };
            self.telemetry().tell(|observer| observer.acquire_end(&event));
        }
    }
}

/// A connection that is out, and comes home whatever happens.
struct Out<'p> {
    pool: &'p Pool,
    lane: LaneKind,
    connection: Option<OpenConnection>,
    location: &'static Location<'static>,
}

impl Drop for Out<'_> {
    fn drop(&mut self) {
        let Some(mut connection) = self.connection.take() else { return };
        let driver = connection.driver();
        if driver.in_transaction() || driver.is_lost() {
            // As after any job that left it so.
            let now = self.pool.now();
            let holder = Arc::new(Holder::new(self.location, Waker::noop(), now));
            let mut lease = Lease::new(self.pool.clone(), self.lane, Some(connection), holder);
            lease.look();
            return;
        }
        if self.pool.0.options.limits.are_none() {
            let mut state = self.pool.state();
            if !state.closed {
                match state.lane(self.lane).put_back(connection) {
                    Ok(()) => return,
                    Err(wanted) => connection = wanted,
                }
            }
        }
        self.pool.give_back(self.lane, Some(connection), None);
    }
}
