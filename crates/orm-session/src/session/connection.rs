//! The session's connection: none between calls, one that stays while a transaction is open.

use std::panic::Location;
use std::sync::Arc;

use orm_core::program::{Failure, Program};
use orm_core::{Begin, Error, Outcome, Result, Sink};
use orm_exec::{Access, Job, Lease};

use super::flush::{InFlight, left_by};
use super::{Session, Status};
use crate::arena::Adopt;

/// Where the session stands between `begin` and `commit`.
pub(super) enum Scope {
    /// No transaction.
    None,
    /// `begin` was called; BEGIN rides with the first statement.
    Begun,
    /// A transaction is open on a connection that stays with the session.
    Open(Open),
}

/// An open transaction.
pub(super) struct Open {
    /// `None` while a job has it, or after a panic took it.
    pub(super) lease: Option<Lease>,
    /// Whether something was written: rows that are read from then on may be uncommitted.
    pub(super) wrote: bool,
}

impl Session {
    /// The undo layer that notes what the transaction reads, if that may be uncommitted.
    pub(super) fn uncommitted(&self) -> Option<usize> {
        match &self.scope {
            Scope::Open(open) if open.wrote => Some(self.nesting.depth()),
            _ => None,
        }
    }

    /// How rows are taken in that overwrite nothing.
    pub(super) fn as_read(&self) -> Adopt {
        Adopt { uncommitted: self.uncommitted(), over: false }
    }

