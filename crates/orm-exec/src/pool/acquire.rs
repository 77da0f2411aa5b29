//! Waiting for a connection.

use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::sync::{Arc, MutexGuard};
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use futures_timer::Delay;
use orm_core::error::TimeoutError;
use orm_core::{Error, Result};

use super::lane::Permit;
use super::{Holder, LaneKind, Lease, OpenConnection, Pool, State, Statistics};
use crate::operation::under_way::{self, UnderWay};

/// A wait for a connection. Dropped, it leaves the queue, and what it was just given goes to the next in line.
#[must_use = "nothing is waited for until this is awaited"]
pub(crate) struct Acquire {
    pool: Pool,
    lane: LaneKind,
    location: &'static Location<'static>,
    /// The place in the queue, if there was a need to queue.
    place: Option<Place>,
}

struct Place {
    ticket: u64,
    since: Instant,
    /// When that is too long: then the [watch](super::watch) wakes.
    until: Option<Instant>,
    /// What wakes where the watch has a clock that a test moves.
    timer: Option<Delay>,
}

impl Acquire {
    pub(super) fn new(pool: Pool, lane: LaneKind, location: &'static Location<'static>) -> Self {
        Self { pool, lane, location, place: None }
    }

    /// Where it waits.
    pub(crate) fn place(&self) -> (&Pool, LaneKind) {
        (&self.pool, self.lane)
    }

    /// Takes a free connection, or joins the queue.
    fn start(&mut self, waker: &Waker) -> Result<Option<Lease>> {
        let one_connection = self.pool.has_one_connection();
        let now = self.pool.now();
        let mut state = self.pool.state();
        if state.closed {
            return Err(Error::Closed);
        }
        let expired = state.take_expired(&self.pool.0.options, now);
        let lane = state.lane(self.lane);
        if let Some(permit) = lane.try_take() {
            let lease = self.lease(state, permit, waker, now);
            self.pool.dispose(expired);
            return Ok(Some(lease));
        }
        // With readers, waiting is worth it: other branches of this task go on, and one of them may end the transaction.
        if one_connection && let Some(holder) = lane.holders().iter().find(|holder| holder.is_kept_by(waker))
        {
            return Err(Error::HeldBySelf { holder: holder.place().into() });
        }
        let ticket = state.next_ticket;
        state.next_ticket += 1;
        state.counters.waits += 1;
        let (longest, by_hand) = (self.pool.0.options.acquire_timeout, self.pool.0.clock.is_manual());
        let until = if by_hand { None } else { now.checked_add(longest) };
        state.lane(self.lane).wait(ticket, waker.clone(), until);
        let ring = until.is_some_and(|until| state.due_at(until));
        drop(state);
        if ring {
            self.pool.set_timer();
        }
        self.pool.dispose(expired);
        let timer = by_hand.then(|| Delay::new(longest));
        self.place = Some(Place { ticket, since: now, until, timer });
        Ok(None)
    }

    /// Writes down who has the permit, and lets the pool's lock go.
    fn lease(
        &self,
        mut state: MutexGuard<'_, State>,
        permit: Permit<OpenConnection>,
        waker: &Waker,
        now: Instant,
    ) -> Lease {
        let holder = Arc::new(Holder::new(self.location, waker, now));
        state.counters.acquired += 1;
        state.lane(self.lane).add_holder(Arc::clone(&holder));
        let ring = self.pool.0.options.leak_threshold.is_some_and(|threshold| state.due_at(now + threshold));
        drop(state);
        if ring {
            self.pool.set_timer();
        }
        Lease::new(self.pool.clone(), self.lane, permit, holder)
    }

    /// Leaves the queue. Whoever has now what this was given is woken.
    fn leave(&mut self, count: impl FnOnce(&mut Statistics)) {
        let Some(place) = self.place.take() else { return };
        let now = self.pool.now();
        let (next, ring, _own) = {
            let mut state = self.pool.state();
            count(&mut state.counters);
            let (next, own) = state.lane(self.lane).cancel(place.ticket, now);
            let ring = next.is_some() && state.due_after_grace(now);
            (next, ring, own)
        };
        if ring {
            self.pool.set_timer();
        }
        next.into_iter().for_each(Waker::wake);
    }

    fn timeout(&self, since: Instant) -> Error {
        let (what, holders) = self.pool.wanted(self.lane);
        Error::Timeout(Arc::new(TimeoutError {
            what,
            waited: self.pool.now().saturating_duration_since(since),
            holders,
        }))
    }
}

impl Pool {
    /// For the message of a deadline, in the task that waits.
    pub(crate) fn note_wait(&self, lane: LaneKind) {
        under_way::note(|| {
            let (what, holders) = self.wanted(lane);
            UnderWay { what: format!("waited for {what}; held by {}", holders.join(", ")), sent: false }
        });
    }

    /// What is waited for, and who has it.
    fn wanted(&self, lane: LaneKind) -> (&'static str, Vec<String>) {
        let what = match lane {
            LaneKind::Readers => "a reader connection",
            LaneKind::Writer if self.has_one_connection() => "the only connection",
            LaneKind::Writer => "the writer connection",
        };
        (what, self.state().lane(lane).holders().iter().map(|holder| holder.place()).collect())
    }
}

impl Future for Acquire {
    type Output = Result<Lease>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<Lease>> {
        let this = &mut *self;
        if this.place.is_none()
            && let Some(lease) = this.start(cx.waker())?
        {
            return Poll::Ready(Ok(lease));
        }
        let Some(place) = &mut this.place else { return Poll::Pending };
        let mut state = this.pool.state();
        if state.closed {
            drop(state);
            // Sent away: there is no place to leave.
            this.place = None;
            return Poll::Ready(Err(Error::Closed));
        }
        let (since, until, now) = (place.since, place.until, this.pool.now());
        let (permit, before) = state.lane(this.lane).claim(place.ticket, cx.waker());
        if let Some(permit) = permit {
            let waited = now.saturating_duration_since(since);
            state.counters.wait_total += waited;
            state.counters.wait_longest = state.counters.wait_longest.max(waited);
            this.place = None;
            under_way::clear();
            let lease = this.lease(state, permit, cx.waker(), now);
            drop(before);
            return Poll::Ready(Ok(lease));
        }
        drop(state);
        drop(before);
        let rings = |timer: &mut Delay| Pin::new(timer).poll(cx).is_ready();
        if until.is_some_and(|until| until <= now) || place.timer.as_mut().is_some_and(rings) {
            let error = this.timeout(since);
            this.leave(|counters| counters.wait_timeouts += 1);
            return Poll::Ready(Err(error));
        }
        this.pool.note_wait(this.lane);
        Poll::Pending
    }
}

impl Drop for Acquire {
    fn drop(&mut self) {
        self.leave(|counters| counters.cancelled_waits += 1);
    }
}

impl fmt::Debug for Acquire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Acquire").field("lane", &self.lane).field("location", &self.location).finish()
    }
}
