//! Who has a connection: for the message of a wait that took too long, to see a wait that would never end, and to find
//! connections that nobody uses and nobody gives back.

use std::fmt;
use std::panic::Location;
use std::sync::{Arc, Mutex, MutexGuard, Weak};
use std::task::Waker;
use std::time::{Duration, Instant};

use crate::driver::Access;
use crate::sync::{lock, note};

#[derive(Debug)]
pub(crate) struct Holder {
    location: &'static Location<'static>,
    since: Instant,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// Whether an open transaction keeps the connection between calls.
    pinned: bool,
    /// Whether a job is under way, or its output not yet picked up.
    working: bool,
    /// Since when nothing runs for the holder: `None` while a job is under way.
    unused_since: Option<Instant>,
    /// Whether it was told that the connection seems to be leaked.
    leaked: bool,
    /// The task that was last seen with the connection.
    waker: Option<Waker>,
    /// Whether the connection is being opened.
    connecting: bool,
    /// The last job that was sent.
    job: Option<Weak<dyn Stop>>,
    /// The stream that reads on it, and whether the connection is out for that alone.
    stream: Option<(Weak<dyn Stop>, bool)>,
}

/// A job, or a stream, that can be stopped by somebody else than who awaits it.
pub(crate) trait Stop: Send + Sync {
    fn stop(&self);
}

impl Holder {
    pub(super) fn new(location: &'static Location<'static>, waker: &Waker, now: Instant) -> Self {
        let state = State {
            pinned: false,
            working: false,
            unused_since: Some(now),
            leaked: false,
            waker: Some(waker.clone()),
            connecting: false,
            job: None,
            stream: None,
        };
        Self { location, since: now, state: Mutex::new(state) }
    }

    /// Where the connection was taken.
    pub(super) fn location(&self) -> &'static Location<'static> {
        self.location
    }

    /// The same as text: file and line, and what it is about if that is no work yet.
    pub(super) fn place(&self) -> String {
        match self.state().connecting {
            true => format!("{} (still connecting to the server)", place(self.location)),
            false => place(self.location),
        }
    }

    /// Whether the connection is being opened: a wait for it is a wait for the server.
    pub(super) fn connects(&self, connecting: bool) {
        self.state().connecting = connecting;
    }

    pub(crate) fn pin(&self, pinned: bool) {
        self.state().pinned = pinned;
    }

    /// The task of `waker` worked with the connection just now.
    pub(crate) fn seen_with(&self, waker: &Waker, now: impl FnOnce() -> Instant) {
        let mut state = self.state();
        // Else it is given back at once.
        if !state.pinned {
            return;
        }
        state.unused_since = Some(now());
        let before = note(&mut state.waker, waker);
        drop(state);
        drop(before);
    }

    /// A job is under way, awaited by the task of `waker`. Answers the task before, as [`note`] does.
    #[must_use = "drop it without a lock"]
    pub(crate) fn works_for(&self, waker: &Waker) -> Option<Waker> {
        let mut state = self.state();
        state.working = true;
        state.unused_since = None;
        note(&mut state.waker, waker)
    }

    /// The connection goes back.
    #[must_use = "drop it without a lock"]
    pub(super) fn forgets_task(&self) -> Option<Waker> {
        self.state().waker.take()
    }

    /// Something is under way that is no job of the holder.
    pub(crate) fn is_used(&self) {
        self.state().unused_since = None;
    }

    /// Which job is under way.
    pub(crate) fn works_on(&self, job: Weak<dyn Stop>) {
        self.state().job = Some(job);
    }

    /// The job has ended; its output waits to be picked up.
    pub(crate) fn has_worked(&self, now: Instant) {
        self.state().unused_since = Some(now);
    }

    /// The output of the job was picked up.
    pub(crate) fn rests(&self, now: Instant) {
        let mut state = self.state();
        state.working = false;
        state.unused_since = Some(now);
    }

