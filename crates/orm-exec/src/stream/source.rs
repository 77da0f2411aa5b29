//! Where the connection of a stream comes from, and where it goes when the stream ends.

use std::fmt;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use orm_core::{Error, Result, Sink};

use crate::connection::Connection;
use crate::job::Job;
use crate::pool::{Holder, Lease};
use crate::transaction::Core;
use crate::verbs::Runner;

/// What streams can be made of: an engine, or a guard on a connection.
pub(crate) trait Source<'a>: Runner {
    /// Takes the connection.
    fn open(self) -> impl Future<Output = Result<Opened<'a>>> + Send + 'a;
}

/// A connection for a stream.
pub(crate) struct Opened<'a> {
    pub(crate) lease: Lease,
    pub(crate) home: Home<'a>,
}

/// Who gets the connection when the stream ends.
pub(crate) enum Home<'a> {
    Pool,
    Connection(&'a mut Connection),
    Transaction(&'a mut Core),
}

impl Home<'_> {
    /// Gives the connection back, and says how the statement failed, if it did.
    pub(super) fn take_back(self, lease: Lease, failed: Option<&Error>) {
        match self {
            Self::Pool => drop(lease),
            Self::Connection(connection) => connection.take_back(lease),
            Self::Transaction(core) => core.take_back(lease, failed),
        }
    }

    /// The connection is still on a worker. The guard's next call waits for it.
    pub(super) fn expect(self, returning: Returning) {
        match self {
            Self::Pool => drop(returning),
            Self::Connection(connection) => connection.expect(returning),
            Self::Transaction(core) => core.expect(returning),
        }
    }
}

/// A connection on its way back from a stream that was dropped. Dropped itself, the connection goes to the pool.
pub(crate) struct Returning {
    job: Pin<Box<dyn Future<Output = Option<Back>> + Send + Sync>>,
    /// Who has the connection, until it is back.
    holder: Option<Arc<Holder>>,
}

/// The connection, and how the statement failed, if it did.
pub(crate) type Back = (Lease, Option<Error>);

impl Returning {
    pub(super) fn new<S: Sink + 'static>(mut job: Job<S>, holder: Arc<Holder>) -> Self {
        let job = Box::pin(std::future::poll_fn(move |cx| {
            // A panic of a decoder is about rows that nobody wants any more. It has taken the connection along.
            match catch_unwind(AssertUnwindSafe(|| Pin::new(&mut job).poll(cx))) {
                Ok(Poll::Pending) => Poll::Pending,
                Ok(Poll::Ready(output)) => {
                    Poll::Ready(Some((output.lease, output.result.err().map(Error::from))))
                }
                Err(_) => Poll::Ready(None),
            }
        }));
        Self { job, holder: Some(holder) }
    }
}

impl Future for Returning {
    /// `None` if it was lost to a panic.
    type Output = Option<Back>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Back>> {
        let back = self.job.as_mut().poll(cx);
        if back.is_ready() {
            self.holder = None;
        }
        back
    }
}

impl Drop for Returning {
    fn drop(&mut self) {
        // Its guard is gone: whoever waits for the connection waits for a worker.
        if let Some(holder) = &self.holder {
            holder.pin(false);
        }
    }
}

impl fmt::Debug for Returning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Returning").finish_non_exhaustive()
    }
}
