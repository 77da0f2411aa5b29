//! Sockets, and who waits for them.
//!
//! The system tells of each change once (edges, not levels): so waiting again for the same socket costs no call. In return
//! whoever uses one must remember what was told until it was used up: [`Watched`] does.

use std::collections::HashMap;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use mio::event::Event;
use mio::{Events, Interest, Registry, Token};

use super::patience;
use crate::sync::{lock, note};

/// All sockets.
pub(super) struct Reactor {
    registry: Registry,
    sources: Mutex<HashMap<Token, Arc<Source>>>,
    next: AtomicUsize,
}

/// What was told of one socket.
#[derive(Debug, Default)]
struct Source {
    read: Direction,
    write: Direction,
}

/// Whether one may read, or write.
#[derive(Debug, Default)]
struct Direction(Mutex<Told>);

#[derive(Debug, Default)]
struct Told {
    /// The system said so, and nobody has found the contrary since.
    ready: bool,
    /// The other side is gone: there is an end to be read, of which nothing more will be said.
    ended: bool,
    waiting: Option<Waker>,
}

impl Reactor {
    pub(super) fn new(registry: Registry) -> Self {
        // 0 is the waker of the thread.
        Self { registry, sources: Mutex::default(), next: AtomicUsize::new(1) }
    }

    /// Wakes those who waited for what has happened.
    pub(super) fn tell(&self, events: &Events) {
        for event in events {
            let source = lock(&self.sources).get(&event.token()).cloned();
            // Without a lock: who is woken may want it.
            source.map(|source| source.take_in(event)).into_iter().flatten().flatten().for_each(Waker::wake);
        }
    }
}

/// A socket that is waited for, until it is dropped.
#[derive(Debug)]
pub(crate) struct Watched<S: mio::event::Source> {
    socket: S,
    token: Token,
    source: Arc<Source>,
    /// Whether the system tells of what there is to read. Only once somebody has waited for that: where all answers are
    /// looked for by the thread that asks, none wakes the thread of the sockets.
    tells_of_reads: bool,
}

/// What an operation left to be read, or the room that it left for more to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Left {
    /// None: the next operation would have to wait, until the system says more.
    Nothing,
    /// Perhaps some.
    Perhaps,
}

impl<S: mio::event::Source> Watched<S> {
    /// # Errors
    /// If the system watches no more sockets.
    pub(crate) fn new(mut socket: S) -> io::Result<Self> {
        let reactor = super::reactor();
        let token = Token(reactor.next.fetch_add(1, Ordering::Relaxed));
        let source = Arc::<Source>::default();
        // First in the list: the first event may come before the registration has returned.
        lock(&reactor.sources).insert(token, Arc::clone(&source));
        if let Err(error) = reactor.registry.register(&mut socket, token, Interest::WRITABLE) {
            lock(&reactor.sources).remove(&token);
            return Err(error);
        }
        Ok(Self { socket, token, source, tells_of_reads: false })
    }

    pub(crate) fn get(&self) -> &S {
        &self.socket
    }

    /// Reads, or waits until there is something to be read.
    ///
    /// # Errors
    /// What the operation answers, which is called until it answers something else than that it would have to wait.
    pub(crate) fn poll_read<T>(
        &mut self,
        cx: &mut Context<'_>,
        mut operation: impl FnMut(&S) -> io::Result<(T, Left)>,
    ) -> Poll<io::Result<T>> {
        let is_patient = patience::is_on();
        loop {
            if self.tells_of_reads && !is_patient && !self.source.read.begin(cx) {
                return Poll::Pending;
            }
            if let Some(done) = self.source.read.attempt(|| operation(&self.socket)) {
                return Poll::Ready(done);
            }
            if is_patient {
                self.tell_of_reads(false)?;
                patience::look_again();
                return Poll::Pending;
            }
            // The system tells of what came before that, too.
            self.tell_of_reads(true)?;
        }
    }

    /// Writes, or waits until there is room.
    ///
    /// # Errors
    /// As for [`poll_read`](Self::poll_read).
    pub(crate) fn poll_write<T>(
        &mut self,
        cx: &mut Context<'_>,
        mut operation: impl FnMut(&S) -> io::Result<(T, Left)>,
    ) -> Poll<io::Result<T>> {
        loop {
            if !self.source.write.begin(cx) {
                return Poll::Pending;
            }
            if let Some(done) = self.source.write.attempt(|| operation(&self.socket)) {
                return Poll::Ready(done);
            }
        }
    }

    fn tell_of_reads(&mut self, tell: bool) -> io::Result<()> {
        if self.tells_of_reads == tell {
            return Ok(());
        }
        let interest = if tell { Interest::READABLE | Interest::WRITABLE } else { Interest::WRITABLE };
        super::reactor().registry.reregister(&mut self.socket, self.token, interest)?;
        self.tells_of_reads = tell;
        Ok(())
    }
}

impl<S: mio::event::Source> Drop for Watched<S> {
    fn drop(&mut self) {
        let reactor = super::reactor();
        lock(&reactor.sources).remove(&self.token);
        // It is closed now, which the system takes for the same.
        let _ = reactor.registry.deregister(&mut self.socket);
    }
}

impl Source {
    fn take_in(&self, event: &Event) -> [Option<Waker>; 2] {
        let failed = event.is_error();
        [
            self.read.take_in(event.is_readable(), event.is_read_closed() || failed),
            self.write.take_in(event.is_writable(), event.is_write_closed() || failed),
        ]
    }
}

impl Direction {
    fn take_in(&self, ready: bool, ended: bool) -> Option<Waker> {
        let mut told = lock(&self.0);
        told.ready |= ready || ended;
        told.ended |= ended;
        if told.ready { told.waiting.take() } else { None }
    }

    /// Whether there may be something. If not, the task is woken when there is.
    fn begin(&self, cx: &mut Context<'_>) -> bool {
        let mut told = lock(&self.0);
        if told.ready {
            // Before the operation: what the system says from here on may be about what comes after it.
            told.ready = false;
            return true;
        }
        let before = note(&mut told.waiting, cx.waker());
        drop(told);
        drop(before);
        false
    }

    /// `None` if it would have to wait.
    fn attempt<T>(&self, mut operation: impl FnMut() -> io::Result<(T, Left)>) -> Option<io::Result<T>> {
        loop {
            let (done, left) = match operation() {
                Ok((done, left)) => (Ok(done), left),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return None,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => (Err(error), Left::Perhaps),
            };
            let mut told = lock(&self.0);
            told.ready |= left == Left::Perhaps || told.ended;
            return Some(done);
        }
    }
}

#[cfg(test)]
mod tests;
