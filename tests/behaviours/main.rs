//! Every behaviour once, on every backend, under every executor.

mod bad_input;
mod check;
mod drops;
mod flush;
mod nested;
mod random;
mod serde_form;

use std::process::ExitCode;

use orm_testkit::Behaviour;

fn main() -> ExitCode {
    let behaviours: Vec<Behaviour> = [
        flush::BEHAVIOURS,
        nested::BEHAVIOURS,
        serde_form::BEHAVIOURS,
        &bad_input::BEHAVIOURS.concat(),
        &drops::BEHAVIOURS.concat(),
    ]
    .concat();
    orm_testkit::main(&behaviours)
}
