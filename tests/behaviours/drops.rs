//! Dropped futures and panics: no connection is lost, none comes home inside a transaction, memory and database agree.

mod calls;
mod engine;
mod guards;
mod panics;
mod random;
mod session;

use orm_testkit::Behaviour;

pub(crate) const BEHAVIOURS: &[&[Behaviour]] =
    &[engine::BEHAVIOURS, guards::BEHAVIOURS, panics::BEHAVIOURS, random::BEHAVIOURS, session::BEHAVIOURS];
