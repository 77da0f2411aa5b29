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

use orm_testkit::{Behaviour, Capability};

/// On every backend.
const ALL: &[&[Behaviour]] = &[
    batches::BEHAVIOURS,
    counting::BEHAVIOURS,
    deadlines::BEHAVIOURS,
    from_worker::BEHAVIOURS,
    loops::BEHAVIOURS,
    observability::BEHAVIOURS,
    run_sync::BEHAVIOURS,
    streams::BEHAVIOURS,
];

/// About files, worker threads, and one connection that writes.
const IN_THE_PROCESS: &[&[Behaviour]] = &[
    cases_from_issues::BEHAVIOURS,
    cases_from_issues::others::BEHAVIOURS,
    cases_from_pools::BEHAVIOURS,
    cases_from_pools::ends::BEHAVIOURS,
    cases_pool::BEHAVIOURS,
    disk_full::BEHAVIOURS,
    dispatch::BEHAVIOURS,
    dispatch::heavy::BEHAVIOURS,
    dispatch::never::BEHAVIOURS,
    dispatch::whole::BEHAVIOURS,
    files::BEHAVIOURS,
    locks::BEHAVIOURS,
    #[cfg(feature = "tracing")]
    spans::BEHAVIOURS,
    statistics::BEHAVIOURS,
    worker_limit::BEHAVIOURS,
];

fn main() -> ExitCode {
    let mut behaviours = ALL.concat();
    let own = IN_THE_PROCESS.concat().into_iter();
    behaviours.extend(own.map(|behaviour| behaviour.of_kind(Capability::InTheProcess)));
    orm_testkit::main(&behaviours)
}
