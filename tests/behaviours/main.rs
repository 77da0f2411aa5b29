//! Every behaviour once, on every backend, under every executor.

mod bad_input;
mod baselines;
mod check;
mod deleted;
mod flush;
mod linking;
mod nested;
mod rollback;
mod serde_form;
mod support;
mod unique_values;

use std::process::ExitCode;

use orm_testkit::Behaviour;

const ALL: &[&[Behaviour]] = &[
    baselines::BEHAVIOURS,
    deleted::BEHAVIOURS,
    flush::BEHAVIOURS,
    linking::BEHAVIOURS,
    nested::BEHAVIOURS,
    rollback::BEHAVIOURS,
    serde_form::BEHAVIOURS,
    unique_values::BEHAVIOURS,
];

/// Subjects of several files.
const GROUPS: &[&[&[Behaviour]]] = &[bad_input::BEHAVIOURS];

fn main() -> ExitCode {
    orm_testkit::main(&[ALL.concat(), GROUPS.concat().concat()].concat())
}
