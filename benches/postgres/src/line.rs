//! One line of the table: a piece of work by one peer, in one way.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use crate::lap::{Fault, Lap};
use crate::work::{Size, Work};

/// A round, made ready to be polled by any executor.
pub(crate) type Round = Pin<Box<dyn Future<Output = Result<Lap, Fault>> + Send>>;

/// Who does the work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Peer {
    ByHand,
    /// By hand, with all the pipelining that one can write: a line to reach, not a peer.
    Pipelined,
    Anyorm,
    Sqlx,
    SeaOrm,
    Diesel,
}

pub(crate) struct Line {
    pub(crate) work: Work,
    pub(crate) peer: Peer,
    pub(crate) name: String,
    /// Whether it runs on the thread of `main` without tokio, by `block_on` of futures-lite.
    pub(crate) is_bare: bool,
    pub(crate) round: Box<dyn Fn(Size) -> Round>,
}

/// The lines of one peer.
pub(crate) struct Lines<P> {
    peer: Arc<P>,
    lines: Vec<Line>,
}

impl<P: Send + Sync + 'static> Lines<P> {
    pub(crate) fn of(peer: P) -> Self {
        Self { peer: Arc::new(peer), lines: Vec::new() }
    }

    pub(crate) fn add<F>(mut self, who: Peer, work: Work, name: &str, round: fn(Arc<P>, Size) -> F) -> Self
    where
        F: Future<Output = Result<Lap, Fault>> + Send + 'static,
    {
        let peer = Arc::clone(&self.peer);
        let round = Box::new(move |size| Box::pin(round(Arc::clone(&peer), size)) as Round);
        self.lines.push(Line { work, peer: who, name: name.to_owned(), is_bare: false, round });
        self
    }

    /// The same line once more, without tokio.
    pub(crate) fn and_bare<F>(self, who: Peer, work: Work, name: &str, round: fn(Arc<P>, Size) -> F) -> Self
    where
        F: Future<Output = Result<Lap, Fault>> + Send + 'static,
    {
        let mut lines = self.add(who, work, name, round).add(who, work, name, round);
        if let Some(line) = lines.lines.last_mut() {
            line.is_bare = true;
            line.name.push_str(", block_on of futures-lite");
        }
        lines
    }

    pub(crate) fn done(self) -> Vec<Line> {
        self.lines
    }
}
