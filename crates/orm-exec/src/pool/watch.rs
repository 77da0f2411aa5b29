//! What nobody's call comes by to do: closing idle connections that are over a limit, telling of leaks, handing on what a
//! waiter was given and does not take, and waking one that has waited too long. A timer for each waiter would wake the thread of the timers
//! for each.
//!
//! There is no thread for it. A timer's waker is what runs: it looks, under the pool's lock, and leaves closing and telling
//! to a worker thread. The timer is set only while something will be due, so an engine without limits, without a leak
//! threshold and without a queue never sets one.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, Weak};
use std::task::{Context, Wake, Waker};
use std::time::{Duration, Instant};

use futures_timer::Delay;

use super::holder::{HeldConnection, leaks};
use super::limits::Expired;
use super::{OpenConnection, Pool, PoolOptions, Shared, State};
use crate::driver::Access;
use crate::sync::lock;

/// How long a waiter that was given a connection may take to be polled, before the connection goes to the next. A task
/// that polls it later has lost its turn only, not its place.
const GRACE: Duration = Duration::from_millis(200);

/// Sets no timer shorter than this.
const SHORTEST: Duration = Duration::from_millis(1);

/// The timer of a pool.
#[derive(Debug)]
pub(super) struct Watch {
    pool: Weak<Shared>,
    timer: Mutex<Option<Delay>>,
}

impl Watch {
    pub(super) fn new(pool: Weak<Shared>) -> Self {
        Self { pool, timer: Mutex::new(None) }
    }

    /// Sets no more timer.
    pub(super) fn stop(&self) {
        let timer = lock(&self.timer).take();
        drop(timer);
    }
}

impl Wake for Watch {
    fn wake(self: Arc<Self>) {
        if let Some(shared) = self.pool.upgrade() {
            Pool(shared).turn();
        }
    }
}

impl State {
    /// Notes that there will be something to look at. Whether the timer must be set.
    pub(super) fn due_at(&mut self, at: Instant) -> bool {
        let earlier = self.watch_due.is_none_or(|due| at < due);
        if earlier {
            self.watch_due = Some(at);
        }
        earlier
    }

    /// Notes when what a waiter was given will be handed on.
    pub(super) fn due_after_grace(&mut self, now: Instant) -> bool {
        self.due_at(now + GRACE)
    }

    /// Takes the idle connections out that are over a limit. They are to be closed on a worker thread.
    pub(super) fn take_expired(&mut self, options: &PoolOptions, now: Instant) -> Vec<OpenConnection> {
        if options.limits.are_none() {
            return Vec::new();
        }
        let over = |open: &OpenConnection| match open.may_expire {
            true => open.age.expired(&options.limits, now),
            false => None,
        };
        let mut expired = self.writer.take_idle(over);
        expired.append(&mut self.readers.take_idle(over));
        for (_, why) in &expired {
            match why {
                Expired::Idle => self.counters.closed.idle += 1,
                Expired::Lifetime => self.counters.closed.lifetime += 1,
            }
        }
        expired.into_iter().map(|(connection, _)| connection).collect()
    }

    /// Takes note of leaks that nobody was told about.
    pub(super) fn new_leaks(&mut self, options: &PoolOptions, now: Instant) -> Vec<HeldConnection> {
        let Some(threshold) = options.leak_threshold else { return Vec::new() };
        let mut found = leaks(self.writer.holders(), Access::Write, threshold, now);
        found.append(&mut leaks(self.readers.holders(), Access::Read, threshold, now));
        self.counters.leaks += found.len() as u64;
        found
    }

    fn next_due(&self, options: &PoolOptions, now: Instant) -> Option<Instant> {
        let lanes = [&self.writer, &self.readers];
        let given = lanes.iter().filter_map(|lane| lane.given_since()).map(|since| since + GRACE);
        let idle = lanes.iter().flat_map(|lane| lane.idle_connections()).filter(|open| open.may_expire);
        let expiring = idle.filter_map(|open| open.age.due(&options.limits));
        let leaking = options.leak_threshold.into_iter().flat_map(|threshold| {
            let holders = lanes.iter().flat_map(|lane| lane.holders());
            holders.filter_map(move |holder| holder.leak_due(threshold, now))
        });
        let overdue = lanes.iter().filter_map(|lane| lane.first_until());
        given.chain(overdue).chain(expiring).chain(leaking).min()
    }
}

impl Pool {
    /// Looks at everything that may be due, and sets the timer again if there is more to come.
    fn turn(&self) {
        let now = self.now();
        let (wakers, forgotten, expired, leaks, again) = {
            let mut state = self.state();
            state.watch_due = None;
            let longest = self.0.options.acquire_timeout;
            let (mut wakers, mut forgotten) = (Vec::new(), Vec::new());
            let State { writer, readers, .. } = &mut *state;
            for lane in [writer, readers] {
                forgotten.append(&mut lane.forget_sleepers(longest, now));
                wakers.append(&mut lane.hand_on(GRACE, now));
                wakers.append(&mut lane.overdue(now));
            }
            let expired = state.take_expired(&self.0.options, now);
            let leaks = state.new_leaks(&self.0.options, now);
            let next = state.next_due(&self.0.options, now);
            (wakers, forgotten, expired, leaks, next.is_some_and(|next| state.due_at(next)))
        };
        drop(forgotten);
        // First: a waker may panic.
        if again {
            self.set_timer();
        }
        wakers.into_iter().for_each(Waker::wake);
        self.dispose(expired);
        if !leaks.is_empty() {
            let pool = self.clone();
            self.clean_up(async move { pool.tell(&leaks) });
        }
    }

    /// Sets the timer to what is due first. Without the pool's lock.
    pub(super) fn set_timer(&self) {
        // By a clock that a test moves nothing is due by itself.
        if self.0.clock.is_manual() {
            return;
        }
        let Some(due) = self.state().watch_due else { return };
        let left = due.saturating_duration_since(self.now()).max(SHORTEST);
        let mut delay = Delay::new(left);
        let waker = Waker::from(Arc::clone(&self.0.watch));
        // Without the timer's lock: a timer that rings in this moment may run the waker right here.
        let rung = Pin::new(&mut delay).poll(&mut Context::from_waker(&waker)).is_ready();
        let before = {
            let mut timer = lock(&self.0.watch.timer);
            // Whoever has changed it meanwhile sets a timer of its own.
            if self.state().watch_due == Some(due) { timer.replace(delay) } else { Some(delay) }
        };
        drop(before);
        if rung {
            waker.wake();
        }
    }

    /// Tells the observers of leaks.
    pub(super) fn tell(&self, leaks: &[HeldConnection]) {
        leaks.iter().for_each(|leak| self.0.telemetry.tell(|observer| observer.leaked(leak)));
    }

    /// Closes connections on a worker thread: that does I/O, and this may be a thread that polls futures.
    pub(super) fn dispose(&self, connections: Vec<OpenConnection>) {
        if !connections.is_empty() {
            self.clean_up(super::close::close_all(connections));
        }
    }
}
