//! A connection inside an open transaction, for which BEGIN is SAVEPOINT and COMMIT is RELEASE.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use orm_core::program::{Discard, Failure, OnFailure, ProgramResult};
use orm_core::{Dialect, Error, POSTGRES, Program, Result, Sink, ValueRef};

use crate::driver::{Access, Answer, Connect, DriverConnection, Inline, Interrupt, JobId, Runs};
use crate::engine::bare_step;
use crate::notifications::Mailbox;
use crate::observe::Telemetry;
use crate::pool::{Lease, Pool};

/// What a transaction inside is.
const SAVEPOINT: &str = "anyorm_transaction";

/// Gives the one connection inside, once.
pub(super) struct SandboxConnector {
    outer: Mutex<Option<Lease>>,
    /// That of the outer connection.
    pool: Pool,
}

impl SandboxConnector {
    /// `outer` is inside a transaction.
    pub(super) fn new(outer: Lease) -> Self {
        let pool = outer.pool().clone();
        Self { outer: Mutex::new(Some(outer)), pool }
    }

    async fn open(&self) -> Result<Box<dyn DriverConnection>> {
        let outer = self.outer.lock().unwrap_or_else(PoisonError::into_inner).take();
        let mut outer = outer.ok_or_else(|| {
            Error::configuration(
                "the transaction of this sandbox is over, because its connection had to be discarded: begin a new \
                 sandbox",
            )
        })?;
        let (_, inner) = outer.open().await.map_err(Error::from)?;
        let interrupt = Arc::new(ReadsOnly { inner, reading: AtomicU64::new(0) });
        Ok(Box::new(SandboxConnection { outer, interrupt, open: false, settings: Vec::new() }))
    }
}

impl Connect for SandboxConnector {
    fn dialect(&self) -> &'static Dialect {
        self.pool.dialect()
    }

    fn runs(&self) -> Runs {
        self.pool.runs()
    }

    /// Hears what others send. What is sent inside is never committed, and so never told.
    fn listen(&self, channels: Arc<[String]>, mailbox: Arc<Mailbox>) -> bool {
        self.pool.listen(channels, mailbox)
    }

    fn connect(
        &self,
        _access: Access,
        _telemetry: Arc<Telemetry>,
    ) -> Answer<'_, Result<Box<dyn DriverConnection>>> {
        Box::pin(self.open())
    }

    fn may_close(&self, _access: Access) -> bool {
        false
    }
}

impl fmt::Debug for SandboxConnector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SandboxConnector").field("outer", &self.outer).finish_non_exhaustive()
    }
}

#[derive(Debug)]
struct SandboxConnection {
    outer: Lease,
    interrupt: Arc<ReadsOnly>,
    /// Whether the savepoint is open: whether there is a transaction, as those inside see it.
    open: bool,
    /// What was set for that transaction. For the database, it is one with the outer one.
    settings: Vec<Arc<str>>,
}

/// What a program does to the transaction, where it is not one of statements.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Control {
    Begin,
    Commit,
    Rollback,
}

