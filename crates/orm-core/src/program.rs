//! What a driver runs in one hop: several statements, where later parameters may come from earlier results.
//!
//! ```text
//! BEGIN
//! step 0   INSERT INTO users ..   2 rows          answers 2 generated keys
//! step 1   INSERT INTO posts ..   1 row           author_id = From { step: 0, column: 0, row: 1 }
//! COMMIT
//! ```

mod levels;
mod list;

use std::ops::Range;
use std::sync::Arc;
use std::task::{Context, Poll};

use crate::cells::Cells;
use crate::dialect::Dialect;
use crate::dispatch::Dispatch;
use crate::outline::Outline;
use crate::row::{ColumnError, Row};
use crate::setting::Setting;

/// The text of a statement and what it takes and answers. Shared by all steps and rows that differ in values only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatementShape {
    /// The SQL, with the placeholders of the dialect.
    pub sql: Arc<str>,
    /// Cells per parameter row. A [`Cell::List`](crate::Cell::List) counts as one.
    pub parameters: u16,
    /// What comes back.
    pub returns: Returns,
    /// Whether the statement changes nothing, so that a reader may run it.
    pub reads_only: bool,
    /// Whether the statement is a read that is known to be cheap, as far as can be told without the data: by key or unique
    /// value, or of few rows, and without functions. It may run inline then: see [`Dispatch::Auto`].
    pub cheap: bool,
    /// Where a list of unknown length stands: its elements' placeholders are written at this byte of `sql`,
    /// between parentheses that are already there, by [`with_list`](Self::with_list). A shape with a list takes one
    /// parameter row only.
    pub list: Option<ListAt>,
    /// What the statement writes, where the dialect has other forms of it: see [`outline`](crate::outline). `None` for reads,
    /// and for statements that come from elsewhere or have expressions among their values.
    pub outline: Option<Arc<Outline>>,
}

/// Where the list of a shape stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListAt {
    /// The byte of the SQL where the elements go.
    pub byte: u32,
    /// The position of the list among the parameters, from 0.
    pub parameter: u16,
    /// Columns per element. An element of more than one is written as a row: `(?, ?)`.
    pub width: u16,
}

/// What a step answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Returns {
    /// The number of affected rows only.
    Count,
    /// The key that the database gave to each inserted row: one integer per parameter row.
    GeneratedKey,
    /// Rows, which go to the [`Sink`].
    Rows,
    /// Text, of which the [`Sink`] is given some whole lines at a time, as rows of one value. For dialects that
    /// [copy](crate::Dialect::copies).
    Copied,
}

/// What must be true of a step's count, or the program fails and is rolled back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expect {
    /// Any number of rows.
    Any,
    /// Each parameter row affects exactly one row. Anything else is stale data.
    OnePerRow,
}

/// One statement of a program, run once per parameter row, or as a statement that comes to the same
/// ([`outline`](crate::outline)).
#[derive(Clone, Debug)]
pub struct Step {
    /// The statement.
    pub shape: Arc<StatementShape>,
    /// How many parameter rows. A statement without parameters has one row of no cells.
    pub rows: u32,
    /// The parameter rows, one after the other, in [`Program::input`].
    pub cells: Range<u32>,
    /// The check on the affected rows.
    pub expect: Expect,
    /// Steps that must have run before, beyond those that the cells refer to.
    pub after: Vec<u16>,
    /// Where the step comes from: an index that means something to whoever built the program.
    pub origin: u32,
}

/// A list of steps with their parameters, moved to the driver as one value.
#[derive(Clone, Debug, Default)]
pub struct Program {
    /// The statements, in an order that is right for a database that runs one at a time.
    pub steps: Vec<Step>,
    /// The parameters of all steps.
    pub input: Cells,
    /// The statement that opens a transaction before the first step, if any.
    pub begin: Option<Arc<str>>,
    /// What is set for that transaction, right after it was opened.
    pub settings: Vec<Setting>,
    /// Statements about savepoints that go between BEGIN and the first step: what was decided since the last program.
    pub before: Vec<Arc<str>>,
    /// Whether COMMIT follows the last step.
    pub commit: bool,
    /// What becomes of a transaction that was open before the program, should the program fail. A transaction that
    /// the program itself began is always rolled back.
    pub on_failure: OnFailure,
    /// Where it runs, if not as the engine says.
    pub dispatch: Option<Dispatch>,
}

/// What a program that fails leaves of the transaction it ran in. It happens in the same hop as the failure.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum OnFailure {
    /// The steps before the failing one stay, as far as the database keeps them.
    #[default]
    Keep,
    /// The whole transaction is rolled back.
    Rollback,
    /// Everything since this savepoint is undone. The savepoint itself stays, and so does the transaction.
    RollbackTo(Arc<str>),
}

impl Program {
    /// A program of one statement.
    pub fn single(shape: Arc<StatementShape>, input: Cells) -> Self {
        let mut program = Self { input, ..Self::default() };
        program.add_from(0, shape);
        program
    }

    /// The number of the step that is added next.
    ///
    /// # Errors
    /// If there are more steps than numbers.
    pub fn next_step(&self) -> crate::Result<u16> {
        u16::try_from(self.steps.len()).map_err(|_| {
            crate::Error::build("more than 65,536 statements are too many for one trip: send them in several")
        })
    }

    /// Adds a step with one parameter row, which `fill` writes.
    pub fn add(&mut self, shape: Arc<StatementShape>, fill: impl FnOnce(&mut Cells)) {
        let start = self.input.len() as u32;
        fill(&mut self.input);
        self.add_from(start, shape);
    }

