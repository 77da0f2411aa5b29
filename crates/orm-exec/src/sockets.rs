//! The thread that polls the sockets of all engines of the process.
//!
//! Jobs of drivers that talk over sockets run here, whatever executor the program has: so an answer is read when it comes,
//! also while the task that wants it is not polled, and what a dropped future leaves on the way is cleaned up. One thread is
//! enough: what it does is copy bytes and decode rows, and nothing that runs here blocks. It is the thread that waits for the
//! operating system, too, so that an answer wakes it without a detour.

use std::future::{Future, pending};
use std::panic::AssertUnwindSafe;
use std::sync::OnceLock;
use std::task::{Context, Waker};
use std::thread;

use async_executor::Executor;
use futures_lite::FutureExt;

/// Runs a job to its end. It must not block. A panic of it ends it, and nothing else.
///
/// # Panics
/// If the operating system gives no thread.
pub(crate) fn spawn(job: impl Future<Output = ()> + Send + 'static) {
    executor().spawn(quietly(job)).detach();
}

/// The same, begun at once on this thread: what it has to say first is on its way to the server while the thread of the
/// sockets is woken for the answer. Waking a thread may take as long as the server does.
///
/// # Panics
/// As [`spawn`].
pub(crate) fn begin(job: impl Future<Output = ()> + Send + 'static) {
    let mut job = Box::pin(quietly(job));
    // Whatever wakes it before it is polled over there is found by that poll.
    if job.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending() {
        executor().spawn(job).detach();
    }
}

async fn quietly(job: impl Future<Output = ()>) {
    let _ = AssertUnwindSafe(job).catch_unwind().await;
}

fn executor() -> &'static Executor<'static> {
    static EXECUTOR: OnceLock<Executor<'static>> = OnceLock::new();
    static THREAD: OnceLock<()> = OnceLock::new();
    let executor = EXECUTOR.get_or_init(Executor::new);
    THREAD.get_or_init(|| {
        let run = || async_io::block_on(executor.run(pending::<()>()));
        let started = thread::Builder::new().name("anyorm-sockets".to_owned()).spawn(run);
        started.expect("a thread for the sockets of the process");
    });
    executor
}
