//! Every behaviour once, on every backend, under every executor.

mod flush;
mod nested;
mod serde_form;

use std::process::ExitCode;

fn main() -> ExitCode {
    let behaviours: Vec<orm_testkit::Behaviour> =
        [flush::BEHAVIOURS, nested::BEHAVIOURS, serde_form::BEHAVIOURS].concat();
    orm_testkit::main(&behaviours)
}
