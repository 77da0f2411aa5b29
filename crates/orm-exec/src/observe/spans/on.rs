//! With the feature.

use std::future::{Future, poll_fn};
use std::panic::Location;
use std::pin::pin;
use std::time::Duration;

use orm_core::Error;
use orm_core::error::DatabaseErrorKind;
use tracing::field::{Empty, debug};
use tracing::level_filters::LevelFilter;
use tracing::subscriber::NoSubscriber;
use tracing::{Dispatch, debug_span, dispatcher, warn};

use crate::driver::Access;
use crate::observe::slow::SlowStatements;
use crate::observe::telemetry::Rows;
use crate::observe::transaction_control::first_word;
use crate::observe::{Repeated, SlowStatement, StatementEvent, Written};

/// The subscriber and the span of the task that sends a job, if there is a subscriber.
#[derive(Debug)]
pub(in crate::observe) struct Caller(Option<(Dispatch, tracing::Span)>);

impl Caller {
    pub(in crate::observe) fn capture() -> Self {
        if LevelFilter::current() < LevelFilter::WARN {
            return Self(None);
        }
        let dispatch = dispatcher::get_default(Clone::clone);
        Self((!dispatch.is::<NoSubscriber>()).then(|| (dispatch, tracing::Span::current())))
    }

    pub(in crate::observe) fn listens(&self) -> bool {
        self.0.is_some()
    }

    /// Runs a job for the subscriber of the task.
    pub(in crate::observe) fn on_this_thread<T>(&self, job: impl FnOnce() -> T) -> T {
        match &self.0 {
            Some((dispatch, _)) => dispatcher::with_default(dispatch, job),
            None => job(),
        }
    }
}

/// Of a statement. It is not entered: a driver may have several statements under way at once.
pub(in crate::observe) struct StatementSpan(Option<tracing::Span>);

impl StatementSpan {
    pub(in crate::observe) fn open(
        caller: Option<&Caller>,
        system: &'static str,
        event: &StatementEvent<'_>,
        waited: Duration,
        show_parameters: bool,
    ) -> Self {
        let Some((_, parent)) = caller.and_then(|caller| caller.0.as_ref()) else { return Self(None) };
        let StatementEvent { sql, rows, parameters, location } = *event;
        let span = debug_span!(
            target: "anyorm::statement",
            parent: parent,
            "anyorm.statement",
            otel.kind = "client",
            db.system.name = system,
            db.operation.name = first_word(sql),
            db.query.text = sql,
            db.query.parameters = Empty,
            db.operation.batch.size = Empty,
            db.response.returned_rows = Empty,
            db.response.affected_rows = Empty,
            error.type = Empty,
            code.file.path = location.map(Location::file),
            code.line.number = location.map(Location::line),
            hop_us = micros(waited),
        );
        if rows > 1 {
            span.record("db.operation.batch.size", rows);
        }
        if show_parameters && parameters.width() > 0 {
            span.record("db.query.parameters", debug(parameters));
        }
        Self(Some(span))
    }

    pub(in crate::observe) fn close(&self, rows: Rows, error: Option<&Error>) {
        let Some(span) = &self.0 else { return };
        match error {
            None => {
                span.record("db.response.returned_rows", rows.read);
                span.record("db.response.affected_rows", rows.affected);
            }
            Some(error) => {
                span.record("error.type", kind_of(error));
            }
        }
    }

    /// It is over. A subscriber may panic at it.
    pub(in crate::observe) fn end(self) {}

    pub(in crate::observe) fn warn_slow(&self, slow: &SlowStatement<'_>) {
        let Some(span) = &self.0 else { return };
        warn!(
            target: "anyorm::slow",
            parent: span,
            elapsed_us = micros(slow.elapsed),
            db.query.text = slow.sql,
            db.query.parameters = slow.parameters.map(debug),
            db.response.returned_rows = slow.rows_read,
            db.response.affected_rows = slow.rows_affected,
            error.type = slow.error.map(kind_of),
            code.file.path = slow.location.map(Location::file),
            code.line.number = slow.location.map(Location::line),
            "slow statement",
        );
    }
}

