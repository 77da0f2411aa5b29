//! One kind of connection: how many there may be, which are idle, who waits. A state machine without I/O or locks.
//!
//! The queue is first in, first out, with direct hand-over: a connection that comes back belongs to the first waiter at
//! once, so nobody overtakes, and a waiter that is cancelled passes on what it was given.
//!
//! A waiter that was given a connection and is not polled (its task polls another branch, or has forgotten it) would keep
//! it from all others. After a time of grace it sleeps: what it has goes to the next in line, and it is passed over until
//! it is polled again. It keeps its place.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::Waker;
use std::time::{Duration, Instant};

use super::holder::Holder;
use crate::sync::renew;

/// The right to use one connection, with the connection if it is open already.
pub(super) type Permit<C> = Option<C>;

#[derive(Debug)]
pub(super) struct Lane<C> {
    /// How many permits there are.
    size: usize,
    /// Permits that nobody has. At least as many as `idle` connections.
    free: usize,
    /// Open connections that nobody uses. The last one in is the first one out: its caches are warm.
    idle: Vec<C>,
    waiters: VecDeque<Waiter<C>>,
    /// Who has the others, for messages.
    holders: Vec<Arc<Holder>>,
}

#[derive(Debug)]
struct Waiter<C> {
    ticket: u64,
    waker: Waker,
    /// What it was given and when, until it is polled again.
    given: Option<(Permit<C>, Instant)>,
    /// Since when it sleeps: it was given something and did not take it in time.
    asleep: Option<Instant>,
    /// When it has waited too long, unless it has heard that already.
    until: Option<Instant>,
}

impl<C> Waiter<C> {
    fn is_waiting(&self) -> bool {
        self.given.is_none() && self.asleep.is_none()
    }
}

impl<C> Lane<C> {
    pub(super) fn new(size: usize) -> Self {
        Self { size, free: size, idle: Vec::new(), waiters: VecDeque::new(), holders: Vec::new() }
    }

    pub(super) fn size(&self) -> usize {
        self.size
    }

    pub(super) fn idle(&self) -> usize {
        self.idle.len()
    }

    /// Permits that are out, those on their way to a waiter included.
    pub(super) fn in_use(&self) -> usize {
        self.size - self.free
    }

    /// Who is in line and awake.
    pub(super) fn waiting(&self) -> usize {
        self.waiters.iter().filter(|waiter| waiter.is_waiting()).count()
    }

    pub(super) fn holders(&self) -> &[Arc<Holder>] {
        &self.holders
    }

    /// A permit, if one is free: then nobody waits who is awake.
    pub(super) fn try_take(&mut self) -> Option<Permit<C>> {
        if self.free == 0 {
            return None;
        }
        self.free -= 1;
        Some(self.idle.pop())
    }

    /// A connection that is open, if one is idle.
    pub(super) fn try_take_open(&mut self) -> Option<C> {
        if self.free == 0 {
            return None;
        }
        let connection = self.idle.pop()?;
        self.free -= 1;
        Some(connection)
    }

    /// Puts a connection back that nobody is in line for.
    ///
    /// # Errors
    /// The connection, if somebody is.
    pub(super) fn put_back(&mut self, connection: C) -> Result<(), C> {
        if !self.waiters.is_empty() {
            return Err(connection);
        }
        self.free += 1;
        self.idle.push(connection);
        Ok(())
    }

    /// Joins the queue.
    pub(super) fn wait(&mut self, ticket: u64, waker: Waker, until: Option<Instant>) {
        self.waiters.push_back(Waiter { ticket, waker, given: None, asleep: None, until });
    }

    /// Those whose time is over: they are to be woken, once, to leave the queue.
    pub(super) fn overdue(&mut self, now: Instant) -> Vec<Waker> {
        let late = self.waiters.iter_mut().filter(|waiter| waiter.until.is_some_and(|until| until <= now));
        late.map(|waiter| {
            waiter.until = None;
            waiter.waker.clone()
        })
        .collect()
    }

    /// When the time of the first of them is over.
    pub(super) fn first_until(&self) -> Option<Instant> {
        self.waiters.iter().filter_map(|waiter| waiter.until).min()
    }

    /// What a waiter was given, or what is free if it had slept. It has left the queue then; otherwise `waker` is woken
    /// next. And the waker of before, if it is not needed any more.
    #[must_use = "drop the waker without the lock"]
    pub(super) fn claim(&mut self, ticket: u64, waker: &Waker) -> (Option<Permit<C>>, Option<Waker>) {
        let Some(at) = self.position(ticket) else { return (None, None) };
        let waiter = &mut self.waiters[at];
        waiter.asleep = None;
        if waiter.given.is_none() && self.free == 0 {
            return (None, renew(&mut waiter.waker, waker));
        }
        let Some(Waiter { waker: before, given, .. }) = self.waiters.remove(at) else { return (None, None) };
        let permit = given.map(|(permit, _)| permit).or_else(|| self.try_take());
        (permit, Some(before))
    }

