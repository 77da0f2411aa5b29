//! The end of a pool.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError, Weak};
use std::task::{Poll, Waker};
use std::time::Duration;

use futures_lite::{FutureExt, future};
use orm_core::error::TimeoutError;
use orm_core::{Error, Result};

use super::lease::WayHome;
use super::{Holder, LaneKind, OpenConnection, Pool};
use crate::timer::sleep;

impl Pool {
    /// Refuses new work, closes the connections that are idle, and waits for those that are out: each is closed as it
    /// comes home, also after this has ended.
    ///
    /// # Errors
    /// [`Error::Timeout`] naming those who still hold one after the acquire timeout. The pool is closed all the same.
    pub(crate) async fn close(&self) -> Result<()> {
        self.drained_within(self.0.options.acquire_timeout).await
    }

    /// The same with a deadline, after which statements that run are stopped and no more are sent.
    ///
    /// # Errors
    /// As for [`Pool::close`], after the deadline.
    pub(crate) async fn close_within(&self, deadline: Duration) -> Result<()> {
        let drained = self.drained_within(deadline).await;
        if drained.is_err() {
            self.cut_off();
        }
        drained
    }

    /// The same without waiting.
    pub(crate) fn shut(&self) {
        self.refuse_new_work();
    }

    /// Whether the deadline of a [`Pool::close_within`] has passed.
    pub(crate) fn is_cut_off(&self) -> bool {
        self.0.cut_off.load(Ordering::SeqCst)
    }

    async fn drained_within(&self, deadline: Duration) -> Result<()> {
        self.refuse_new_work();
        future::or(
            async {
                self.all_closed().await;
                Ok(())
            },
            async {
                sleep(deadline).await;
                Err(self.still_out(deadline))
            },
        )
        .await
    }

    fn still_out(&self, waited: Duration) -> Error {
        let holders: Vec<_> = self.state().holders().map(|holder| holder.place()).collect();
        let what = match holders.is_empty() {
            true => "all connections to be closed: all were given back, and the engine goes on closing them",
            false => "all connections to be given back",
        };
        Error::Timeout(Arc::new(TimeoutError { what, waited, holders }))
    }

    /// From now on. Who waits is told; idle connections are closed, on a worker thread.
    fn refuse_new_work(&self) {
        let (waiting, idle, holders, listeners) = {
            let mut state = self.state();
            state.closed = true;
            let listeners = std::mem::take(&mut state.listeners);
            let mut waiting = state.writer.dismiss();
            waiting.append(&mut state.readers.dismiss());
            let idle = state.drain();
            state.closing += idle.len();
            (waiting, idle, state.holders().cloned().collect::<Vec<_>>(), listeners)
        };
        // Who reads them might take for ever.
        holders.iter().for_each(|holder| holder.stop_stream());
        listeners.iter().filter_map(Weak::upgrade).for_each(|listener| listener.stop());
        waiting.into_iter().for_each(Waker::wake);
        if idle.is_empty() {
            return;
        }
        let closing = Closing { pool: self.clone(), idle: idle.into() };
        self.clean_up(closing.one_by_one());
    }

    fn has_closed_one(&self) {
        let closers = {
            let mut state = self.state();
            state.closing -= 1;
            state.counters.closed.shut += 1;
            std::mem::take(&mut state.closers)
        };
        closers.into_iter().for_each(Waker::wake);
    }

    async fn all_closed(&self) {
        poll_fn(|cx| {
            let mut state = self.state();
            if state.writer.in_use() + state.readers.in_use() + state.closing == 0 {
                return Poll::Ready(());
            }
            // Polled often, in a `select!` say, it is in the list once.
            if !state.closers.iter().any(|closer| closer.will_wake(cx.waker())) {
                state.closers.push(cx.waker().clone());
            }
            Poll::Pending
        })
        .await;
    }

    /// Stops what runs, and lets nothing more run on connections that are out.
    fn cut_off(&self) {
        // First this, then the jobs: one that was not found below finds this before it runs.
        self.0.cut_off.store(true, Ordering::SeqCst);
        let holders: Vec<_> = self.state().holders().cloned().collect();
        holders.iter().for_each(|holder| holder.stop());
    }

    /// SQLite rolls back what is open.
    pub(super) fn close_discarded(&self, lane: LaneKind, connection: OpenConnection, holder: Arc<Holder>) {
        self.state().counters.closed.discarded += 1;
        self.close_and_give_back(lane, connection, Some(holder));
    }

    /// On a worker thread: closing a file does I/O, and this may be one that polls futures. Only then is the permit home.
    pub(super) fn close_and_give_back(
        &self,
        lane: LaneKind,
        connection: OpenConnection,
        holder: Option<Arc<Holder>>,
    ) {
        let way = WayHome::new(self.clone(), lane, holder);
        self.clean_up(async move {
            connection.close().await;
            drop(way);
        });
    }
}

/// Idle connections of a closing pool: closed by its drop, also where workers drop what they were sent.
struct Closing {
    pool: Pool,
    idle: VecDeque<OpenConnection>,
}

impl Closing {
    /// One after the other: the last one to close clears SQLite's log away, and of two at once each sees the other.
    async fn one_by_one(mut self) {
        while let Some(connection) = self.idle.pop_front() {
            connection.close().await;
            self.pool.has_closed_one();
        }
    }
}

impl Drop for Closing {
    fn drop(&mut self) {
        for connection in std::mem::take(&mut self.idle) {
            connection.discard_quietly();
            self.pool.has_closed_one();
        }
    }
}

/// Closes connections that were put aside.
pub(super) async fn close_all(connections: Vec<OpenConnection>) {
    for connection in connections {
        connection.close().await;
    }
}

impl OpenConnection {
    /// A driver that panics here must not keep the permit.
    async fn close(self) {
        let driver = self.driver.into_inner().unwrap_or_else(PoisonError::into_inner);
        let close = async { driver.close().await };
        let _ = AssertUnwindSafe(close).catch_unwind().await;
    }

    pub(super) fn discard_quietly(self) {
        let _ = catch_unwind(AssertUnwindSafe(|| drop(self)));
    }
}
