//! Every behaviour once, on every backend, under every executor.

mod baselines;
mod both_sides;
mod collections;
mod deleted;
mod dropped;
mod failures;
mod flush;
mod keys;
mod on_delete;
mod refresh;
mod rollback;
mod support;

use std::process::ExitCode;

fn main() -> ExitCode {
    let behaviours: Vec<orm_testkit::Behaviour> = [
        baselines::BEHAVIOURS,
        both_sides::BEHAVIOURS,
        collections::BEHAVIOURS,
        deleted::BEHAVIOURS,
        dropped::BEHAVIOURS,
        failures::BEHAVIOURS,
        flush::BEHAVIOURS,
        keys::BEHAVIOURS,
        on_delete::BEHAVIOURS,
        refresh::BEHAVIOURS,
        rollback::BEHAVIOURS,
    ]
    .concat();
    orm_testkit::main(&behaviours)
}