    /// A stream reads on the connection. `alone`: the connection is out for nothing else.
    pub(crate) fn streams(&self, stream: Weak<dyn Stop>, alone: bool) {
        self.state().stream = Some((stream, alone));
    }

    /// Stops the job that is under way, if any.
    pub(super) fn stop(&self) {
        let (job, stream) = {
            let state = self.state();
            (state.job.clone(), state.stream.clone())
        };
        // The job first: its worker may wait for whoever reads the stream.
        let stream = stream.map(|(stream, _)| stream);
        for stopped in job.iter().chain(&stream).filter_map(Weak::upgrade) {
            stopped.stop();
        }
    }

    /// Stops a stream that the connection is out for.
    pub(super) fn stop_stream(&self) {
        let stream = self.state().stream.clone();
        if let Some(stream) = stream.filter(|(_, alone)| *alone).and_then(|(stream, _)| stream.upgrade()) {
            stream.stop();
        }
    }

    /// Whether the task of `waker` would wait for itself: it holds the connection for a transaction, and nothing is
    /// under way that could end it. One task that polls several futures in turn (`join!`, `select!`) looks the same,
    /// though another of its branches might go on and end the transaction: the two cannot be told apart.
    pub(super) fn is_kept_by(&self, waker: &Waker) -> bool {
        let state = self.state();
        state.pinned && !state.working && state.waker.as_ref().is_some_and(|seen| seen.will_wake(waker))
    }

    /// Whether nobody has used the connection for so long, and nobody was told yet: from now on somebody was.
    pub(super) fn seems_leaked(&self, threshold: Duration, now: Instant) -> bool {
        let mut state = self.state();
        let unused = state.unused_since.is_some_and(|since| since + threshold <= now);
        unused && !std::mem::replace(&mut state.leaked, true)
    }

    /// When to look again whether it is leaked.
    pub(super) fn leak_due(&self, threshold: Duration, now: Instant) -> Option<Instant> {
        let state = self.state();
        (!state.leaked).then(|| state.unused_since.unwrap_or(now) + threshold)
    }

    pub(super) fn is_leaked(&self) -> bool {
        self.state().leaked
    }

    pub(super) fn describe(&self, access: Access, now: Instant) -> HeldConnection {
        let state = self.state();
        HeldConnection {
            location: self.location,
            access,
            held_for: now.saturating_duration_since(self.since),
            unused_for: state.unused_since.map(|since| now.saturating_duration_since(since)),
            leaked: state.leaked,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

impl fmt::Debug for dyn Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Stop")
    }
}

fn place(location: &Location<'_>) -> String {
    format!("{}:{}", location.file(), location.line())
}

/// A connection that somebody has, from [`Engine::holders`](crate::Engine::holders) and
/// [`Observer::leaked`](crate::Observer::leaked). Displayed as where it was taken and for how long.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct HeldConnection {
    /// The call that took it.
    pub location: &'static Location<'static>,
    /// Which connection: one that only reads, or the one that writes.
    pub access: Access,
    /// How long it has been out.
    pub held_for: Duration,
    /// For how long no statement has run on it. `None` while one is under way.
    pub unused_for: Option<Duration>,
    /// Whether it was unused for longer than the
    /// [leak threshold](crate::EngineBuilder::leak_threshold) at some time since it was taken.
    pub leaked: bool,
}

impl fmt::Display for HeldConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let which = match self.access {
            Access::Read => "a reader connection",
            Access::Write => "the writer connection",
        };
        write!(f, "{which}, taken at {} {:?} ago", place(self.location), self.held_for)?;
        match self.unused_for {
            Some(unused_for) => write!(f, ", unused for {unused_for:?}"),
            None => f.write_str(", in use"),
        }
    }
}

/// The holders of a lane.
pub(super) fn leaks(
    holders: &[Arc<Holder>],
    access: Access,
    threshold: Duration,
    now: Instant,
) -> Vec<HeldConnection> {
    let leaked = holders.iter().filter(|holder| holder.seems_leaked(threshold, now));
    leaked.map(|holder| holder.describe(access, now)).collect()
}