    /// Adds a step whose one parameter row is the input from `start` on.
    fn add_from(&mut self, start: u32, shape: Arc<StatementShape>) {
        let (cells, origin) = (start..self.input.len() as u32, self.steps.len() as u32);
        self.steps.push(Step { shape, rows: 1, cells, expect: Expect::Any, after: Vec::new(), origin });
    }

    /// Whether no step changes anything, so that a reader may run the program.
    pub fn reads_only(&self) -> bool {
        self.steps.iter().all(|step| step.shape.reads_only)
    }

    /// Whether the program has few steps and values.
    pub fn is_small(&self) -> bool {
        // Reading the text of a statement takes its time for each value, and nothing stops that half way; and each step may
        // take as long as the guard lets it.
        const MOST_VALUES: usize = 256;
        const MOST_STEPS: usize = 16;
        self.steps.len() <= MOST_STEPS && self.input.len() <= MOST_VALUES
    }

    /// Whether the program is nothing but a few reads that are known to be cheap. What it leaves of a transaction is the
    /// transaction, whether it fails or not.
    pub fn is_cheap(&self) -> bool {
        let bare = self.begin.is_none() && self.before.is_empty() && !self.commit;
        bare && self.on_failure == OnFailure::Keep
            && !self.steps.is_empty()
            && self.is_small()
            && self.steps.iter().all(|step| step.shape.cheap)
    }
}

/// Takes the rows of a program as the driver reads them, on the driver's thread: this is where rows become the
/// caller's types, so that no row crosses a thread on its own.
pub trait Sink: Send {
    /// One row that step `step` answers.
    ///
    /// # Errors
    /// A value that does not fit. The driver stops and adds the SQL.
    fn row(&mut self, step: u16, row: &Row<'_>) -> Result<(), ColumnError>;

    /// Whether it takes another row now. A driver that waits for sockets asks before each row, and is woken by `cx` once it
    /// does; one that blocks does not ask: there a sink that has no room waits in [`row`](Self::row).
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let _ = cx;
        Poll::Ready(())
    }

    /// The program begins, perhaps again: the rows so far are forgotten. Answers whether they could be. A sink that hands
    /// its rows on cannot forget them; its programs are never begun inline, where they may be given up half way.
    fn restart(&mut self) -> bool {
        false
    }
}

/// A sink for programs whose rows nobody wants.
#[derive(Clone, Copy, Debug, Default)]
pub struct Discard;

impl Sink for Discard {
    fn row(&mut self, _step: u16, _row: &Row<'_>) -> Result<(), ColumnError> {
        Ok(())
    }

    fn restart(&mut self) -> bool {
        true
    }
}

/// What a program that ran to its end answers, besides the rows that went to the sink: nothing for one that only reads.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Outcome {
    /// Affected rows per step, summed over its parameter rows. 0 for a step that answers rows.
    pub affected: Vec<u64>,
    /// Generated keys per step, one per parameter row; empty for a step that does not answer
    /// [`Returns::GeneratedKey`].
    pub generated: Vec<Vec<i64>>,
}

/// Where a program failed. By then the driver has rolled back a transaction that the program began, and done what
/// [`Program::on_failure`] says about one that was open before.
#[derive(Clone, Debug)]
pub struct Failure {
    /// Which rule was broken.
    pub kind: FailureKind,
    /// The step, or `None` for BEGIN, COMMIT and the connection itself.
    pub step: Option<u16>,
    /// The parameter row of that step, from 0.
    pub row: u32,
    /// What went wrong. The entity and its key are for the program's author to add.
    pub error: crate::Error,
}

/// Which rule a failed program broke.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureKind {
    /// The database or the driver refused something: see the error.
    Error,
    /// [`Expect::OnePerRow`] was not met: this many rows were affected. The error is a
    /// [`RowCount`](crate::Error::RowCount) with the SQL; whoever knows the entity makes
    /// [`StaleData`](crate::Error::StaleData) of it.
    RowCount {
        /// How many rows all parameter rows of the step affected together.
        matched: u64,
    },
}

impl Failure {
    /// A failure outside the steps: at BEGIN, at COMMIT, or of the connection itself.
    pub fn outside(error: crate::Error) -> Self {
        Self { kind: FailureKind::Error, step: None, row: 0, error }
    }

    /// A failure of one parameter row of a step.
    pub fn at(step: usize, row: u32, error: crate::Error) -> Self {
        Self { kind: FailureKind::Error, step: Some(step as u16), row, error }
    }
}

/// The result of running a program.
pub type ProgramResult = Result<Outcome, Failure>;

impl From<Failure> for crate::Error {
    fn from(failure: Failure) -> Self {
        failure.error
    }
}

impl Program {
    /// Refuses values that the database does not take, before anything is sent.
    ///
    /// # Errors
    /// An [`Error::Value`](crate::Error::Value) that names the parameter and the SQL, with the failing step and row.
    pub fn verify(&self, dialect: &Dialect) -> Result<(), Failure> {
        let refused = |cell, reason: &str| self.refusal(cell, reason).map_or(Ok(()), Err);
        self.settings.iter().try_for_each(|setting| setting.verify(dialect)).map_err(Failure::outside)?;
        if let Some(fault) = self.input.fault() {
            refused(fault.cell, &fault.reason)?;
        }
        match self.input.untaken(dialect) {
            Some((cell, reason)) => refused(cell, &reason),
            None => Ok(()),
        }
    }

    /// The failure of the step that a cell belongs to.
    fn refusal(&self, cell: usize, reason: &str) -> Option<Failure> {
        let at = self.steps.iter().position(|step| step.cells.contains(&(cell as u32)))?;
        let step = &self.steps[at];
        let (offset, width) = (cell - step.cells.start as usize, usize::from(step.shape.parameters.max(1)));
        let error = crate::Error::value(offset % width, reason, &step.shape.sql);
        Some(Failure::at(at, (offset / width) as u32, error))
    }
}
