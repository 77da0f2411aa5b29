//! Engines, connections and the pool: every behaviour once, on every backend, under every executor.

mod batches;
mod cases_from_issues;
mod cases_from_pools;
mod cases_pool;
mod counting;
mod deadlines;
mod disk_full;
mod dispatch;
mod files;
mod from_worker;
mod locks;
mod loops;
mod observability;
mod own;
mod run_sync;
#[cfg(feature = "tracing")]
mod spans;
mod statistics;
mod streams;
mod worker_limit;

use std::process::ExitCode;

use orm_testkit::Behaviour;

const ALL: &[&[Behaviour]] = &[
    batches::BEHAVIOURS,
    cases_from_issues::BEHAVIOURS,
    cases_from_issues::others::BEHAVIOURS,
    cases_from_pools::BEHAVIOURS,
    cases_from_pools::ends::BEHAVIOURS,
    cases_pool::BEHAVIOURS,
    counting::BEHAVIOURS,
    deadlines::BEHAVIOURS,
    disk_full::BEHAVIOURS,
    dispatch::BEHAVIOURS,
    dispatch::heavy::BEHAVIOURS,
    dispatch::never::BEHAVIOURS,
    dispatch::whole::BEHAVIOURS,
    files::BEHAVIOURS,
    from_worker::BEHAVIOURS,
    loops::BEHAVIOURS,
    observability::BEHAVIOURS,
    locks::BEHAVIOURS,
    run_sync::BEHAVIOURS,
    #[cfg(feature = "tracing")]
    spans::BEHAVIOURS,
    statistics::BEHAVIOURS,
    streams::BEHAVIOURS,
    worker_limit::BEHAVIOURS,
];

fn main() -> ExitCode {
    orm_testkit::main(&ALL.concat())
}
