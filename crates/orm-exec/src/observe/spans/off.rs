//! Without the feature: nothing, and nothing of it is left after compilation.

use std::future::Future;
use std::panic::Location;
use std::time::Duration;

use orm_core::Error;

use crate::driver::Access;
use crate::observe::slow::SlowStatements;
use crate::observe::telemetry::Rows;
use crate::observe::{Repeated, SlowStatement, StatementEvent, Written};

#[derive(Debug)]
pub(in crate::observe) struct Caller;

impl Caller {
    pub(in crate::observe) fn capture() -> Self {
        Self
    }

    pub(in crate::observe) fn listens(&self) -> bool {
        false
    }

    pub(in crate::observe) fn on_this_thread<T>(&self, job: impl FnOnce() -> T) -> T {
        job()
    }
}

pub(in crate::observe) struct StatementSpan;

impl StatementSpan {
    pub(in crate::observe) fn open(
        _caller: Option<&Caller>,
        _system: &'static str,
        _event: &StatementEvent<'_>,
        _waited: Duration,
        _show_parameters: bool,
    ) -> Self {
        Self
    }

    pub(in crate::observe) fn close(&self, _rows: Rows, _error: Option<&Error>) {}

    pub(in crate::observe) fn end(self) {}

    pub(in crate::observe) fn warn_slow(&self, _slow: &SlowStatement<'_>) {}
}

pub(in crate::observe) fn warn_repeated(_repeated: &Repeated<'_>) {}

impl SlowStatements {
    /// Without `tracing` there is nobody to tell.
    pub(in crate::observe) fn by_default() -> Option<&'static Self> {
        None
    }
}

/// A span that is not there.
#[derive(Debug)]
pub struct Span;

impl Span {
    pub(crate) fn acquire(_access: Access, _location: &'static Location<'static>) -> Self {
        Self
    }

    pub(crate) fn acquires_are_heard() -> bool {
        false
    }

    /// Around a flush.
    pub fn flush(_location: &'static Location<'static>) -> Self {
        Self
    }

    /// Around a commit.
    pub fn commit(_location: &'static Location<'static>) -> Self {
        Self
    }

    pub(crate) fn listens(&self) -> bool {
        false
    }

    /// Polls a future inside.
    pub fn around<F: Future>(&self, future: F) -> impl Future<Output = F::Output> + use<'_, F> {
        future
    }

    pub(crate) fn end(self) {}

    pub(crate) fn waited(&self, _waited: Duration) {}

    /// Notes what a flush writes.
    pub fn written(&self, _written: impl FnOnce() -> Written) {}

    /// Notes why it failed.
    pub fn failed(&self, _error: &Error) {}
}
