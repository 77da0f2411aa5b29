//! Seeing what is sent: for logs, and for tests that count.

use std::fmt;

use orm_core::{Cells, ValueRef};

use crate::pool::HeldConnection;

/// Is told of every hop and every statement of an engine. Set with
/// [`EngineBuilder::observer`](crate::EngineBuilder::observer).
///
/// `hop` is called by the task that sends the job, `statement` on the worker thread, before it is run. Both should return
/// soon. A panic in `statement` ends the job like a panic of a decoder: it resumes in the task that awaits.
///
/// ```
/// use std::sync::{Arc, Mutex};
/// use anyorm::observe::{Observer, StatementEvent};
/// use anyorm::prelude::*;
///
/// #[derive(Default)]
/// struct Log(Mutex<Vec<String>>);
///
/// impl Observer for Log {
///     fn statement(&self, event: &StatementEvent<'_>) {
///         self.0.lock().unwrap().push(format!("{} {:?}", event.sql, event.parameters));
///     }
/// }
///
/// # futures_lite::future::block_on(async {
/// let log = Arc::new(Log::default());
/// let engine = Engine::builder("sqlite::memory:").observer(log.clone()).open().await?;
/// engine.scalar(sql("SELECT ?").bind(7).returning::<i64>()).await?;
/// assert_eq!(log.0.lock().unwrap().as_slice(), ["SELECT ? [[Int(7)]]"]);
/// # Ok::<_, anyorm::Error>(()) }).unwrap();
/// ```
pub trait Observer: Send + Sync {
    /// A job was sent to a worker thread.
    fn hop(&self) {}

    /// A statement is about to run, once for each of its parameter rows. BEGIN, COMMIT and ROLLBACK are statements too.
    fn statement(&self, event: &StatementEvent<'_>) {
        let _ = event;
    }

    /// Somebody has held a connection for longer than the
    /// [leak threshold](crate::EngineBuilder::leak_threshold) without using it. Told once for each holder, on a worker
    /// thread, or on the thread that asks for statistics. A panic is dropped.
    fn leaked(&self, held: &HeldConnection) {
        let _ = held;
    }
}

/// A statement that is about to run.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct StatementEvent<'a> {
    /// Its text, as it is sent.
    pub sql: &'a str,
    /// How many parameter rows it runs with. A statement without parameters runs with one row of no values.
    pub rows: u32,
    /// The values of those rows. Values that came from earlier steps are filled in.
    pub parameters: Parameters<'a>,
}

impl<'a> StatementEvent<'a> {
    pub(crate) fn new(sql: &'a str, rows: u32, parameters: Parameters<'a>) -> Self {
        Self { sql, rows, parameters }
    }
}

/// The parameter rows of a statement. `{:?}` prints them as a list of rows.
#[derive(Clone, Copy)]
pub struct Parameters<'a> {
    cells: Option<&'a Cells>,
    width: usize,
}

impl<'a> Parameters<'a> {
    pub(crate) fn none() -> Self {
        Self { cells: None, width: 0 }
    }

    pub(crate) fn new(cells: &'a Cells, width: usize) -> Self {
        Self { cells: Some(cells), width }
    }

    /// How many values one row has.
    pub fn width(&self) -> usize {
        self.width
    }

    /// All values, row after row.
    pub fn values(&self) -> impl ExactSizeIterator<Item = ValueRef<'a>> + use<'a> {
        let cells = self.cells;
        (0..cells.map_or(0, Cells::len)).map(move |at| cells.map_or(ValueRef::Null, |cells| cells.value(at)))
    }
}

impl fmt::Debug for Parameters<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let values: Vec<Shown<'_>> = self.values().map(Shown).collect();
        f.debug_list().entries(values.chunks(self.width.max(1))).finish()
    }
}

/// A value as a person reads it: text as text, although a database may send bytes that are none.
struct Shown<'a>(ValueRef<'a>);

impl fmt::Debug for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.to_value().fmt(f)
    }
}
