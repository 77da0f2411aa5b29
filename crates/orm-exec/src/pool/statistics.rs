//! Numbers about a pool and what was sent through it.

use std::time::Duration;

/// Makes [`Statistics`] and the list of its numbers of one table, so that none is forgotten.
///
/// | kind | what it is | as a metric |
/// |---|---|---|
/// | `gauge` | goes up and down | a gauge |
/// | `counter` | only grows | a counter |
/// | `seconds` | a time that only grows | a counter of seconds |
/// | `longest` | the longest time so far | a gauge of seconds |
/// | `reasons` | [`Closed`] | a counter for each |
macro_rules! statistics {
    ($(#[$outer:meta])* pub struct Statistics { $($(#[doc = $doc:literal])+ $kind:ident $name:ident: $type:ty,)+ }) => {
        $(#[$outer])*
        pub struct Statistics {
            $($(#[doc = $doc])+ pub $name: $type,)+
        }

        impl Statistics {
            /// All numbers with their names, for whatever exports metrics.
            ///
            /// # Example
            /// ```
            /// # use orm_blog::*;
            /// # run(async |engine| {
            /// use anyorm::prelude::*;
            /// use anyorm::observe::MetricKind;
            ///
            /// /// The format that Prometheus reads.
            /// fn prometheus(engine: &Engine) -> String {
            ///     let mut text = String::new();
            ///     for metric in engine.statistics().metrics() {
            ///         let (suffix, kind) = match metric.kind {
            ///             MetricKind::Counter => ("_total", "counter"),
            ///             MetricKind::Gauge => ("", "gauge"),
            ///         };
            ///         let name = format!("anyorm_{}{suffix}", metric.name);
            ///         text += &format!("# HELP {name} {}\n# TYPE {name} {kind}\n{name} {}\n", metric.help, metric.value);
            ///     }
            ///     text
            /// }
            ///
            /// engine.count(User::select()).await?;
            /// let text = prometheus(&engine);
            /// assert!(text.contains("\n# TYPE anyorm_writer_in_use gauge\nanyorm_writer_in_use 0\n"));
            /// assert!(text.contains("\n# TYPE anyorm_statements_total counter\n"));
            /// # Ok(()) });
            /// ```
            #[expect(clippy::vec_init_then_push, reason = "one field adds several")]
            pub fn metrics(&self) -> Vec<Metric> {
                let mut metrics = Vec::new();
                $(statistics!(@metrics $kind $name, self.$name, first_sentence(concat!($($doc),+)), metrics);)+
                metrics
            }

            /// What was counted after an earlier reading of the same engine. Gauges are as they are now.
            ///
            /// # Example
            /// ```
            /// # use orm_blog::*;
            /// # run(async |engine| {
            /// use anyorm::prelude::*;
            ///
            /// let before = engine.statistics();
            /// let names = engine.all(User::select().columns(User::NAME)).await?;
            /// let since = engine.statistics().since(&before);
            /// assert_eq!((since.statements, since.rows_read), (1, names.len() as u64));
            /// # Ok(()) });
            /// ```
            #[must_use]
            pub fn since(&self, earlier: &Self) -> Self {
                Self { $($name: statistics!(@since $kind self.$name, earlier.$name),)+ }
            }
        }
    };
    (@metrics gauge $name:ident, $value:expr, $help:expr, $out:ident) => {
        $out.push(Metric::gauge(stringify!($name), $help, $value as f64));
    };
    (@metrics counter $name:ident, $value:expr, $help:expr, $out:ident) => {
        $out.push(Metric::counter(stringify!($name), $help, $value as f64));
    };
    (@metrics seconds $name:ident, $value:expr, $help:expr, $out:ident) => {
        $out.push(Metric::counter(concat!(stringify!($name), "_seconds"), $help, $value.as_secs_f64()));
    };
    (@metrics longest $name:ident, $value:expr, $help:expr, $out:ident) => {
        $out.push(Metric::gauge(concat!(stringify!($name), "_seconds"), $help, $value.as_secs_f64()));
    };
    (@metrics reasons $name:ident, $value:expr, $help:expr, $out:ident) => {
        $out.extend($value.metrics());
    };
    (@since gauge $now:expr, $earlier:expr) => { $now };
    (@since longest $now:expr, $earlier:expr) => { $now };
    (@since counter $now:expr, $earlier:expr) => { $now.saturating_sub($earlier) };
    (@since seconds $now:expr, $earlier:expr) => { $now.saturating_sub($earlier) };
    (@since reasons $now:expr, $earlier:expr) => { $now.since(&$earlier) };
}

statistics! {
    /// What the connections of an engine are doing, and what was sent through them since it was opened. From
    /// [`Engine::statistics`](crate::Engine::statistics).
    ///
    /// *Gauges* say how it is now, and rise and fall. *Counters* only grow from the day the engine was opened, so that a
    /// metrics exporter can read them at any time and take differences; [`metrics`](Self::metrics) says which is which.
    /// Those of the pool are taken at one moment, and cost a lock; those of statements and transactions are read one after
    /// the other. A sandbox counts its statements with its engine.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    #[non_exhaustive]
    pub struct Statistics {
        /// How many connections that only read there may be. 0 where one connection does everything.
        gauge readers_size: usize,
        /// Readers that are open and free.
        gauge readers_idle: usize,
        /// Readers that somebody has.
        gauge readers_in_use: usize,
        /// Tasks that wait for a reader.
        gauge readers_waiting: usize,
        /// How many connections that write there may be: 1 for SQLite.
        gauge writer_size: usize,
        /// Writers that are open and free.
        gauge writer_idle: usize,
        /// Writers that somebody has.
        gauge writer_in_use: usize,
        /// Tasks that wait for a writer.
        gauge writer_waiting: usize,
        /// Connections that are out, and were unused for longer than the
        /// [leak threshold](crate::EngineBuilder::leak_threshold).
        gauge leaked: usize,
        /// Jobs sent to a worker thread, or left to the thread of the sockets, since the engine was opened.
        counter hops: u64,
        /// Jobs that ran inline, on the thread of their task. See [`Dispatch::Auto`](orm_core::Dispatch::Auto).
        counter inline: u64,
        /// Jobs that were begun inline and given up, because they were too long or had to wait for a lock. Each was sent to a
        /// worker thread then.
        counter inline_aborted: u64,
        /// Connections that were opened.
        counter opened: u64,
        /// Connections that were closed.
        reasons closed: Closed,
        /// Connections that could not be opened.
        counter connect_failures: u64,
        /// How often a connection was given to somebody.
        counter acquired: u64,
        /// How often somebody had to wait in line for that.
        counter waits: u64,
        /// The time that those waits took together which ended with a connection.
        seconds wait_total: Duration,
        /// The longest of those.
        longest wait_longest: Duration,
        /// Waits that took longer than the acquire timeout.
        counter wait_timeouts: u64,
        /// Waits whose future was dropped.
        counter cancelled_waits: u64,
        /// How often a connection was found to be unused for longer than the leak threshold: once for each holder.
        counter leaks: u64,
        /// Statements that were run, BEGIN, COMMIT and ROLLBACK included. One that is run for many parameter rows counts once.
        counter statements: u64,
        /// Rows that statements answered.
        counter rows_read: u64,
        /// Rows that statements inserted, changed or deleted.
        counter rows_affected: u64,
        /// Transactions that were begun by a BEGIN. A statement on its own, outside of one, is not counted.
        counter transactions_begun: u64,
        /// Of these, transactions that were committed.
        counter transactions_committed: u64,
        /// Of these, transactions that were rolled back, by whatever cause.
        counter transactions_rolled_back: u64,
        /// Statements that failed, but for those that were interrupted.
        counter errors: u64,
        /// Of these, statements that failed because somebody else had a lock.
        counter busy_errors: u64,
        /// Statements that were interrupted: nobody awaited them any more, or they were too long to run inline.
        counter interrupted: u64,
    }
}

/// Why connections were closed, as counters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Closed {
    /// They were idle for longer than [`idle_timeout`](crate::EngineBuilder::idle_timeout).
    pub idle: u64,
    /// They were open for longer than [`max_lifetime`](crate::EngineBuilder::max_lifetime).
    pub lifetime: u64,
    /// The program [discarded](crate::Connection::discard) them.
    pub discarded: u64,
    /// They could not be rolled back, or their file was gone or bad.
    pub broken: u64,
    /// The engine was closed.
    pub shut: u64,
}

impl Statistics {
    /// Connections that somebody has, or that are being cleaned. 0 when the pool is full again.
    pub fn in_use(&self) -> usize {
        self.readers_in_use + self.writer_in_use
    }

    /// Connections that are open or about to be: those opened less those closed.
    pub fn open(&self) -> u64 {
        self.opened.saturating_sub(self.closed.total())
    }
}

impl Closed {
    /// All of them.
    pub fn total(&self) -> u64 {
        self.idle + self.lifetime + self.discarded + self.broken + self.shut
    }

    fn metrics(&self) -> [Metric; 5] {
        let Self { idle, lifetime, broken, discarded, shut } = *self;
        [
            Metric::counter(
                "closed_idle",
                "Connections that were closed because they were idle",
                idle as f64,
            ),
            Metric::counter(
                "closed_lifetime",
                "Connections that were closed because of their age",
                lifetime as f64,
            ),
            Metric::counter("closed_broken", "Connections that could not be rolled back", broken as f64),
            Metric::counter("closed_discarded", "Connections that the program discarded", discarded as f64),
            Metric::counter("closed_shut", "Connections that were closed with the engine", shut as f64),
        ]
    }

    fn since(&self, earlier: &Self) -> Self {
        Self {
            idle: self.idle.saturating_sub(earlier.idle),
            lifetime: self.lifetime.saturating_sub(earlier.lifetime),
            broken: self.broken.saturating_sub(earlier.broken),
            discarded: self.discarded.saturating_sub(earlier.discarded),
            shut: self.shut.saturating_sub(earlier.shut),
        }
    }
}

/// One number of [`Statistics`].
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Metric {
    /// The name of the field; one that is a time ends in `_seconds`.
    pub name: &'static str,
    /// Whether it only grows.
    pub kind: MetricKind,
    /// What it says, in a sentence.
    pub help: &'static str,
    /// The number; of a time, its seconds.
    pub value: f64,
}

impl Metric {
    fn counter(name: &'static str, help: &'static str, value: f64) -> Self {
        Self { name, kind: MetricKind::Counter, help, value }
    }

    fn gauge(name: &'static str, help: &'static str, value: f64) -> Self {
        Self { name, kind: MetricKind::Gauge, help, value }
    }
}

/// How a number behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetricKind {
    /// It only grows, from 0 when the engine is opened.
    Counter,
    /// It goes up and down.
    Gauge,
}

/// The first sentence of a documentation comment, without the dot.
fn first_sentence(doc: &'static str) -> &'static str {
    let doc = doc.trim();
    doc.split_once(". ").map_or(doc, |(first, _)| first).trim_end_matches('.')
}
