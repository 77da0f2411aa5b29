//! Connections that wait for work: one writer and some readers, or some that do everything.
//!
//! Read [`lane`] for who gets a connection next, [`acquire`] for the wait, [`lease`] for what happens to a connection
//! that is out, and `job.rs` for the work itself. [`limits`] says when a connection is too old, [`watch`] does what
//! nobody's call comes by to do, [`close`] ends it all.

mod acquire;
mod close;
mod holder;
mod inline;
mod lane;
mod lease;
mod limits;
mod statistics;
mod watch;

pub(crate) use acquire::Acquire;
pub use holder::HeldConnection;
pub(crate) use holder::{Holder, Stop};
pub use lease::Lease;
pub(crate) use limits::Limits;
pub use statistics::{Closed, Metric, MetricKind, Statistics};

use std::fmt;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::panic::Location;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, Weak};
use std::task::Waker;
use std::time::{Duration, Instant};

use futures_lite::{FutureExt, future};
use orm_core::{Dialect, Dispatch, Error, Result};

use crate::bridge::{Threads, Told, Urgency};
use crate::clock::Clock;
use crate::driver::{Access, Connect, DriverConnection, Interrupt, Runs};
use crate::job::{self, Asked, Heavy, Near};
use crate::notifications::Mailbox;
use crate::observe::{AcquireEnd, Span, Telemetry};
use crate::sync::lock;
use lane::{Lane, Permit};
use limits::Age;
use watch::Watch;

/// A pool. Clones share it.
#[derive(Clone)]
pub(crate) struct Pool(Arc<Shared>);

/// How large a pool is and how long it lets a task wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PoolOptions {
    /// Connections that do anything.
    pub(crate) writers: usize,
    /// Connections that only read. With 0 the others do everything.
    pub(crate) readers: usize,
    /// The longest wait for a connection.
    pub(crate) acquire_timeout: Duration,
    /// How old connections may become.
    pub(crate) limits: Limits,
    /// For how long a connection may be held unused before it is taken to be leaked.
    pub(crate) leak_threshold: Option<Duration>,
    /// Where reads run.
    pub(crate) dispatch: Dispatch,
}

struct Shared {
    connector: Box<dyn Connect>,
    options: PoolOptions,
    telemetry: Arc<Telemetry>,
    workers: Threads,
    clock: Clock,
    hops: AtomicU64,
    /// Whether nothing may run any more on connections that are out.
    cut_off: AtomicBool,
    watch: Arc<Watch>,
    inline: AtomicU64,
    inline_aborted: AtomicU64,
    /// Statements that are not begun inline any more.
    heavy: Heavy,
    near: Near,
    /// Rises when a connection was lost: those that were opened before may be lost, too.
    generation: AtomicU64,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    closed: bool,
    writer: Lane<OpenConnection>,
    readers: Lane<OpenConnection>,
    next_ticket: u64,
    /// Calls of `close` that wait for connections to come home.
    closers: Vec<Waker>,
    /// Idle connections that `close` sent to be closed.
    closing: usize,
    /// When the timer of the watch rings, if it is set.
    watch_due: Option<Instant>,
    /// What ends with the pool, besides connections.
    listeners: Vec<Weak<dyn Stop>>,
    /// What only grows.
    counters: Statistics,
}

/// A connection of a driver. The mutex is never contended: it makes `Sync` what moves from thread to thread anyway.
#[derive(Debug)]
pub(crate) struct OpenConnection {
    driver: Mutex<Box<dyn DriverConnection>>,
    interrupter: Arc<dyn Interrupt>,
    age: Age,
    /// That of the pool when it was last known to be there.
    generation: u64,
    /// Whether the limits are for it: not where the database would go with it.
    may_expire: bool,
}

/// Which lane a connection belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LaneKind {
    Writer,
    Readers,
}

impl Pool {
    pub(crate) fn new(
        connector: Box<dyn Connect>,
        options: PoolOptions,
        telemetry: Arc<Telemetry>,
        workers: Threads,
        clock: Clock,
    ) -> Self {
        let state = State {
            closed: false,
            writer: Lane::new(options.writers),
            readers: Lane::new(options.readers),
            next_ticket: 0,
            closers: Vec::new(),
            closing: 0,
            watch_due: None,
            listeners: Vec::new(),
            counters: Statistics::default(),
        };
        Self(Arc::new_cyclic(|shared| Shared {
            connector,
            options,
            telemetry,
            workers,
            clock,
            hops: AtomicU64::new(0),
            cut_off: AtomicBool::new(false),
            watch: Arc::new(Watch::new(shared.clone())),
            inline: AtomicU64::new(0),
            inline_aborted: AtomicU64::new(0),
            heavy: Heavy::default(),
            near: Near::default(),
            generation: AtomicU64::new(0),
            state: Mutex::new(state),
        }))
    }

