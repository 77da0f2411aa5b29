//! Who polls.

use std::future::Future;

use sqlite_bench_common::Fault;

#[derive(Clone, Copy, Debug)]
pub(crate) enum Executor {
    Tokio,
    TokioCurrent,
    Smol,
    AsyncStd,
}

/// A task that was spawned.
pub(crate) type Joined<T> = std::pin::Pin<Box<dyn Future<Output = Result<T, Fault>> + Send>>;

impl Executor {
    pub(crate) fn named(name: &str) -> Result<Self, Fault> {
        match name {
            "tokio" => Ok(Self::Tokio),
            "tokio-current" => Ok(Self::TokioCurrent),
            "smol" => Ok(Self::Smol),
            "async-std" => Ok(Self::AsyncStd),
            other => Err(format!("there is no executor `{other}`").into()),
        }
    }

    /// Runs the work as a task, as a request of a server would be one.
    pub(crate) fn run(
        self,
        work: impl Future<Output = Result<(), Fault>> + Send + 'static,
    ) -> Result<(), Fault> {
        match self {
            Self::Tokio => {
                let mut builder = tokio::runtime::Builder::new_multi_thread();
                let runtime = builder.worker_threads(2).enable_all().build()?;
                runtime.block_on(runtime.spawn(work))?
            }
            Self::TokioCurrent => {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
                runtime.block_on(runtime.spawn(work))?
            }
            Self::Smol => smol::block_on(smol::spawn(work)),
            Self::AsyncStd => async_std::task::block_on(async_std::task::spawn(work)),
        }
    }

    pub(crate) fn spawn<T: Send + 'static>(
        self,
        work: impl Future<Output = Result<T, Fault>> + Send + 'static,
    ) -> Joined<T> {
        match self {
            Self::Tokio | Self::TokioCurrent => {
                let task = tokio::spawn(work);
                Box::pin(async move { task.await? })
            }
            Self::Smol => Box::pin(smol::spawn(work)),
            Self::AsyncStd => Box::pin(async_std::task::spawn(work)),
        }
    }
}
