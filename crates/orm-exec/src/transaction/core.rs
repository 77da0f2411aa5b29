//! What a transaction and its savepoints share: the connection, and what is to be sent before the next statement.

use std::panic::Location;
use std::sync::Arc;

use orm_core::program::{Discard, Failure, OnFailure};
use orm_core::{Begin, Dialect, Error, Outcome, Program, Result, Setting, Sink};

use crate::engine::bare_step;
use crate::pool::Lease;
use crate::stream::{Home, Opened, Returning, Source};
use crate::verbs::Runner;

#[derive(Debug)]
pub(crate) struct Core {
    /// `None` once the transaction has ended, and while a statement runs.
    lease: Option<Lease>,
    /// The connection is on its way back from a stream that was dropped.
    returning: Option<Returning>,
    dialect: &'static Dialect,
    begin: Begin,
    /// What is set with BEGIN.
    settings: Vec<Setting>,
    /// Whether BEGIN was sent.
    begun: bool,
    /// Statements about savepoints, which ride with the next one.
    pending: Vec<Arc<str>>,
    /// How many savepoints are open.
    depth: usize,
    /// Why the transaction has ended before its guard.
    ended: Arc<str>,
}

impl Core {
    pub(super) fn new(lease: Lease, begin: Begin, dialect: &'static Dialect) -> Self {
        lease.pin();
        let ended = "this transaction was rolled back, because a call on it was dropped before its end: begin a new one";
        let lease = Some(lease);
        Self {
            lease,
            returning: None,
            dialect,
            begin,
            settings: Vec::new(),
            begun: false,
            pending: Vec::new(),
            depth: 0,
            ended: ended.into(),
        }
    }

    /// Says which call the next statement is for.
    pub(super) fn called_at(&mut self, location: &'static Location<'static>) {
        if let Some(lease) = &mut self.lease {
            lease.called_at(location);
        }
    }

    /// # Errors
    /// [`Error::Ended`] if the transaction has ended.
    pub(super) fn check(&self) -> Result<()> {
        match (&self.lease, &self.returning) {
            (Some(_), _) | (_, Some(_)) => Ok(()),
            (None, None) => Err(Error::Ended(Arc::clone(&self.ended))),
        }
    }

    /// Waits for the connection, if a stream that was dropped has it still.
    async fn settle(&mut self) {
        if let Some(returning) = &mut self.returning {
            let back = returning.await;
            self.returning = None;
            if let Some((lease, failed)) = back {
                self.take_back(lease, failed.as_ref());
            }
        }
    }

    pub(crate) fn expect(&mut self, returning: Returning) {
        self.returning = Some(returning);
    }

    /// Takes the connection back from a stream. What is pending came after it.
    pub(crate) fn take_back(&mut self, lease: Lease, failed: Option<&Error>) {
        if lease.in_transaction() {
            self.lease = Some(lease);
        } else if let Some(error) = failed {
            self.ended =
                format!("the database rolled this transaction back: {error}; begin a new one").into();
        }
    }

    pub(super) async fn commit(mut self) -> Result<()> {
        self.settle().await;
        self.check()?;
        let Some(lease) = self.lease.take().filter(|_| self.begun) else { return Ok(()) };
        let program = Program {
            before: std::mem::take(&mut self.pending),
            commit: true,
            on_failure: OnFailure::Rollback,
            ..Program::default()
        };
        let output = lease.run(program, Discard).await;
        output.result.map(drop).map_err(Error::from)
    }

    pub(super) async fn rollback(mut self) -> Result<()> {
        self.settle().await;
        // A transaction that has ended is rolled back.
        let Some(lease) = self.lease.take().filter(|_| self.begun) else { return Ok(()) };
        let program = Program { steps: vec![bare_step("ROLLBACK".into())], ..Program::default() };
        let output = lease.run(program, Discard).await;
        output.result.map(drop).map_err(Error::from)
    }

    /// Sets something for the rest of the transaction, or with its BEGIN if that was not sent yet.
    pub(super) async fn set_local(&mut self, setting: Setting) -> Result<()> {
        setting.verify(self.dialect)?;
        self.settle().await;
        self.check()?;
        if !self.begun && self.depth == 0 {
            self.settings.push(setting);
            return Ok(());
        }
        let program = setting.program(self.dialect)?;
        self.run_program(program, false, Discard).await?;
        Ok(())
    }

