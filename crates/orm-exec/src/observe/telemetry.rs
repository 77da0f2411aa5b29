//! Who listens to one engine, and what it has counted.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use orm_core::Error;

use super::context::{self, Running};
use super::counters::Counters;
use super::slow::SlowStatements;
use super::spans::{Caller, StatementSpan};
use super::{FlushEnd, NPlusOne, Observer, Parameters, Repeated, StatementEnd, StatementEvent};
use crate::pool::Statistics;

/// What the builder of an engine is told about listening.
#[derive(Clone, Default)]
pub(crate) struct TelemetryOptions {
    pub(crate) observers: Vec<Arc<dyn Observer>>,
    pub(crate) slow: Option<SlowStatements>,
    pub(crate) show_parameters: bool,
    pub(crate) n_plus_one: Option<NPlusOne>,
}

/// Shared by the pool, its connections and the sessions of an engine.
#[doc(hidden)]
pub struct Telemetry {
    options: TelemetryOptions,
    /// The value of `db.system.name`.
    system: &'static str,
    counters: Counters,
}

/// How many rows a statement was about.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Rows {
    pub(crate) read: u64,
    pub(crate) affected: u64,
}

impl Telemetry {
    pub(crate) fn new(options: TelemetryOptions, system: &'static str) -> Self {
        Self { options, system, counters: Counters::default() }
    }

    /// Whether there is an observer, or somebody who wants to know of slow statements.
    pub(crate) fn is_observed(&self) -> bool {
        !self.options.observers.is_empty() || self.options.slow.is_some()
    }

    pub(crate) fn count(&self, statistics: &mut Statistics) {
        self.counters.write(statistics);
    }

    /// Looks for repeated statements in the sessions of the engine.
    pub fn n_plus_one(&self) -> Option<&NPlusOne> {
        self.options.n_plus_one.as_ref()
    }

    pub(crate) fn hop(&self) {
        self.tell(|observer| observer.hop());
    }

    pub(crate) fn inline(&self) {
        self.tell(|observer| observer.inline());
    }

    pub(crate) fn inline_aborted(&self) {
        self.tell(|observer| observer.inline_aborted());
    }

    /// Calls each observer about something that has happened already: a panic of it must not hide that.
    pub(crate) fn tell(&self, mut event: impl FnMut(&dyn Observer)) {
        for observer in &self.options.observers {
            quietly(|| event(&**observer));
        }
    }

    /// A session flushed.
    pub fn tell_flush(&self, flush: &FlushEnd<'_>) {
        self.tell(|observer| observer.flush_end(flush));
    }

    /// Whether anybody wants to know of flushes.
    pub fn has_observers(&self) -> bool {
        !self.options.observers.is_empty()
    }

    /// Tells of a statement that a session repeats.
    pub fn tell_repeated(&self, repeated: &Repeated<'_>) {
        self.tell(|observer| observer.repeated(repeated));
        super::spans::warn_repeated(repeated);
    }

    pub(crate) fn transaction_begun(&self) {
        self.counters.transaction_begun();
    }

    pub(crate) fn transaction_ended(&self, committed: bool) {
        self.counters.transaction_ended(committed);
    }

    /// Whether anybody would look at the values of a statement.
    pub(crate) fn wants_parameters(&self) -> bool {
        self.has_observers() || self.options.show_parameters
    }

    /// A statement is about to run on this thread. A panic of an observer keeps it from being sent.
    #[inline]
    pub(crate) fn begin<'a>(&'a self, sql: &'a str, rows: u32, parameters: Parameters<'a>) -> Statement<'a> {
        let running = context::current();
        let told = (running.is_some() || self.is_observed())
            .then(|| Box::new(self.listen(sql, rows, parameters, running)));
        Statement { telemetry: self, told }
    }

    #[cold]
    fn listen<'a>(
        &'a self,
        sql: &'a str,
        rows: u32,
        parameters: Parameters<'a>,
        running: Option<Running>,
    ) -> Told<'a> {
        let location = running.as_ref().map(|running| running.context.location);
        if let Some(Running { context, count: Some(count), .. }) = &running {
            count.add(sql, rows, context.location);
        }
        let event = StatementEvent { sql, rows, parameters, location };
        self.options.observers.iter().for_each(|observer| observer.statement(&event));
        let waited = running.as_ref().map_or(Duration::ZERO, |running| running.waited);
        let caller = running.as_ref().map(|running| &running.context.caller);
        let span = StatementSpan::open(caller, self.system, &event, waited, self.options.show_parameters);
        let timed = self.is_observed() || caller.is_some_and(Caller::listens);
        Told { event, started: timed.then(Instant::now), span }
    }

    #[cold]
    fn told(&self, told: Told<'_>, result: Result<Rows, &Error>) {
        let Told { event, started, span } = told;
        let StatementEvent { sql, rows, parameters, location } = event;
        let (counted, error) = match result {
            Ok(counted) => (counted, None),
            Err(error) => (Rows::default(), Some(error)),
        };
        // The statement has happened: a panic of who listens must not hide that.
        quietly(|| span.close(counted, error));
        let Some(started) = started else { return quietly(|| span.end()) };
        let end = StatementEnd {
            sql,
            rows,
            parameters,
            location,
            elapsed: started.elapsed(),
            rows_read: counted.read,
            rows_affected: counted.affected,
            error,
        };
        self.tell(|observer| observer.statement_end(&end));
        let slow = self.options.slow.as_ref().or(SlowStatements::by_default());
        let slow = slow.and_then(|slow| Some((slow, slow.judge(&end, self.options.show_parameters)?)));
        if let Some((slow, statement)) = slow {
            quietly(|| span.warn_slow(&statement));
            if let Some(told) = &slow.told {
                quietly(|| told(&statement));
            }
        }
        quietly(|| span.end());
    }
}

fn quietly(tell: impl FnOnce()) {
    let _ = catch_unwind(AssertUnwindSafe(tell));
}

/// A statement that runs.
#[must_use]
pub(crate) struct Statement<'a> {
    telemetry: &'a Telemetry,
    /// `None` if nobody listens.
    told: Option<Box<Told<'a>>>,
}

struct Told<'a> {
    event: StatementEvent<'a>,
    started: Option<Instant>,
    span: StatementSpan,
}

impl Statement<'_> {
    /// It has ended.
    #[inline]
    pub(crate) fn end(self, result: Result<Rows, &Error>) {
        self.telemetry.counters.statement(result);
        if let Some(told) = self.told {
            self.telemetry.told(*told, result);
        }
    }
}

impl fmt::Debug for Telemetry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Telemetry")
            .field("observers", &self.options.observers.len())
            .field("slow", &self.options.slow)
            .field("n_plus_one", &self.options.n_plus_one)
            .finish_non_exhaustive()
    }
}
