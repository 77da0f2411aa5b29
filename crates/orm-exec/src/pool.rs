//! Connections that wait for work: one writer and some readers, or one connection for everything.
//!
//! Read [`lane`] for who gets a connection next, [`acquire`] for the wait, [`lease`] for what happens to a connection
//! that is out, and `job.rs` for the work itself.

mod acquire;
mod holder;
mod lane;
mod lease;
mod statistics;

pub(crate) use acquire::Acquire;
pub(crate) use holder::Holder;
pub use lease::Lease;
pub use statistics::Statistics;

use std::fmt;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Poll, Waker};
use std::time::Duration;

use futures_lite::future;
use orm_core::error::TimeoutError;
use orm_core::{Dialect, Error, Result};

use crate::bridge::{self, Urgency, Workers};
use crate::driver::{Access, BlockingConnection, Connect, Interrupt};
use crate::observe::Observer;
use crate::sync::lock;
use lane::{Lane, Permit};

/// A pool. Clones share it.
#[derive(Clone)]
pub(crate) struct Pool(Arc<Shared>);

/// How large a pool is and how long it lets a task wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PoolOptions {
    /// Connections that only read. With 0 the writer does everything.
    pub(crate) readers: usize,
    /// The longest wait for a connection.
    pub(crate) acquire_timeout: Duration,
}

struct Shared {
    connector: Box<dyn Connect>,
    options: PoolOptions,
    observer: Option<Arc<dyn Observer>>,
    workers: Arc<dyn Workers>,
    hops: AtomicU64,
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
}