pub(in crate::observe) fn warn_repeated(repeated: &Repeated<'_>) {
    warn!(
        target: "anyorm::n_plus_one",
        times = repeated.times,
        db.query.text = repeated.sql,
        code.file.path = repeated.location.file(),
        code.line.number = repeated.location.line(),
        "{repeated}",
    );
}

impl SlowStatements {
    /// A subscriber is warned of statements over a second, unless the builder of the engine says otherwise.
    pub(in crate::observe) fn by_default() -> Option<&'static Self> {
        static DEFAULT: SlowStatements = SlowStatements { threshold: Duration::from_secs(1), told: None };
        Some(&DEFAULT)
    }
}

/// A span around awaiting.
#[derive(Debug)]
pub struct Span(tracing::Span);

impl Span {
    pub(crate) fn acquire(access: Access, location: &'static Location<'static>) -> Self {
        let access = match access {
            Access::Read => "read",
            Access::Write => "write",
        };
        Self(debug_span!(
            target: "anyorm::acquire",
            "anyorm.acquire",
            access,
            wait_us = Empty,
            error.type = Empty,
            code.file.path = location.file(),
            code.line.number = location.line(),
        ))
    }

    /// Whether a wait for a connection would be one.
    pub(crate) fn acquires_are_heard() -> bool {
        tracing::span_enabled!(target: "anyorm::acquire", tracing::Level::DEBUG)
    }

    /// Around a flush.
    pub fn flush(location: &'static Location<'static>) -> Self {
        Self(debug_span!(
            target: "anyorm::flush",
            "anyorm.flush",
            inserted = Empty,
            updated = Empty,
            deleted = Empty,
            links = Empty,
            error.type = Empty,
            code.file.path = location.file(),
            code.line.number = location.line(),
        ))
    }

    /// Around a commit.
    pub fn commit(location: &'static Location<'static>) -> Self {
        Self(debug_span!(
            target: "anyorm::commit",
            "anyorm.commit",
            error.type = Empty,
            code.file.path = location.file(),
            code.line.number = location.line(),
        ))
    }

    pub(crate) fn listens(&self) -> bool {
        !self.0.is_disabled()
    }

    /// Polls a future inside.
    pub async fn around<F: Future>(&self, future: F) -> F::Output {
        let mut future = pin!(future);
        poll_fn(|cx| {
            // A subscriber may panic as the span is left. What the future answered is dropped then: a value that is on
            // its way out of here would be forgotten, and a connection with it.
            let polled;
            {
                let _inside = self.0.enter();
                polled = future.as_mut().poll(cx);
            }
            polled
        })
        .await
    }

    /// It is over. A subscriber may panic at it.
    pub(crate) fn end(self) {}

    pub(crate) fn waited(&self, waited: Duration) {
        self.0.record("wait_us", micros(waited));
    }

    /// Notes what a flush writes.
    pub fn written(&self, written: impl FnOnce() -> Written) {
        if self.listens() {
            let Written { inserted, updated, deleted, links } = written();
            self.0.record("inserted", inserted);
            self.0.record("updated", updated);
            self.0.record("deleted", deleted);
            self.0.record("links", links);
        }
    }

    /// Notes why it failed.
    pub fn failed(&self, error: &Error) {
        self.0.record("error.type", kind_of(error));
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

/// A word for an error. Messages stay out of spans: they may quote values.
fn kind_of(error: &Error) -> &'static str {
    match error {
        Error::Busy(_) => "busy",
        Error::Constraint(_) => "constraint",
        Error::Interrupted => "interrupted",
        Error::Timeout(_) => "timeout",
        Error::StaleData(_) => "stale_data",
        Error::RowCount(_) => "row_count",
        Error::Closed => "closed",
        Error::HeldBySelf { .. } => "held_by_self",
        Error::Database(error) => match error.kind {
            DatabaseErrorKind::DiskFull => "disk_full",
            DatabaseErrorKind::Io => "io",
            DatabaseErrorKind::Corrupt => "corrupt",
            DatabaseErrorKind::ReadOnly => "read_only",
            DatabaseErrorKind::CannotConnect => "cannot_connect",
            _ => "database",
        },
        _ => "_OTHER",
    }
}