    /// A pool of one connection, with the options and the workers of this one and those who listen to it.
    pub(crate) fn inside(&self, connector: Box<dyn Connect>) -> Self {
        let options = PoolOptions { writers: 1, readers: 0, limits: Limits::default(), ..self.0.options };
        let (telemetry, workers) = (Arc::clone(&self.0.telemetry), self.0.workers.clone());
        Self::new(connector, options, telemetry, workers, self.0.clock.clone())
    }

    pub(crate) fn now(&self) -> Instant {
        self.0.clock.now()
    }

    pub(crate) fn dialect(&self) -> &'static Dialect {
        self.0.connector.dialect()
    }

    pub(crate) fn runs(&self) -> Runs {
        self.0.connector.runs()
    }

    pub(crate) fn telemetry(&self) -> &Arc<Telemetry> {
        &self.0.telemetry
    }

    /// Waits for a connection. No I/O: one that is not open yet is opened by its first job.
    pub(crate) fn acquire(
        &self,
        access: Access,
        location: &'static Location<'static>,
    ) -> impl Future<Output = Result<Lease>> + Send + use<> {
        let acquire = Acquire::new(self.clone(), self.lane(access), location);
        let telemetry = Arc::clone(&self.0.telemetry);
        async move {
            let span = Span::acquire(access, location);
            if !span.listens() && !telemetry.has_observers() {
                return acquire.await;
            }
            let since = Instant::now();
            let result = span.around(acquire).await;
            let (waited, error) = (since.elapsed(), result.as_ref().err());
            span.waited(waited);
            error.into_iter().for_each(|error| span.failed(error));
            telemetry.tell(|observer| {
                observer.acquire_end(&AcquireEnd { access, location, waited, error });
            });
            // While the connection is still here: a subscriber that panics now does not make it forgotten.
            span.end();
            result
        }
    }

    /// A wait for a connection of which nobody is told, if nobody listens.
    pub(crate) fn acquire_untold(
        &self,
        access: Access,
        location: &'static Location<'static>,
    ) -> Option<Acquire> {
        let is_told = self.0.telemetry.has_observers() || Span::acquires_are_heard();
        (!is_told).then(|| Acquire::new(self.clone(), self.lane(access), location))
    }

    /// Whether one connection does everything: `:memory:`, or a file opened with no readers.
    fn has_one_connection(&self) -> bool {
        self.0.options.readers == 0 && self.0.options.writers == 1
    }

    /// Also looks for leaks.
    pub(crate) fn statistics(&self) -> Statistics {
        self.look_for_leaks();
        let state = self.state();
        let mut statistics = Statistics {
            readers_size: state.readers.size(),
            readers_idle: state.readers.idle(),
            readers_in_use: state.readers.in_use(),
            readers_waiting: state.readers.waiting(),
            writer_size: state.writer.size(),
            writer_idle: state.writer.idle(),
            writer_in_use: state.writer.in_use(),
            writer_waiting: state.writer.waiting(),
            leaked: state.holders().filter(|holder| holder.is_leaked()).count(),
            hops: self.0.hops.load(Ordering::Relaxed),
            inline: self.0.inline.load(Ordering::Relaxed),
            inline_aborted: self.0.inline_aborted.load(Ordering::Relaxed),
            ..state.counters
        };
        drop(state);
        self.0.telemetry.count(&mut statistics);
        statistics
    }

    /// Who has a connection now. Also looks for leaks.
    pub(crate) fn holders(&self) -> Vec<HeldConnection> {
        self.look_for_leaks();
        let now = self.now();
        let state = self.state();
        let writer = state.writer.holders().iter().map(|holder| holder.describe(Access::Write, now));
        let readers = state.readers.holders().iter().map(|holder| holder.describe(Access::Read, now));
        writer.chain(readers).collect()
    }

    fn look_for_leaks(&self) {
        let leaks = {
            let now = self.now();
            self.state().new_leaks(&self.0.options, now)
        };
        self.tell(&leaks);
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.state().closed
    }

    /// Opens a connection, where jobs run.
    async fn connect(&self, lane: LaneKind) -> Result<OpenConnection> {
        let access = match lane {
            LaneKind::Writer => Access::Write,
            LaneKind::Readers => Access::Read,
        };
        let generation = self.0.generation.load(Ordering::Relaxed);
        let opened = self.0.connector.connect(access, Arc::clone(&self.0.telemetry)).await;
        let counted = match &opened {
            Ok(_) => |counters: &mut Statistics| counters.opened += 1,
            Err(_) => |counters: &mut Statistics| counters.connect_failures += 1,
        };
        counted(&mut self.state().counters);
        let driver = opened?;
        Ok(OpenConnection {
            interrupter: driver.interrupter(),
            driver: Mutex::new(driver),
            age: Age::new(&self.0.options.limits, self.now()),
            generation,
            may_expire: self.0.connector.may_close(access),
        })
    }

    /// A connection that was put aside, if it is still there. It is asked only if it lay idle for long, or if another was
    /// lost since; what a server said as it closed it is heard without asking.
    async fn still_there(&self, mut open: OpenConnection) -> Option<OpenConnection> {
        let Some(longest) = self.0.connector.ping_after() else { return Some(open) };
        let generation = self.0.generation.load(Ordering::Relaxed);
        let is_to_be_asked = open.generation != generation || open.age.was_idle_for(longest, self.now());
        let driver = open.driver();
        let is_there =
            AssertUnwindSafe(async { !driver.was_closed() && (!is_to_be_asked || driver.ping().await) });
        if matches!(is_there.catch_unwind().await, Ok(true)) {
            open.generation = generation;
            return Some(open);
        }
        self.lost_one();
        open.discard(self);
        None
    }

    /// A connection was lost, so the others are asked before they are used again.
    fn lost_one(&self) {
        self.0.generation.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a connection that could not be rolled back.
    pub(super) fn discarded(&self) {
        self.state().counters.closed.broken += 1;
    }

    /// Sends a job to the thread that runs it: one hop.
    pub(crate) fn hop(&self, urgency: Urgency, job: impl Future<Output = Told> + Send + 'static) {
        self.count_hop();
        self.0.send(urgency, job);
    }

    /// The same for a job whose first step is short: where jobs wait for sockets, it is begun right here.
    pub(crate) fn hop_soon(&self, urgency: Urgency, job: impl Future<Output = Told> + Send + 'static) {
        self.count_hop();
        match self.0.connector.runs() {
            Runs::OnWorkers => self.0.send(urgency, job),
            #[cfg(feature = "postgres")]
            Runs::OnSockets => crate::sockets::begin(job),
        }
    }

    /// The same for what nobody awaits, but others wait for.
    pub(crate) fn hop_unawaited(&self, f: impl Future<Output = ()> + Send + 'static) {
        self.hop(Urgency::Urgent, unawaited(f));
    }

    /// At the end of a job, where it ran: the first job that `f` sends is left to this thread.
    fn leave_next(&self, f: impl FnOnce()) {
        match self.0.connector.runs() {
            Runs::OnWorkers => self.0.workers.leave_next(f),
            // They have but one.
            #[cfg(feature = "postgres")]
            Runs::OnSockets => f(),
        }
    }

    /// Whether jobs wait for a server.
    pub(crate) fn runs_on_sockets(&self) -> bool {
        match self.0.connector.runs() {
            Runs::OnWorkers => false,
            #[cfg(feature = "postgres")]
            Runs::OnSockets => true,
        }
    }

    /// Whether the thread of a task may look for an answer: nothing else of this engine is under way that it would keep
    /// waiting, and answers are near.
    pub(crate) fn may_look(&self, asked: Asked) -> bool {
        let in_use = {
            let state = self.state();
            state.writer.in_use() + state.readers.in_use()
        };
        in_use <= 1 && self.0.near.is_likely(asked)
    }

    /// Begins a job, on this thread where jobs wait for sockets, and looks for its answer for a moment: until it `is_done`. Answers
    /// whether it is, and notes that for the next one.
    pub(crate) fn look_for(
        &self,
        asked: Asked,
        urgency: Urgency,
        job: impl Future<Output = Told> + Send + 'static,
        is_done: impl Fn() -> bool,
    ) -> bool {
        let is_here = match self.0.connector.runs() {
            Runs::OnWorkers => {
                self.hop(urgency, job);
                job::look_until(is_done)
            }
            #[cfg(feature = "postgres")]
            Runs::OnSockets => {
                crate::sockets::begin_patiently(job);
                let is_here = is_done();
                match is_here {
                    true => self.ran_inline(),
                    // It went to the thread of the sockets.
                    false => self.count_hop(),
                }
                is_here
            }
        };
        self.0.near.note(asked, is_here);
        is_here
    }

    fn count_hop(&self) {
        self.0.hops.fetch_add(1, Ordering::Relaxed);
        self.0.telemetry.hop();
    }

    /// Stops something when the pool is closed.
    ///
    /// # Errors
    /// [`Error::Closed`] if it is.
    pub(crate) fn closes_with_it(&self, listener: Weak<dyn Stop>) -> Result<()> {
        let mut state = self.state();
        if state.closed {
            return Err(Error::Closed);
        }
        state.listeners.retain(|other| other.strong_count() > 0);
        state.listeners.push(listener);
        Ok(())
    }

    /// Begins to listen to channels. Answers whether the database has such.
    pub(crate) fn listen(&self, channels: Arc<[String]>, mailbox: Arc<Mailbox>) -> bool {
        self.0.connector.listen(channels, mailbox)
    }

    /// Where reads run, unless a statement says otherwise.
    pub(crate) fn dispatch(&self) -> Dispatch {
        self.0.options.dispatch
    }

    pub(crate) fn heavy(&self) -> &Heavy {
        &self.0.heavy
    }

    /// Counts a job that ran inline.
    pub(crate) fn ran_inline(&self) {
        self.0.inline.fetch_add(1, Ordering::Relaxed);
        self.0.telemetry.inline();
    }

    /// Counts a job that was begun inline and given up.
    pub(crate) fn gave_up_inline(&self) {
        self.0.inline_aborted.fetch_add(1, Ordering::Relaxed);
        self.0.telemetry.inline_aborted();
    }

    /// The only way back: whoever waits first has the connection next. After [`Pool::close`], or if it is too old, it is
    /// closed, and only then counts as home.
    fn give_back(&self, lane: LaneKind, permit: Permit<OpenConnection>, holder: Option<&Arc<Holder>>) {
        let now = self.now();
        let (next, closers, ring) = {
            let mut state = self.state();
            let permit = match permit {
                Some(connection) if state.closed => {
                    state.counters.closed.shut += 1;
                    drop(state);
                    return self.close_and_give_back(lane, connection, holder.cloned());
                }
                Some(connection) if connection.may_expire && connection.age.is_over(now) => {
                    state.counters.closed.lifetime += 1;
                    drop(state);
                    return self.close_and_give_back(lane, connection, holder.cloned());
                }
                Some(mut connection) => {
                    connection.age.put_aside(now);
                    Some(connection)
                }
                None => None,
            };
            let expires = permit.as_ref().filter(|connection| connection.may_expire);
            let expires = expires.and_then(|connection| connection.age.due(&self.0.options.limits));
            let lane = state.lane(lane);
            if let Some(holder) = holder {
                lane.remove_holder(holder);
            }
            let next = lane.give_back(permit, now);
            let ring = match (&next, expires) {
                (Some(_), _) => state.due_after_grace(now),
                (None, Some(at)) => state.due_at(at),
                (None, None) => false,
            };
            (next, std::mem::take(&mut state.closers), ring)
        };
        // First: a waker may panic.
        if ring {
            self.set_timer();
        }
        next.into_iter().chain(closers).for_each(Waker::wake);
    }

    /// Does where jobs run what is no job of anybody: it waits for nobody, and is no hop.
    fn clean_up(&self, f: impl Future<Output = ()> + Send + 'static) {
        self.0.send(Urgency::Urgent, unawaited(f));
    }

    fn lane(&self, access: Access) -> LaneKind {
        match access {
            Access::Read if self.0.options.readers > 0 => LaneKind::Readers,
            Access::Read | Access::Write => LaneKind::Writer,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.0.state)
    }
}

