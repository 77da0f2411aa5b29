//! The ways of running a future, all in one binary.

use std::future::Future;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::thread;

/// A way of running a future. No feature flag picks one: that is what the tests show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Executor {
    /// tokio's multi-threaded runtime, the future spawned on a worker of it.
    TokioMultiThread,
    /// tokio's current-thread runtime, without its timer and I/O drivers.
    TokioCurrentThread,
    /// smol's global executor.
    Smol,
    /// async-std's global executor.
    AsyncStd,
    /// An `async-executor` of our own, run by two threads.
    AsyncExecutor,
    /// A bare `futures_lite::future::block_on`: no executor at all.
    FuturesLite,
}

impl Executor {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::TokioMultiThread,
        Self::TokioCurrentThread,
        Self::Smol,
        Self::AsyncStd,
        Self::AsyncExecutor,
        Self::FuturesLite,
    ];

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::TokioMultiThread => "tokio multi-thread",
            Self::TokioCurrentThread => "tokio current-thread",
            Self::Smol => "smol",
            Self::AsyncStd => "async-std",
            Self::AsyncExecutor => "async-executor",
            Self::FuturesLite => "futures-lite block_on",
        }
    }

    /// Runs futures to their ends, each in a task of its own: in a thread of its own where there is no executor.
    ///
    /// # Panics
    /// If one of them panics, or the executor cannot be made.
    pub fn block_on_all<T: Send + 'static>(
        self,
        futures: Vec<impl Future<Output = T> + Send + 'static>,
    ) -> Vec<T> {
        match self {
            Self::TokioMultiThread | Self::TokioCurrentThread => self.block_on(async {
                let tasks: Vec<_> = futures.into_iter().map(tokio::spawn).collect();
                in_turn(tasks, |done| done.unwrap_or_else(|error| resume_unwind(error.into_panic()))).await
            }),
            Self::Smol => {
                self.block_on(in_turn(futures.into_iter().map(smol::spawn).collect(), |output| output))
            }
            Self::AsyncStd => {
                let tasks = futures.into_iter().map(async_std::task::spawn).collect();
                self.block_on(in_turn(tasks, |output| output))
            }
            Self::AsyncExecutor => run_by_two_threads(|executor| {
                let tasks = futures.into_iter().map(|future| executor.spawn(future)).collect();
                in_turn(tasks, |output| output)
            }),
            Self::FuturesLite => {
                let run = |future| thread::spawn(|| futures_lite::future::block_on(future));
                let threads: Vec<_> = futures.into_iter().map(run).collect();
                let join = |thread: thread::JoinHandle<T>| {
                    thread.join().unwrap_or_else(|panic| resume_unwind(panic))
                };
                threads.into_iter().map(join).collect()
            }
        }
    }

    /// Runs a future to its end.
    ///
    /// # Panics
    /// If the future panics, or the executor cannot be made.
    pub fn block_on<T: Send + 'static>(self, future: impl Future<Output = T> + Send + 'static) -> T {
        match self {
            Self::TokioMultiThread => {
                let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build();
                let runtime = runtime.expect("tokio starts");
                match runtime.block_on(runtime.spawn(future)) {
                    Ok(output) => output,
                    Err(error) => resume_unwind(error.into_panic()),
                }
            }
            Self::TokioCurrentThread => {
                let runtime = tokio::runtime::Builder::new_current_thread().build();
                runtime.expect("tokio starts").block_on(future)
            }
            Self::Smol => smol::block_on(smol::spawn(future)),
            Self::AsyncStd => async_std::task::block_on(async_std::task::spawn(future)),
            Self::AsyncExecutor => run_by_two_threads(|executor| executor.spawn(future)),
            Self::FuturesLite => futures_lite::future::block_on(future),
        }
    }
}

/// Waits for tasks that run already, one after the other.
async fn in_turn<F: Future, T>(tasks: Vec<F>, output: impl Fn(F::Output) -> T) -> Vec<T> {
    let mut outputs = Vec::with_capacity(tasks.len());
    for task in tasks {
        outputs.push(output(task.await));
    }
    outputs
}

/// Makes an executor that this thread and another one run, until a future of it ends.
fn run_by_two_threads<F: Future>(future: impl FnOnce(&async_executor::Executor<'static>) -> F) -> F::Output {
    let executor = Arc::new(async_executor::Executor::new());
    let future = future(&executor);
    let (stop, stopped) = stop_signal();
    let helper = {
        let executor = Arc::clone(&executor);
        thread::spawn(move || futures_lite::future::block_on(executor.run(stopped)))
    };
    let output = futures_lite::future::block_on(executor.run(future));
    drop(stop);
    let _ = helper.join();
    output
}

/// A future that ends when its other half is dropped.
fn stop_signal() -> (impl Drop, impl Future<Output = ()>) {
    let (stop, stopped) = smol::channel::bounded::<()>(1);
    (Stop(Some(stop)), async move {
        // An error says that the sender is gone, which is the signal.
        let _ = stopped.recv().await;
    })
}

struct Stop(Option<smol::channel::Sender<()>>);

impl Drop for Stop {
    fn drop(&mut self) {
        self.0 = None;
    }
}