impl SandboxConnection {
    /// A BEGIN, COMMIT or ROLLBACK that somebody sends as a statement.
    fn control_of(program: &Program) -> Option<Control> {
        let [step] = program.steps.as_slice() else { return None };
        let words: Vec<String> = step
            .shape
            .sql
            .split_whitespace()
            .take(3)
            .map(|word| word.trim_end_matches(';').to_uppercase())
            .collect();
        match words.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
            ["BEGIN", ..] | ["START", "TRANSACTION", ..] => Some(Control::Begin),
            ["COMMIT", ..] | ["END", ..] => Some(Control::Commit),
            ["ROLLBACK", "TO", ..] | ["ROLLBACK", "TRANSACTION", "TO"] => None,
            ["ROLLBACK", ..] => Some(Control::Rollback),
            _ => None,
        }
    }

    async fn run_inside(&mut self, job: JobId, program: &Program, sink: &mut dyn Sink) -> ProgramResult {
        // The program works with what this holds: that is no leak.
        self.outer.in_use(true);
        let (connection, _) = self.outer.open().await?;
        let result = connection.run(job, program, sink).await;
        self.outer.in_use(false);
        self.settings.extend(settings_of(program));
        result
    }

    /// Runs statements without parameters or rows.
    async fn statements(&mut self, job: JobId, statements: &[String]) -> Result<(), Failure> {
        let steps = statements.iter().map(|sql| bare_step(sql.as_str().into())).collect();
        let program = Program { steps, ..Program::default() };
        self.run_inside(job, &program, &mut Discard).await.map(drop)
    }

    async fn commit(&mut self, job: JobId) -> Result<(), Failure> {
        let mut statements = vec![release()];
        statements.extend(self.settings.iter().map(|name| reset(name)));
        self.statements(job, &statements).await?;
        self.settings.clear();
        self.open = false;
        Ok(())
    }

    async fn roll_back(&mut self, job: JobId) -> Result<(), Failure> {
        self.statements(job, &[roll_back_to(), release()]).await?;
        self.settings.clear();
        self.open = false;
        Ok(())
    }

    /// Whether the outer transaction is still there. The database may end it by itself: the disk is full, say.
    async fn check_outer(&mut self) -> Result<(), Failure> {
        let (connection, _) = self.outer.open().await?;
        if connection.in_transaction() {
            return Ok(());
        }
        self.open = false;
        Err(Failure::outside(Error::Ended(
            "the database rolled the transaction of this sandbox back: begin a new sandbox".into(),
        )))
    }

    async fn begin(&mut self, job: JobId) -> Result<(), Failure> {
        self.statements(job, &[format!("SAVEPOINT {SAVEPOINT}")]).await?;
        self.open = true;
        Ok(())
    }

    /// Runs a program of statements.
    async fn run_program(&mut self, job: JobId, program: &Program, sink: &mut dyn Sink) -> ProgramResult {
        // Outside of a transaction, a program that fails leaves nothing.
        let on_its_own = program.begin.is_none() && !self.open && !program.reads_only();
        let begins = program.begin.is_some() || on_its_own;
        let undone = begins || program.on_failure == OnFailure::Rollback && self.open;
        if begins {
            self.begin(job).await?;
        }
        let result = if begins || undone || program.commit {
            let mut inside = program.clone();
            (inside.begin, inside.commit) = (None, false);
            if undone {
                inside.on_failure = OnFailure::Keep;
            }
            self.run_inside(job, &inside, sink).await
        } else {
            self.run_inside(job, program, sink).await
        };
        match &result {
            Ok(_) if on_its_own || program.commit => self.commit(job).await?,
            // What cannot be rolled back shows in `in_transaction`.
            Err(_) if undone => self.roll_back(job).await.unwrap_or_default(),
            _ => {}
        }
        result
    }

    async fn run_or_control(&mut self, job: JobId, program: &Program, sink: &mut dyn Sink) -> ProgramResult {
        self.check_outer().await?;
        let answer = |()| orm_core::Outcome { affected: vec![0], generated: vec![Vec::new()] };
        match Self::control_of(program) {
            Some(Control::Begin) if !self.open => return self.begin(job).await.map(answer),
            Some(Control::Commit) if self.open => return self.commit(job).await.map(answer),
            Some(Control::Rollback) if self.open => return self.roll_back(job).await.map(answer),
            Some(_) => {
                let message = match self.open {
                    true => "a transaction is open already: commit it or roll it back first",
                    false => "no transaction is open: begin one first",
                };
                return Err(Failure::outside(Error::build(message)));
            }
            None => {}
        }
        self.interrupt.reading.store(if program.reads_only() { job.0 } else { 0 }, Ordering::Release);
        let result = self.run_program(job, program, sink).await;
        self.interrupt.reading.store(0, Ordering::Release);
        result
    }
}

impl DriverConnection for SandboxConnection {
    fn run<'a>(
        &'a mut self,
        job: JobId,
        program: &'a Program,
        sink: &'a mut dyn Sink,
    ) -> Answer<'a, ProgramResult> {
        Box::pin(self.run_or_control(job, program, sink))
    }

    fn try_inline(&mut self, program: &Program, sink: &mut dyn Sink) -> Inline {
        match self.outer.opened() {
            Some(connection) if connection.in_transaction() => connection.try_inline(program, sink),
            // `run` says why.
            _ => Inline::Never,
        }
    }

    fn in_transaction(&self) -> bool {
        self.open
    }

    fn rollback(&mut self) -> Answer<'_, Result<()>> {
        Box::pin(async {
            if !self.open || self.check_outer().await.is_err() {
                return Ok(());
            }
            self.roll_back(JobId(0)).await.map_err(Error::from)
        })
    }

    fn close(mut self: Box<Self>) -> Answer<'static, ()> {
        Box::pin(async move { self.outer.clean().await })
    }

    fn interrupter(&self) -> Arc<dyn Interrupt> {
        Arc::<ReadsOnly>::clone(&self.interrupt)
    }
}

/// Stops programs that only read. One that writes runs on: SQLite rolls the whole transaction back when it interrupts a
/// write, the outer one too.
#[derive(Debug)]
struct ReadsOnly {
    inner: Arc<dyn Interrupt>,
    /// The job that runs, if it only reads.
    reading: AtomicU64,
}

impl Interrupt for ReadsOnly {
    fn interrupt(&self, job: JobId) {
        if self.reading.load(Ordering::Acquire) == job.0 {
            self.inner.interrupt(job);
        }
    }
}

/// The names of what a program sets for its transaction.
fn settings_of(program: &Program) -> impl Iterator<Item = Arc<str>> + use<'_> {
    let along = program.settings.iter().map(|setting| Arc::clone(&setting.name));
    let alone = program.steps.iter().filter(|step| POSTGRES.set_local == Some(&*step.shape.sql));
    along.chain(alone.filter_map(|step| match program.input.value(step.cells.start as usize) {
        ValueRef::Text(name) => std::str::from_utf8(name).ok().map(Into::into),
        _ => None,
    }))
}

/// Ends a setting as the end of a transaction would.
fn reset(name: &str) -> String {
    let mut sql = "SET LOCAL ".to_owned();
    for (at, part) in name.split('.').enumerate() {
        sql.push_str(if at == 0 { "" } else { "." });
        POSTGRES.identifier(part, &mut sql);
    }
    sql + " TO DEFAULT"
}

fn release() -> String {
    format!("RELEASE {SAVEPOINT}")
}

fn roll_back_to() -> String {
    format!("ROLLBACK TO {SAVEPOINT}")
}
