//! Every behaviour once, on every backend, under every executor.

mod flush;
mod nested;
mod serde_form;
mod unique_values;

use std::process::ExitCode;

fn main() -> ExitCode {
    let behaviours: Vec<orm_testkit::Behaviour> =
        [flush::BEHAVIOURS, nested::BEHAVIOURS, serde_form::BEHAVIOURS, unique_values::BEHAVIOURS].concat();
    orm_testkit::main(&behaviours)
}