    /// Opens a savepoint. Answers its depth, which is its name.
    pub(super) fn open_savepoint(&mut self) -> Result<usize> {
        self.check()?;
        self.depth += 1;
        self.pending.push(opening(self.depth));
        Ok(self.depth)
    }

    /// Closes the innermost savepoint, undoing what was done since it was opened, or keeping it.
    pub(super) fn close_savepoint(&mut self, depth: usize, keep: bool) {
        self.depth = depth - 1;
        let opening = opening(depth);
        if let Some(at) = self.pending.iter().position(|pending| *pending == opening) {
            // It was never sent, so nothing happened inside.
            self.pending.truncate(at);
            return;
        }
        if !keep {
            self.pending.push(format!("ROLLBACK TO anyorm_{depth}").into());
        }
        self.pending.push(format!("RELEASE anyorm_{depth}").into());
    }

    /// Takes note of how a statement failed: what of the program had happened before.
    fn failed(&mut self, lease: Lease, failure: &Failure, began: bool) {
        if began {
            // The program rolled its own BEGIN back: all is as before, and rides with the next statement.
            self.lease = Some(lease);
            return;
        }
        if !lease.in_transaction() {
            self.ended =
                format!("the database rolled this transaction back: {}; begin a new one", failure.error)
                    .into();
            return;
        }
        // Savepoints go before the first step: where a step failed, all of them had been sent.
        if failure.step.is_none() && !self.pending.is_empty() {
            // Some of them, perhaps. The connection is rolled back on its way home.
            self.ended =
                format!("a savepoint of this transaction failed: {}; begin a new one", failure.error).into();
            return;
        }
        self.pending.clear();
        self.lease = Some(lease);
    }
}

#[cold]
fn refused(sql: &str) -> Error {
    Error::build(format!(
        "this transaction only reads, and this may write: begin one without `read_only()` for it\n  in: {sql}"
    ))
}

fn opening(depth: usize) -> Arc<str> {
    format!("SAVEPOINT anyorm_{depth}").into()
}

impl<'a> Source<'a> for &'a mut Core {
    async fn open(self) -> Result<Opened<'a>> {
        self.settle().await;
        if !self.begun || !self.pending.is_empty() {
            // On their own, so that a stream which is dropped half way leaves no doubt about them.
            (&mut *self).run_program(Program::default(), false, Discard).await?;
        }
        self.check()?;
        match self.lease.take() {
            Some(lease) => Ok(Opened { lease, home: Home::Transaction(self) }),
            None => Err(Error::Ended(Arc::clone(&self.ended))),
        }
    }
}

impl Runner for &mut Core {
    fn dialect(&self) -> &'static Dialect {
        self.dialect
    }

    async fn run_reads<S: Sink + 'static>(self, program: Program, sink: S) -> Result<(Outcome, S), Failure> {
        self.run_program(program, false, sink).await
    }

    async fn run_program<S: Sink + 'static>(
        self,
        mut program: Program,
        whole: bool,
        sink: S,
    ) -> Result<(Outcome, S), Failure> {
        self.settle().await;
        self.check().map_err(Failure::outside)?;
        if self.begin.is_read_only()
            && let Some(step) = program.steps.iter().find(|step| !step.shape.reads_only)
        {
            return Err(Failure::outside(refused(&step.shape.sql)));
        }
        // Checked here, so that a failure of a later step means that what was pending was sent.
        program.verify(self.dialect)?;
        program.before = self.pending.clone();
        if whole {
            program = program.guarded();
        }
        let began = !self.begun;
        if began {
            program.begin = Some(self.begin.sql(self.dialect));
            program.settings.clone_from(&self.settings);
        }

        // From here to its end, dropping this call ends the transaction: the connection is in the job.
        let Some(lease) = self.lease.take() else {
            return Err(Failure::outside(Error::Ended(Arc::clone(&self.ended))));
        };
        let output = lease.run(program, sink).await;
        match output.result {
            Ok(answer) => {
                self.pending.clear();
                self.begun = true;
                if output.lease.in_transaction() {
                    self.lease = Some(output.lease);
                } else {
                    self.ended =
                        "this transaction was ended by a statement of its own: end it with `commit()` or \
                                  `rollback()` instead, and begin a new one"
                            .into();
                }
                Ok(answer)
            }
            Err(failure) => {
                self.failed(output.lease, &failure, began);
                Err(failure)
            }
        }
    }
}
