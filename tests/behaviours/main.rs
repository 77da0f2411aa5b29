//! Every behaviour once, on every backend, under every executor.

mod bad_input;
mod check;
mod flush;

use std::process::ExitCode;

fn main() -> ExitCode {
    let behaviours: Vec<orm_testkit::Behaviour> = [flush::BEHAVIOURS, &bad_input::BEHAVIOURS.concat()].concat();
    orm_testkit::main(&behaviours)
}
