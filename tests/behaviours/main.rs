//! Every behaviour once, on every backend, under every executor.

mod flush;

use std::process::ExitCode;

fn main() -> ExitCode {
    let behaviours: Vec<orm_testkit::Behaviour> = [flush::BEHAVIOURS].concat();
    orm_testkit::main(&behaviours)
}