    /// Leaves the queue. What the waiter was given goes to the next one, who is to be woken. And its own waker.
    #[must_use = "wake the one, and drop the other, without the lock"]
    pub(super) fn cancel(&mut self, ticket: u64, now: Instant) -> (Option<Waker>, Option<Waker>) {
        let left = self.position(ticket).and_then(|at| self.waiters.remove(at));
        let Some(Waiter { waker, given, .. }) = left else { return (None, None) };
        (given.and_then(|(permit, _)| self.give_back(permit, now)), Some(waker))
    }

    /// Takes a permit back. The waiter who has it now, if any, is to be woken.
    pub(super) fn give_back(&mut self, permit: Permit<C>, now: Instant) -> Option<Waker> {
        if let Some(next) = self.waiters.iter_mut().find(|waiter| waiter.is_waiting()) {
            next.given = Some((permit, now));
            return Some(next.waker.clone());
        }
        self.free += 1;
        self.idle.extend(permit);
        None
    }

    /// Lets those sleep who were given something `grace` ago and were not polled since. Who has it now is to be woken.
    pub(super) fn hand_on(&mut self, grace: Duration, now: Instant) -> Vec<Waker> {
        let mut late = Vec::new();
        for waiter in &mut self.waiters {
            if waiter.given.as_ref().is_some_and(|(_, since)| *since + grace <= now) {
                waiter.asleep = Some(now);
                late.extend(waiter.given.take().map(|(permit, _)| permit));
            }
        }
        late.into_iter().filter_map(|permit| self.give_back(permit, now)).collect()
    }

    /// Forgets those who sleep since `longest` ago: they have waited too long, and hear that when they are polled, or
    /// never. Answers their wakers, which may be all that keeps their tasks: to be dropped without the lock, since a task
    /// leaves the queue as it goes.
    #[must_use = "drop them without the lock"]
    pub(super) fn forget_sleepers(&mut self, longest: Duration, now: Instant) -> Vec<Waker> {
        let is_over = |since: Instant| since.checked_add(longest).is_some_and(|end| end <= now);
        let mut forgotten = Vec::new();
        self.waiters.retain(|waiter| {
            let stays = !waiter.asleep.is_some_and(is_over);
            if !stays {
                forgotten.push(waiter.waker.clone());
            }
            stays
        });
        forgotten
    }

    /// When the first of those was given something who have it and were not polled since.
    pub(super) fn given_since(&self) -> Option<Instant> {
        self.waiters.iter().filter_map(|waiter| waiter.given.as_ref()).map(|(_, since)| *since).min()
    }

    /// Sends everyone who waits away: they are to be woken, to hear that the pool is closed. What one of them was given
    /// is free again.
    pub(super) fn dismiss(&mut self) -> Vec<Waker> {
        let mut wakers = Vec::with_capacity(self.waiters.len());
        for Waiter { waker, given, .. } in std::mem::take(&mut self.waiters) {
            if let Some((permit, _)) = given {
                self.free += 1;
                self.idle.extend(permit);
            }
            wakers.push(waker);
        }
        wakers
    }

    /// Takes the idle connections out, to close them. Their permits stay free.
    pub(super) fn drain(&mut self) -> Vec<C> {
        std::mem::take(&mut self.idle)
    }

    /// Takes those idle connections out for which `over` has an answer. Their permits stay free.
    pub(super) fn take_idle<R>(&mut self, mut over: impl FnMut(&C) -> Option<R>) -> Vec<(C, R)> {
        let mut taken = Vec::new();
        let mut at = 0;
        while at < self.idle.len() {
            match over(&self.idle[at]) {
                Some(why) => taken.push((self.idle.remove(at), why)),
                None => at += 1,
            }
        }
        taken
    }

    pub(super) fn idle_connections(&self) -> &[C] {
        &self.idle
    }

    pub(super) fn add_holder(&mut self, holder: Arc<Holder>) {
        self.holders.push(holder);
    }

    pub(super) fn remove_holder(&mut self, holder: &Arc<Holder>) {
        self.holders.retain(|other| !Arc::ptr_eq(other, holder));
    }

    fn position(&self, ticket: u64) -> Option<usize> {
        self.waiters.iter().position(|waiter| waiter.ticket == ticket)
    }
}

