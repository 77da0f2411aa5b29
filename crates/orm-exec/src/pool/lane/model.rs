//! Random programs on a lane, next to a model that is too simple to be wrong: a list of waiters and a number.
//!
//! `ANYORM_POOL_RUNS=100000 ANYORM_POOL_SEED=7 cargo test -p orm-exec --lib model` runs more, or others.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Wake, Waker};
use std::time::{Duration, Instant};

use super::Lane;

const GRACE: Duration = Duration::from_secs(1);

/// Each connection is a number of its own.
type Connection = u32;

/// What a model knows of somebody in line.
#[derive(Clone, Debug)]
struct Waiting {
    ticket: u64,
    /// Since when it has something, in steps of the program.
    given: Option<u64>,
    /// Since when, in steps.
    asleep: Option<u64>,
}

#[derive(Debug, Default)]
struct Model {
    size: usize,
    /// Permits that are out and were taken: not those on their way.
    taken: Vec<Option<Connection>>,
    line: Vec<Waiting>,
}

impl Model {
    fn free(&self) -> usize {
        self.size - self.taken.len() - self.line.iter().filter(|waiter| waiter.given.is_some()).count()
    }

    /// A permit came free: who is served?
    fn serve(&mut self, step: u64) -> Option<u64> {
        let next = self.line.iter_mut().find(|waiter| waiter.given.is_none() && waiter.asleep.is_none())?;
        next.given = Some(step);
        Some(next.ticket)
    }

    fn at(&self, ticket: u64) -> usize {
        self.line.iter().position(|waiter| waiter.ticket == ticket).unwrap()
    }
}

/// Notes who was woken last.
struct Bell(u64, Arc<AtomicU64>);

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.1.store(self.0, Ordering::SeqCst);
    }
}

/// A small generator (SplitMix64).
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % end
    }

    fn pick(&mut self, length: usize) -> Option<usize> {
        (length > 0).then(|| self.below(length as u64) as usize)
    }
}

struct Run {
    lane: Lane<Connection>,
    model: Model,
    random: Random,
    woken: Arc<AtomicU64>,
    start: Instant,
    step: u64,
    opened: Connection,
    closed: usize,
}

impl Run {
    fn new(seed: u64) -> Self {
        let mut random = Random(seed);
        let size = 1 + random.below(4) as usize;
        Self {
            lane: Lane::new(size),
            model: Model { size, ..Model::default() },
            random,
            woken: Arc::default(),
            start: Instant::now(),
            step: 0,
            opened: 0,
            closed: 0,
        }
    }

    /// Ten steps are the time of grace.
    fn now(&self) -> Instant {
        self.start + GRACE / 10 * self.step as u32
    }

    fn waker(&self, ticket: u64) -> Waker {
        Waker::from(Arc::new(Bell(ticket, Arc::clone(&self.woken))))
    }

    /// Wakes who is to be woken, and says who that was: 0 for nobody.
    fn woken(&self, waker: Option<Waker>) -> u64 {
        self.woken.store(0, Ordering::SeqCst);
        waker.into_iter().for_each(Waker::wake);
        self.woken.load(Ordering::SeqCst)
    }

    fn one_step(&mut self) {
        self.step += 1;
        match self.random.below(13) {
            0..=3 => self.ask(),
            4 | 5 => self.poll(),
            6..=8 => self.give_back(),
            9 => self.cancel(),
            10 => self.time_passes(),
            11 => self.forget(),
            _ if self.random.below(40) == 0 => self.close(),
            _ => self.expire(),
        }
        self.compare();
    }

    /// A newcomer takes what is free, or joins the line.
    fn ask(&mut self) {
        let free = self.model.free() > 0;
        match self.lane.try_take() {
            Some(permit) => {
                assert!(free, "taken where the model has nothing");
                self.take(permit);
            }
            None => {
                assert!(!free, "refused where the model has something");
                self.lane.wait(self.step, self.waker(self.step), None);
                self.model.line.push(Waiting { ticket: self.step, given: None, asleep: None });
            }
        }
    }

    fn take(&mut self, permit: Option<Connection>) {
        // Who gets a permit alone opens a connection, or fails to.
        let permit = permit.or_else(|| {
            self.opened += 1;
            (self.random.below(8) > 0).then_some(self.opened)
        });
        assert!(permit.is_none() || !self.model.taken.contains(&permit), "two have one connection");
        self.model.taken.push(permit);
    }

