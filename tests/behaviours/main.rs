//! Every behaviour once, on every backend, under every executor.

mod bad_input;
mod baselines;
mod both_sides;
mod check;
mod collections;
mod deleted;
mod dropped;
mod drops;
mod failures;
mod flush;
mod keys;
mod linking;
mod nested;
mod on_delete;
mod random;
mod refresh;
mod rollback;
mod serde_form;
mod support;
mod unique_values;

use std::process::ExitCode;

use orm_testkit::Behaviour;

const ALL: &[&[Behaviour]] = &[
    baselines::BEHAVIOURS,
    both_sides::BEHAVIOURS,
    collections::BEHAVIOURS,
    deleted::BEHAVIOURS,
    dropped::BEHAVIOURS,
    failures::BEHAVIOURS,
    flush::BEHAVIOURS,
    keys::BEHAVIOURS,
    linking::BEHAVIOURS,
    nested::BEHAVIOURS,
    on_delete::BEHAVIOURS,
    refresh::BEHAVIOURS,
    rollback::BEHAVIOURS,
    serde_form::BEHAVIOURS,
    unique_values::BEHAVIOURS,
];

/// Subjects of several files.
const GROUPS: &[&[&[Behaviour]]] = &[bad_input::BEHAVIOURS, drops::BEHAVIOURS];

fn main() -> ExitCode {
    orm_testkit::main(&[ALL.concat(), GROUPS.concat().concat()].concat())
}
