//! Bad input: each is answered by a clear error, or by a documented panic for handles, and nothing is lost.

mod constraints;
mod handles;
mod held;
mod opening;
mod statements;
mod values;

use orm_testkit::Behaviour;

pub(crate) const BEHAVIOURS: &[&[Behaviour]] = &[
    constraints::BEHAVIOURS,
    handles::BEHAVIOURS,
    held::BEHAVIOURS,
    opening::BEHAVIOURS,
    statements::BEHAVIOURS,
    values::BEHAVIOURS,
];