#[cfg(test)]
mod model;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_that_comes_back_belongs_to_the_first_waiter() {
        let mut lane = Lane::new(1);
        assert_eq!(lane.try_take(), Some(None));
        lane.wait(1, Waker::noop().clone(), None);
        lane.wait(2, Waker::noop().clone(), None);
        assert!(lane.give_back(Some('c'), Instant::now()).is_some());
        // Neither a newcomer nor the second waiter overtakes.
        assert_eq!(lane.try_take(), None);
        assert_eq!(lane.claim(2, Waker::noop()).0, None);
        assert_eq!(lane.claim(1, Waker::noop()).0, Some(Some('c')));
        assert_eq!((lane.in_use(), lane.waiting()), (1, 1));
    }

    #[test]
    fn a_cancelled_waiter_passes_on_what_it_was_given() {
        let mut lane = Lane::new(1);
        assert_eq!(lane.try_take(), Some(None));
        for ticket in 1..=3 {
            lane.wait(ticket, Waker::noop().clone(), None);
        }
        assert!(lane.cancel(2, Instant::now()).0.is_none());
        assert!(lane.give_back(Some('c'), Instant::now()).is_some());
        assert!(lane.cancel(1, Instant::now()).0.is_some());
        assert_eq!(lane.claim(3, Waker::noop()).0, Some(Some('c')));
    }

    #[test]
    fn the_last_cancelled_waiter_makes_the_connection_idle() {
        let mut lane = Lane::new(1);
        assert_eq!(lane.try_take(), Some(None));
        lane.wait(1, Waker::noop().clone(), None);
        assert!(lane.give_back(Some('c'), Instant::now()).is_some());
        assert!(lane.cancel(1, Instant::now()).0.is_none());
        assert_eq!((lane.idle(), lane.in_use(), lane.waiting()), (1, 0, 0));
    }

    #[test]
    fn who_is_sent_away_leaves_what_it_was_given() {
        let mut lane = Lane::new(1);
        assert_eq!(lane.try_take(), Some(None));
        lane.wait(1, Waker::noop().clone(), None);
        lane.wait(2, Waker::noop().clone(), None);
        assert!(lane.give_back(Some('c'), Instant::now()).is_some());
        assert_eq!(lane.dismiss().len(), 2);
        assert_eq!((lane.idle(), lane.in_use(), lane.waiting()), (1, 0, 0));
        // They find that out when they are polled, or dropped.
        assert_eq!(lane.claim(1, Waker::noop()).0, None);
        assert!(lane.cancel(1, Instant::now()).0.is_none() && lane.cancel(2, Instant::now()).0.is_none());
        assert_eq!((lane.drain(), lane.in_use()), (vec!['c'], 0));
    }

    #[test]
    fn who_has_waited_too_long_is_woken_once() {
        let (start, second) = (Instant::now(), Duration::from_secs(1));
        let mut lane = Lane::<char>::new(1);
        assert_eq!(lane.try_take(), Some(None));
        for ticket in 1..=3 {
            lane.wait(ticket, Waker::noop().clone(), Some(start + second * ticket as u32));
        }
        lane.wait(4, Waker::noop().clone(), None);
        assert_eq!(lane.first_until(), Some(start + second));
        assert_eq!(lane.overdue(start).len(), 0);
        assert_eq!(lane.overdue(start + second * 2).len(), 2);
        // They may take their time to leave.
        assert_eq!(lane.overdue(start + second * 2).len(), 0);
        assert_eq!(lane.first_until(), Some(start + second * 3));
    }

    #[test]
    fn a_discarded_connection_releases_its_permit() {
        let mut lane = Lane::<char>::new(1);
        assert_eq!(lane.try_take(), Some(None));
        assert!(lane.give_back(None, Instant::now()).is_none());
        assert_eq!((lane.idle(), lane.in_use()), (0, 0));
        assert_eq!(lane.try_take(), Some(None));
    }

    #[test]
    fn who_does_not_take_what_it_was_given_sleeps_and_keeps_its_place() {
        let (grace, start) = (Duration::from_secs(1), Instant::now());
        let mut lane = Lane::new(1);
        assert_eq!(lane.try_take(), Some(None));
        for ticket in 1..=3 {
            lane.wait(ticket, Waker::noop().clone(), None);
        }
        assert!(lane.give_back(Some('c'), start).is_some());
        assert!(lane.hand_on(grace, start + grace / 2).is_empty());
        assert_eq!(lane.given_since(), Some(start));
        assert_eq!(lane.hand_on(grace, start + grace).len(), 1);
        assert_eq!(lane.claim(2, Waker::noop()).0, Some(Some('c')));
        // Awake again, it is the first in line: it had been there before 3.
        assert_eq!(lane.claim(1, Waker::noop()).0, None);
        assert!(lane.give_back(Some('c'), start).is_some());
        assert_eq!(lane.claim(3, Waker::noop()).0, None);
        assert_eq!(lane.claim(1, Waker::noop()).0, Some(Some('c')));
    }

    #[test]
    fn what_only_sleepers_want_is_free_and_a_sleeper_that_wakes_takes_it() {
        let (grace, start) = (Duration::from_secs(1), Instant::now());
        let mut lane = Lane::new(1);
        assert_eq!(lane.try_take(), Some(None));
        lane.wait(1, Waker::noop().clone(), None);
        assert!(lane.give_back(Some('c'), start).is_some());
        assert!(lane.hand_on(grace, start + grace).is_empty(), "there is nobody to wake");
        assert_eq!((lane.idle(), lane.in_use(), lane.waiting()), (1, 0, 0));
        assert_eq!(lane.try_take(), Some(Some('c')));
        assert!(lane.give_back(Some('c'), start).is_none());
        assert_eq!(lane.claim(1, Waker::noop()).0, Some(Some('c')));
        assert_eq!((lane.idle(), lane.in_use()), (0, 1));
    }
}