    /// Runs a program that leaves entities alone: in the open transaction if there is one, otherwise on a connection of
    /// its own. A program that writes opens a transaction.
    pub(super) async fn run<S: Sink + Unpin + 'static>(
        &mut self,
        program: Program,
        sink: S,
        location: &'static Location<'static>,
    ) -> Result<(Outcome, S), Failure> {
        self.look_for_repeats(&program, location);
        self.run_chunk(program, sink, location).await
    }

    /// As [`run`](Self::run), for one of several chunks that are read on purpose: nobody is told that it is repeated.
    pub(super) async fn run_chunk<S: Sink + Unpin + 'static>(
        &mut self,
        mut program: Program,
        sink: S,
        location: &'static Location<'static>,
    ) -> Result<(Outcome, S), Failure> {
        let writes = !program.reads_only();
        if writes && self.begin.is_read_only() {
            let sql = program.steps.iter().find(|step| !step.shape.reads_only).map(|step| &*step.shape.sql);
            let what = format!("this may write:\n  {}\n", sql.unwrap_or_default());
            return Err(Failure::outside(self.only_reads(&what)));
        }
        if matches!(self.scope, Scope::None) && !writes {
            self.put_into_transaction(&mut program);
            let result = self.engine.run(program, sink, location).await;
            self.last_failure = result.as_ref().err().map(|failure| failure.error.clone());
            return result;
        }
        self.run_pinned(program, sink, writes, location).await
    }

    /// Puts reads into a transaction of their own where they need one: to be of one state, or for what is set for all
    /// transactions of the session.
    fn put_into_transaction(&self, program: &mut Program) {
        let (dialect, settings) = (self.engine.dialect(), &self.options().settings);
        if program.begin.is_none() {
            let loads = dialect.begin_loads.filter(|_| program.steps.len() > 1).map(Into::into);
            program.begin = loads.or_else(|| (!settings.is_empty()).then(|| Begin::new().sql(dialect)));
            program.commit = program.begin.is_some();
        }
        program.settings.clone_from(settings);
    }

    /// Runs a program in the open transaction, which it opens if need be. `writes` says whether what is read from then
    /// on may be uncommitted.
    pub(super) async fn run_pinned<S: Sink + Unpin + 'static>(
        &mut self,
        mut program: Program,
        sink: S,
        writes: bool,
        location: &'static Location<'static>,
    ) -> Result<(Outcome, S), Failure> {
        let lease = self.pinned(&mut program, location).await?;
        // What the program asks for itself goes last: a savepoint of its own.
        program.before.splice(0..0, self.nesting.statements());
        self.nesting.sent();
        // Stopped half way, these would leave a savepoint of which nobody knows, or a write half done.
        let may_be_stopped = program.before.is_empty() && program.reads_only();
        let job = Some(lease.run(program, sink));
        let mut job = Borrowed { parking: &mut self.in_flight, job, writes, may_be_stopped };
        let output = job.finish().await;
        drop(job);
        let error = output.result.as_ref().err().map(|failure| failure.error.clone());
        self.last_failure.clone_from(&error);
        self.take_back(output.lease, writes && error.is_none(), error);
        output.result
    }

    /// The connection of the transaction. Where it has yet to be opened, BEGIN is put before the program.
    pub(super) async fn pinned(
        &mut self,
        program: &mut Program,
        location: &'static Location<'static>,
    ) -> Result<Lease, Failure> {
        if let Scope::Open(open) = &mut self.scope
            && let Some(mut lease) = open.lease.take()
        {
            lease.called_at(location);
            return Ok(lease);
        }
        let lease = self.engine.lease(Access::of(self.begin), location).await.map_err(Failure::outside)?;
        program.begin = Some(self.begin.sql(self.engine.dialect()));
        program.settings = [&*self.options().settings, &*self.settings].concat();
        Ok(lease)
    }

    /// A write in a session, or a transaction, that only reads.
    #[cold]
    pub(super) fn only_reads(&self, what: &str) -> Error {
        let (holder, advice) = match self.options().begin.is_read_only() {
            true => ("session", "use one that is not `read_only()` for it"),
            false => ("session's transaction", "end it, and begin one without `read_only()` for it"),
        };
        Error::build(format!("this {holder} only reads, and {what}{advice}"))
    }

    /// The database ended the transaction by itself. What it had flushed is gone, so the session must be inactive.
    pub(super) fn lose_transaction(&mut self) {
        let mut nesting = std::mem::take(&mut self.nesting);
        nesting.lose();
        self.end_scope();
        self.nesting = nesting;
    }

    /// Takes a connection back from a job. A transaction that has ended by itself leaves the session inactive, quoting
    /// the error that came with it.
    pub(super) fn take_back(&mut self, lease: Lease, wrote: bool, error: Option<Error>) {
        if lease.in_transaction() {
            lease.pin();
            let wrote = wrote || matches!(&self.scope, Scope::Open(open) if open.wrote);
            self.scope = Scope::Open(Open { lease: Some(lease), wrote });
        } else if let Scope::Open(_) = self.scope {
            self.lose_transaction();
            let first = error.unwrap_or_else(|| {
                Error::Ended(
                    "a statement ended the session's transaction: leave that to `commit` and `rollback`"
                        .into(),
                )
            });
            self.status = Status::Inactive(Arc::new(first));
        } else {
            // BEGIN failed, or the job never ran: what is to be sent before the first statement still is.
            self.nesting.restart();
        }
    }
}

/// A job in the session's transaction. If the future that awaits it is dropped, the job stays with the session, which
/// takes the connection back in its next call: the transaction does not end by a dropped read, which is stopped.
struct Borrowed<'s, S: Sink + Unpin + 'static> {
    parking: &'s mut Option<InFlight>,
    job: Option<Job<S>>,
    writes: bool,
    may_be_stopped: bool,
}

impl<S: Sink + Unpin + 'static> Borrowed<'_, S> {
    async fn finish(&mut self) -> orm_exec::JobOutput<S> {
        let job = self.job.as_mut().expect("a job is awaited once");
        let output = job.await;
        self.job = None;
        output
    }
}

impl<S: Sink + Unpin + 'static> Drop for Borrowed<'_, S> {
    fn drop(&mut self) {
        // After a panic of the job there is nothing left to await.
        if let Some(mut job) = self.job.take().filter(|_| !std::thread::panicking()) {
            if self.may_be_stopped {
                job.stop();
            }
            *self.parking = Some(InFlight::Statement(left_by(job, self.writes)));
        }
    }
}