impl State {
    fn lane(&mut self, kind: LaneKind) -> &mut Lane<OpenConnection> {
        match kind {
            LaneKind::Writer => &mut self.writer,
            LaneKind::Readers => &mut self.readers,
        }
    }

    /// Of both lanes.
    fn holders(&self) -> impl Iterator<Item = &Arc<Holder>> {
        self.writer.holders().iter().chain(self.readers.holders())
    }

    fn drain(&mut self) -> Vec<OpenConnection> {
        let mut idle = self.writer.drain();
        idle.append(&mut self.readers.drain());
        idle
    }
}

impl Shared {
    /// Sends something to where jobs run.
    fn send(&self, urgency: Urgency, job: impl Future<Output = Told> + Send + 'static) {
        match self.connector.runs() {
            // Nothing in there waits for anything but the calls of the driver, which block.
            Runs::OnWorkers => self.workers.run(urgency, move || future::block_on(job)),
            #[cfg(feature = "postgres")]
            Runs::OnSockets => crate::sockets::spawn(job),
        }
    }
}

/// What nobody awaits.
async fn unawaited(f: impl Future<Output = ()>) -> Told {
    f.await;
    Told::nobody()
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.watch.stop();
        let idle = self.state.get_mut().unwrap_or_else(std::sync::PoisonError::into_inner).drain();
        // Closing a file does I/O, and this may be a thread that polls futures.
        if !idle.is_empty() {
            self.send(Urgency::Urgent, unawaited(close::close_all(idle)));
        }
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool")
            .field("connector", &self.0.connector)
            .field("options", &self.0.options)
            .field("statistics", &self.statistics())
            .finish()
    }
}
