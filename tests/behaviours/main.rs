//! Every behaviour once, on every backend, under every executor.

mod flush;
mod nested;

use std::process::ExitCode;

fn main() -> ExitCode {
    let behaviours: Vec<orm_testkit::Behaviour> = [flush::BEHAVIOURS, nested::BEHAVIOURS].concat();
    orm_testkit::main(&behaviours)
}
