//! What a job takes along for those who listen: from the task that sends it to the thread that runs it.

use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::panic::Location;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use orm_core::program::Failure;

use super::count::{self, Count};
use super::spans::Caller;
use super::{JobEnd, Telemetry};
use crate::driver::Inline;

/// Made only if somebody listens.
#[derive(Debug)]
pub(crate) struct JobContext {
    pub(super) location: &'static Location<'static>,
    /// The statements that the task counts.
    pub(super) count: Option<Arc<Count>>,
    /// The subscriber and the span of the task.
    pub(super) caller: Caller,
    sent: Option<Instant>,
}

thread_local! {
    /// What runs on this thread: one job at a time.
    static CURRENT: RefCell<Option<Running>> = const { RefCell::new(None) };
}

/// A job that runs.
#[derive(Clone, Debug)]
pub(super) struct Running {
    pub(super) context: Arc<JobContext>,
    /// Where its statements are counted.
    pub(super) count: Option<Arc<Count>>,
    /// How long it waited for a thread.
    pub(super) waited: Duration,
}

impl JobContext {
    /// Of the task that sends a job now. `None` if nobody listens.
    pub(crate) fn capture(telemetry: &Telemetry, location: &'static Location<'static>) -> Option<Arc<Self>> {
        let (count, caller) = (count::current(), Caller::capture());
        let timed = telemetry.is_observed() || caller.listens();
        if count.is_none() && !timed {
            return None;
        }
        Some(Arc::new(Self { location, count, caller, sent: timed.then(Instant::now) }))
    }

    /// The job is sent only now: what it waited for before was no thread.
    pub(crate) fn sent_now(self: &mut Arc<Self>) {
        if let Some(context) = Arc::get_mut(self) {
            context.sent = context.sent.map(|_| Instant::now());
        }
    }

    /// Runs a job: what it sends is told to those who listen, and at last that it has ended.
    pub(crate) async fn run<T>(
        context: Option<Arc<Self>>,
        telemetry: &Telemetry,
        job: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        let Some(context) = context else { return job.await };
        let started = context.sent.map(|_| Instant::now());
        let waited = context.sent.zip(started).map_or(Duration::ZERO, |(sent, started)| started - sent);
        let running = Running { context: Arc::clone(&context), count: context.count.clone(), waited };
        let mut job = pin!(job);
        // Between two polls other jobs have the thread.
        let output = poll_fn(|cx| {
            let around = Around(CURRENT.replace(Some(running.clone())));
            let polled = context.caller.on_this_thread(|| job.as_mut().poll(cx));
            drop(around);
            polled
        })
        .await;
        if let Some(started) = started {
            let (location, ran) = (context.location, started.elapsed());
            let error = output.as_ref().err().map(|failure| &failure.error);
            telemetry.tell(|observer| observer.job_end(&JobEnd { location, waited, ran, error }));
        }
        output
    }
}

impl JobContext {
    /// As [`run`](Self::run), on the thread of the task. What is given up has not ended: it is run again.
    pub(crate) fn run_inline(
        context: Option<&Arc<Self>>,
        telemetry: &Telemetry,
        job: impl FnOnce() -> Inline,
    ) -> Inline {
        let Some(context) = context else { return job() };
        let started = context.sent.map(|_| Instant::now());
        let count = context.count.as_ref().map(|_| Arc::<Count>::default());
        let running = Running { context: Arc::clone(context), count: count.clone(), waited: Duration::ZERO };
        let around = Around(CURRENT.replace(Some(running)));
        let output = context.caller.on_this_thread(job);
        drop(around);
        if let (Some(total), Some(count), Inline::Ran(_)) = (&context.count, count, &output) {
            total.append(&count);
        }
        if let (Some(started), Inline::Ran(result)) = (started, &output) {
            let (location, waited, ran) = (context.location, Duration::ZERO, started.elapsed());
            let error = result.as_ref().err().map(|failure| &failure.error);
            telemetry.tell(|observer| observer.job_end(&JobEnd { location, waited, ran, error }));
        }
        output
    }
}

/// The job that runs on this thread.
pub(super) fn current() -> Option<Running> {
    // A thread that ends has none any more.
    CURRENT.try_with(|current| current.borrow().clone()).unwrap_or_default()
}

/// Puts back what was there before, also after a panic.
struct Around(Option<Running>);

impl Drop for Around {
    fn drop(&mut self) {
        CURRENT.set(self.0.take());
    }
}
