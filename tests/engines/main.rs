//! Engines, connections and the pool: every behaviour once, on every backend, under every executor.

mod disk_full;
mod files;
mod from_worker;
mod run_sync;
mod statistics;
mod streams;

use std::process::ExitCode;

use orm_testkit::Behaviour;

const ALL: &[&[Behaviour]] = &[
    disk_full::BEHAVIOURS,
    files::BEHAVIOURS,
    from_worker::BEHAVIOURS,
    run_sync::BEHAVIOURS,
    statistics::BEHAVIOURS,
    streams::BEHAVIOURS,
];

fn main() -> ExitCode {
    orm_testkit::main(&ALL.concat())
}
