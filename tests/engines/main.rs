//! Engines, connections and the pool: every behaviour once, on every backend, under every executor.

mod statistics;

use std::process::ExitCode;

use orm_testkit::Behaviour;

const ALL: &[&[Behaviour]] = &[statistics::BEHAVIOURS];

fn main() -> ExitCode {
    orm_testkit::main(&ALL.concat())
}
