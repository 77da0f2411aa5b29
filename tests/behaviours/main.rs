//! Every behaviour once, on every backend, under every executor.

mod autoflush;
mod baselines;
mod both_sides;
mod collections;
mod deleted;
mod dropped;
mod failures;
mod flush;
mod keys;
mod loaders;
mod on_delete;
mod order;
mod refresh;
mod rollback;
mod support;
mod transactions;

use std::process::ExitCode;

fn main() -> ExitCode {
    let behaviours: Vec<orm_testkit::Behaviour> = [
        autoflush::BEHAVIOURS,
        baselines::BEHAVIOURS,
        both_sides::BEHAVIOURS,
        collections::BEHAVIOURS,
        deleted::BEHAVIOURS,
        dropped::BEHAVIOURS,
        failures::BEHAVIOURS,
        flush::BEHAVIOURS,
        keys::BEHAVIOURS,
        loaders::BEHAVIOURS,
        on_delete::BEHAVIOURS,
        order::BEHAVIOURS,
        refresh::BEHAVIOURS,
        rollback::BEHAVIOURS,
        transactions::BEHAVIOURS,
    ]
    .concat();
    orm_testkit::main(&behaviours)
}