/// A connection of a driver. The mutex is never contended: it makes `Sync` what moves from thread to thread anyway.
#[derive(Debug)]
pub(crate) struct OpenConnection {
    driver: Mutex<Box<dyn BlockingConnection>>,
    interrupter: Arc<dyn Interrupt>,
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
        observer: Option<Arc<dyn Observer>>,
        workers: Arc<dyn Workers>,
    ) -> Self {
        let state = State {
            closed: false,
            writer: Lane::new(1),
            readers: Lane::new(options.readers),
            next_ticket: 0,
            closers: Vec::new(),
        };
        Self(Arc::new(Shared {
            connector,
            options,
            observer,
            workers,
            hops: AtomicU64::new(0),
            state: Mutex::new(state),
        }))
    }

    /// A pool of one connection, with the options, the observer and the workers of this one.
    pub(crate) fn inside(&self, connector: Box<dyn Connect>) -> Self {
        let options = PoolOptions { readers: 0, ..self.0.options };
        Self::new(connector, options, self.0.observer.clone(), Arc::clone(&self.0.workers))
    }

    pub(crate) fn dialect(&self) -> &'static Dialect {
        self.0.connector.dialect()
    }

    /// Waits for a connection. No I/O: one that is not open yet is opened by its first job.
    pub(crate) fn acquire(&self, access: Access, location: &'static Location<'static>) -> Acquire {
        Acquire::new(self.clone(), self.lane(access), location)
    }

    /// Whether one connection does everything: `:memory:`, or a file opened with no readers.
    fn has_one_connection(&self) -> bool {
        self.0.options.readers == 0
    }

    pub(crate) fn statistics(&self) -> Statistics {
        let state = self.state();
        Statistics {
            readers_size: state.readers.size(),
            readers_idle: state.readers.idle(),
            readers_in_use: state.readers.in_use(),
            readers_waiting: state.readers.waiting(),
            writer_idle: state.writer.idle(),
            writer_in_use: state.writer.in_use(),
            writer_waiting: state.writer.waiting(),
            hops: self.0.hops.load(Ordering::Relaxed),
        }
    }

    /// Refuses new work, closes the connections that are idle, and waits for those that are out: each is closed as it
    /// comes home, also after this has ended.
    ///
    /// # Errors
    /// [`Error::Timeout`] naming those who still hold one after the acquire timeout. The pool is closed all the same.
    pub(crate) async fn close(&self) -> Result<()> {
        let idle = self.refuse_new_work();
        bridge::run_on(&*self.0.workers, Urgency::Urgent, move || drop(idle)).await;

        future::or(
            async {
                self.all_home().await;
                Ok(())
            },
            async {
                let waited = self.0.options.acquire_timeout;
                futures_timer::Delay::new(waited).await;
                let state = self.state();
                let holders = state.writer.holders().iter().chain(state.readers.holders());
                let holders = holders.map(|holder| holder.place()).collect();
                Err(Error::Timeout(Arc::new(TimeoutError {
                    what: "all connections to be given back",
                    waited,
                    holders,
                })))
            },
        )
        .await
    }

    /// The same without waiting.
    pub(crate) fn shut(&self) {
        let idle = self.refuse_new_work();
        if !idle.is_empty() {
            self.clean_up(move || drop(idle));
        }
    }

    /// From now on. Answers the connections that are to be closed, on a worker thread.
    fn refuse_new_work(&self) -> Vec<OpenConnection> {
        let (waiting, idle) = {
            let mut state = self.state();
            state.closed = true;
            let mut waiting = state.writer.dismiss();
            waiting.append(&mut state.readers.dismiss());
            (waiting, state.drain())
        };
        waiting.into_iter().for_each(Waker::wake);
        idle
    }

    async fn all_home(&self) {
        poll_fn(|cx| {
            let mut state = self.state();
            if state.writer.in_use() + state.readers.in_use() == 0 {
                return Poll::Ready(());
            }
            state.closers.push(cx.waker().clone());
            Poll::Pending
        })
        .await;
    }

    /// Opens a connection, on a worker thread.
    fn connect(&self, lane: LaneKind) -> Result<OpenConnection> {
        let access = match lane {
            LaneKind::Writer => Access::Write,
            LaneKind::Readers => Access::Read,
        };
        let driver = self.0.connector.connect(access, self.0.observer.clone())?;
        Ok(OpenConnection { interrupter: driver.interrupter(), driver: Mutex::new(driver) })
    }

    /// Sends a job to a worker thread: one hop.
    pub(crate) fn hop(&self, urgency: Urgency, job: impl FnOnce() + Send + 'static) {
        self.0.hops.fetch_add(1, Ordering::Relaxed);
        if let Some(observer) = &self.0.observer {
            observer.hop();
        }
        self.0.workers.spawn(urgency, Box::new(job));
    }

    /// The only way back: whoever waits first has the connection next. After [`Pool::close`] it is closed, and only then
    /// counts as home.
    fn give_back(&self, lane: LaneKind, permit: Permit<OpenConnection>, holder: &Arc<Holder>) {
        let (next, closers) = {
            let mut state = self.state();
            let permit = match permit {
                Some(connection) if state.closed => {
                    drop(state);
                    return self.close_and_give_back(lane, connection, Arc::clone(holder));
                }
                permit => permit,
            };
            let lane = state.lane(lane);
            lane.remove_holder(holder);
            let next = lane.give_back(permit);
            (next, std::mem::take(&mut state.closers))
        };
        next.into_iter().chain(closers).for_each(Waker::wake);
    }

    /// On a worker thread: closing a file does I/O, and this may be one that polls futures.
    fn close_and_give_back(&self, lane: LaneKind, connection: OpenConnection, holder: Arc<Holder>) {
        let pool = self.clone();
        self.clean_up(move || {
            // A driver that panics here must not keep the permit.
            let _ = catch_unwind(AssertUnwindSafe(|| drop(connection)));
            pool.give_back(lane, None, &holder);
        });
    }

    /// Does on a worker thread what is no job of anybody: it waits for nobody, and is no hop.
    fn clean_up(&self, f: impl FnOnce() + Send + 'static) {
        self.0.workers.spawn(Urgency::Urgent, Box::new(f));
    }

    fn lane(&self, access: Access) -> LaneKind {
        match access {
            Access::Read if !self.has_one_connection() => LaneKind::Readers,
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

    fn drain(&mut self) -> Vec<OpenConnection> {
        let mut idle = self.writer.drain();
        idle.append(&mut self.readers.drain());
        idle
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        let idle = self.state.get_mut().unwrap_or_else(std::sync::PoisonError::into_inner).drain();
        // Closing a file does I/O, and this may be a thread that polls futures.
        if !idle.is_empty() {
            self.workers.spawn(Urgency::Urgent, Box::new(move || drop(idle)));
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