    fn poll(&mut self) {
        let Some(at) = self.random.pick(self.model.line.len()) else { return };
        let ticket = self.model.line[at].ticket;
        let has = self.model.line[at].given.is_some() || self.model.free() > 0;
        let claimed = self.lane.claim(ticket, &self.waker(ticket)).0;
        assert_eq!(claimed.is_some(), has, "what waiter {ticket} finds");
        match claimed {
            Some(permit) => {
                self.model.line.remove(at);
                self.take(permit);
            }
            None => self.model.line[at].asleep = None,
        }
    }

    fn give_back(&mut self) {
        let Some(at) = self.random.pick(self.model.taken.len()) else { return };
        let permit = self.model.taken.swap_remove(at);
        let waker = self.lane.give_back(permit, self.now());
        assert_eq!(self.woken(waker), self.model.serve(self.step).unwrap_or(0), "who is served");
    }

    fn cancel(&mut self) {
        let Some(at) = self.random.pick(self.model.line.len()) else { return };
        let Waiting { ticket, given, .. } = self.model.line.remove(at);
        let waker = self.lane.cancel(ticket, self.now()).0;
        let served = given.and_then(|_| self.model.serve(self.step)).unwrap_or(0);
        assert_eq!(self.woken(waker), served, "who is served after {ticket} left");
    }

    /// Some have not taken what they have for ten steps.
    fn time_passes(&mut self) {
        let late: Vec<u64> = self
            .model
            .line
            .iter()
            .filter(|one| one.given.is_some_and(|since| since + 10 <= self.step))
            .map(|one| one.ticket)
            .collect();
        for &ticket in &late {
            let at = self.model.at(ticket);
            (self.model.line[at].given, self.model.line[at].asleep) = (None, Some(self.step));
        }
        let mut served: Vec<u64> = late.iter().filter_map(|_| self.model.serve(self.step)).collect();
        let wakers = self.lane.hand_on(GRACE, self.now());
        let mut woken: Vec<u64> = wakers.into_iter().map(|waker| self.woken(Some(waker))).collect();
        served.sort_unstable();
        woken.sort_unstable();
        assert_eq!(woken, served, "who is served after {late:?} were late");
    }

    /// Some sleep for longer than anybody waits.
    fn forget(&mut self) {
        let step = self.step;
        self.model.line.retain(|one| one.asleep.is_none_or(|since| step < since + 30));
        drop(self.lane.forget_sleepers(GRACE * 3, self.now()));
        let left: Vec<u64> = self.lane.waiters.iter().map(|waiter| waiter.ticket).collect();
        let expected: Vec<u64> = self.model.line.iter().map(|one| one.ticket).collect();
        assert_eq!(left, expected, "who is left in line");
    }

    /// Everyone in line is sent away. The lane goes on: a second close finds nothing.
    fn close(&mut self) {
        let line = std::mem::take(&mut self.model.line);
        assert_eq!(self.lane.dismiss().len(), line.len());
        self.closed += self.lane.drain().len();
        for Waiting { ticket, .. } in line {
            assert!(self.lane.claim(ticket, Waker::noop()).0.is_none());
            assert!(self.lane.cancel(ticket, self.now()).0.is_none());
        }
    }

    fn expire(&mut self) {
        let odd = |connection: &Connection| (connection % 2 == 1).then_some(());
        self.closed += self.lane.take_idle(odd).len();
    }

    fn compare(&self) {
        let model = &self.model;
        let awake = model.line.iter().filter(|one| one.given.is_none() && one.asleep.is_none()).count();
        assert_eq!(self.lane.in_use(), model.size - model.free());
        assert_eq!(self.lane.waiting(), awake);
        assert!(self.lane.idle() <= model.free());
        assert!(model.free() == 0 || awake == 0, "somebody waits for what is free");
    }

    /// In the end everything comes home.
    fn end(mut self) {
        while !self.model.line.is_empty() {
            self.cancel();
            self.compare();
        }
        while !self.model.taken.is_empty() {
            self.give_back();
            self.compare();
        }
        assert_eq!((self.lane.in_use(), self.lane.waiting()), (0, 0));
        assert!(self.lane.idle() <= self.model.size);
    }
}

#[test]
fn a_lane_follows_the_model() {
    let setting = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let seed = setting("ANYORM_POOL_SEED").unwrap_or(1);
    for run in 0..setting("ANYORM_POOL_RUNS").unwrap_or(2_000) {
        let mut program = Run::new(seed.wrapping_mul(1_000_003).wrapping_add(run));
        for _ in 0..200 {
            program.one_step();
        }
        program.end();
    }
}
