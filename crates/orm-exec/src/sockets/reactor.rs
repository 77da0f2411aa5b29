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
struct Direction(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
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

    /// Wakes those who waited for what has happened. Answers whether anybody did.
    pub(super) fn tell(&self, events: &Events) -> bool {
        let mut woken = 0;
        for event in events {
            let source = lock(&self.sources).get(&event.token()).cloned();
            // Without a lock: who is woken may want it.
            let waiting = source.map(|source| source.take_in(event)).into_iter().flatten().flatten();
            woken += waiting.map(Waker::wake).count();
        }
        woken > 0
    }
}

/// A socket that is waited for, until it is dropped.
#[derive(Debug)]
pub(crate) struct Watched<S: mio::event::Source> {
    socket: S,
    token: Token,
    source: Arc<Source>,
    /// What the system tells of. Of nothing before somebody had to wait for it: where all answers are looked for by the thread
    /// that asks, none wakes the thread of the sockets.
    told: Told,
}

/// What the system tells of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Told {
    reads: bool,
    writes: bool,
}

impl Told {
    fn interest(self) -> Option<Interest> {
        match (self.reads, self.writes) {
            (true, true) => Some(Interest::READABLE | Interest::WRITABLE),
            (true, false) => Some(Interest::READABLE),
            (false, true) => Some(Interest::WRITABLE),
            (false, false) => None,
        }
    }
}

/// What an operation left to be read, or the room that it left for more to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Left {
    /// None: the next operation would have to wait, until the system says more.
    Nothing,
    /// Perhaps some.
    Perhaps,
}

impl Left {
    /// What an operation leaves that was done in part: the system tells of an edge after it. Some say nothing more before they were
    /// asked in vain.
    pub(crate) const IN_PART: Self = match cfg!(any(
        target_os = "android",
        target_os = "dragonfly",
        target_os = "freebsd",
        target_os = "illumos",
        target_os = "ios",
        target_os = "linux",
        target_os = "macos",
        target_os = "netbsd",
        target_os = "openbsd",
        target_os = "tvos",
        target_os = "visionos",
        target_os = "watchos",
    )) {
        true => Self::Nothing,
        false => Self::Perhaps,
    };
}

impl<S: mio::event::Source> Watched<S> {
    /// One that is being connected: the system tells of its end as of room to write.
    ///
    /// # Errors
    /// If the system watches no more sockets, or has no thread that waits for them.
    pub(crate) fn new(socket: S) -> io::Result<Self> {
        super::start()?;
        let reactor = super::reactor();
        let token = Token(reactor.next.fetch_add(1, Ordering::Relaxed));
        let source = Arc::<Source>::default();
        // First in the list: the first event may come before the registration has returned.
        lock(&reactor.sources).insert(token, Arc::clone(&source));
        let mut watched = Self { socket, token, source, told: Told::default() };
        watched.tell(Told { writes: true, reads: false })?;
        Ok(watched)
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
            if self.told.reads && !is_patient && !self.source.read.begin(cx) {
                return Poll::Pending;
            }
            if let Some(done) = self.source.read.attempt(|| operation(&self.socket)) {
                return Poll::Ready(done);
            }
            self.tell(Told { reads: !is_patient, ..self.told })?;
            if is_patient {
                patience::look_again();
                return Poll::Pending;
            }
            // The system tells of what came before that, too.
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
            if self.told.writes && !self.source.write.begin(cx) {
                return Poll::Pending;
            }
            match self.source.write.attempt(|| operation(&self.socket)) {
                Some(done) => {
                    // Room is there nearly always, and some systems tell of it whenever the other side has read.
                    self.tell(Told { writes: false, ..self.told })?;
                    return Poll::Ready(done);
                }
                None => self.tell(Told { writes: true, ..self.told })?,
            }
        }
    }

    fn tell(&mut self, told: Told) -> io::Result<()> {
        let registry = &super::reactor().registry;
        match (self.told.interest(), told.interest()) {
            (before, after) if before == after => {}
            (None, Some(interest)) => registry.register(&mut self.socket, self.token, interest)?,
            (Some(_), Some(interest)) => registry.reregister(&mut self.socket, self.token, interest)?,
            (_, None) => registry.deregister(&mut self.socket)?,
        }
        self.told = told;
        Ok(())
    }
}

impl<S: mio::event::Source> Drop for Watched<S> {
    fn drop(&mut self) {
        lock(&super::reactor().sources).remove(&self.token);
        // It is closed now, which the system takes for the same.
        let _ = self.tell(Told::default());
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
        let mut known = lock(&self.0);
        known.ready |= ready || ended;
        known.ended |= ended;
        if known.ready { known.waiting.take() } else { None }
    }

    /// Whether there may be something. If not, the task is woken when there is.
    fn begin(&self, cx: &mut Context<'_>) -> bool {
        let mut known = lock(&self.0);
        if known.ready {
            // Before the operation: what the system says from here on may be about what comes after it.
            known.ready = false;
            return true;
        }
        let before = note(&mut known.waiting, cx.waker());
        drop(known);
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
            let mut known = lock(&self.0);
            known.ready |= left == Left::Perhaps || known.ended;
            return Some(done);
        }
    }
}

#[cfg(test)]
mod tests;
