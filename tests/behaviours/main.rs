//! Every behaviour once, on every backend, under every executor.

mod baselines;
mod both_sides;
mod collections;
mod deleted;
mod flush;
mod rollback;
mod support;

use std::process::ExitCode;

fn main() -> ExitCode {
    let behaviours: Vec<orm_testkit::Behaviour> =
        [flush::BEHAVIOURS, baselines::BEHAVIOURS, both_sides::BEHAVIOURS, collections::BEHAVIOURS, deleted::BEHAVIOURS, rollback::BEHAVIOURS].concat();
    orm_testkit::main(&behaviours)
}
