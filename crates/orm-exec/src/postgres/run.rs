//! A program in as few round trips as its keys and checks allow.
//!
//! ```text
//! trip 0   nextval for all new rows of all tables               only where steps refer to keys, or insert many rows
//!          which tables take rows by COPY                       only where steps insert very many rows
//! trip 1   BEGIN  step  step  step  COMMIT                      answers are read in this order, to the last one
//! trip 2   ..                                                   for steps that need an answer of the trip before
//! ```
//!
//! COMMIT travels with the last steps only if the server itself checks every row that must be there: it would commit an
//! UPDATE that matched nothing. Where a step has no such form, COMMIT goes in a trip of its own, once the counts are known.
//!
//! Inside a transaction that was open before, and whose work is to stay if the program fails, a savepoint goes before the
//! program, in the same trip: the server refuses all further statements after one that failed. It is released with the next
//! program, for this one may fail when all is answered: at a value that does not fit, say.

mod copy;
mod copy_out;
mod keys;
mod steps;
mod trip;

use std::future::{Future, poll_fn};
use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;

use bytes::BytesMut;
use orm_core::error::RowCountError;
use orm_core::outline::parse_guard;
use orm_core::program::{Expect, Failure, FailureKind, OnFailure, ProgramResult, Returns, Step};
use orm_core::value::wire::Array;
use orm_core::{Error, Outcome, POSTGRES, Program, Row, Sink, ValueRef, WireType};
use tokio_postgres::Statement;
use tokio_postgres::types::Type;

use super::error::{is_disconnected, is_ended_by_server};
use super::find_row::{copied_row, failed_row};
use super::link::Link;
use super::request::{Next, Request};
use super::row::PostgresRow;
use crate::answers::Answers;
use crate::observe::{Rows, is_commit};
use steps::ends_or_forbids_savepoints;
use trip::{Kind, Sent, Trip};

/// The savepoint around a program whose failure must leave the transaction as it was.
pub(super) const STEP: &str = "anyorm_step";

/// When so many rows came that nobody wants, because something has failed, the server is asked for no more of them. Fewer are
/// read sooner than that is said.
const MANY: usize = 10_000;

/// How far a program came.
#[derive(Debug, Default)]
pub(super) struct Progress {
    /// BEGIN was sent.
    pub(super) begun: bool,
    /// The savepoint of the driver was sent.
    pub(super) savepoint: bool,
    /// COMMIT is under way: if the connection is lost now, nobody knows the outcome.
    pub(super) committing: bool,
    committed: bool,
    /// The server said that it ends the connection.
    ended_by_server: bool,
}

pub(super) struct Run<'a> {
    link: &'a mut Link,
    program: &'a Program,
    sink: &'a mut dyn Sink,
    progress: &'a mut Progress,
    answers: Answers,
    outcome: Outcome,
    /// The keys that were made beforehand, by step.
    keys: Vec<Vec<i64>>,
    /// The statements by which the rows of steps are copied.
    copies: Vec<Option<Arc<str>>>,
    open_before: bool,
    reads_only: bool,
    /// What goes before the first step was sent.
    opened: bool,
    buffer: BytesMut,
}

impl<'a> Run<'a> {
    pub(super) fn new(
        link: &'a mut Link,
        program: &'a Program,
        sink: &'a mut dyn Sink,
        progress: &'a mut Progress,
    ) -> Self {
        let steps = program.steps.len();
        let reads_only = program.reads_only();
        let counted = if reads_only { 0 } else { steps };
        let outcome = Outcome { affected: vec![0; counted], generated: vec![Vec::new(); counted] };
        let (answers, open_before) = (Answers::new(program), link.in_transaction());
        link.savepoint &= open_before;
        let keys = vec![Vec::new(); steps];
        let (copies, opened, buffer) = (vec![None; steps], false, BytesMut::new());
        Self {
            link,
            program,
            sink,
            progress,
            answers,
            outcome,
            keys,
            copies,
            open_before,
            reads_only,
            opened,
            buffer,
        }
    }

    pub(super) async fn run(mut self) -> ProgramResult {
        let verified = self.program.verify(&POSTGRES).and_then(|()| self.check());
        if let Err(refused) = verified {
            // Also before a program that is refused: what follows a failure may name these savepoints.
            let mut trip = self.opening();
            if !trip.sent.is_empty() {
                self.send(&mut trip).await?;
            }
            return Err(refused);
        }
        self.prepare().await?;
        let segments = self.segments();
        let last = segments.len() - 1;
        for (at, segment) in segments.into_iter().enumerate() {
            let mut trip = self.opening();
            if let Err(refused) = self.add_steps(segment.clone(), &mut trip).await {
                let mut controls = self.opening();
                self.send(&mut controls).await?;
                return Err(refused);
            }
            if at == last {
                self.add_closing(segment, &mut trip);
            }
            self.send(&mut trip).await?;
            self.opened = true;
        }
        if self.program.commit && !self.progress.committed {
            let mut trip = Trip::default();
            self.add_control("COMMIT".into(), Kind::Commit, &mut trip);
            self.send(&mut trip).await?;
        }
        Ok(self.outcome)
    }

    /// Refuses a step whose cells do not fit its shape.
    fn check(&self) -> Result<(), Failure> {
        for (at, step) in self.program.steps.iter().enumerate() {
            let (cells, rows, width) =
                (step.cells.len(), step.rows as usize, usize::from(step.shape.parameters));
            if cells != width * rows || step.cells.end as usize > self.program.input.len() {
                let reason = format!("{rows} rows of {width} parameters, but {cells} values");
                return Err(self.refused(at, 0, &reason));
            }
            if step.shape.sql.as_bytes().contains(&0) {
                return Err(self.refused(at, 0, "the SQL has a NUL character"));
            }
        }
        Ok(())
    }

    // Trips.

    /// The steps of each trip. There is at least one trip.
    fn segments(&self) -> Vec<Range<usize>> {
        let program = self.program;
        let levels = program.levels_with(|step| !self.keys[step].is_empty());
        // Outside of a transaction each statement is one: what follows a failed one must not run.
        let one_by_one =
            !self.open_before && program.begin.is_none() && program.steps.len() > 1 && !self.reads_only;
        let mut segments = Vec::new();
        let mut start = 0;
        for at in 1..levels.len() {
            if one_by_one || levels[at] != levels[at - 1] {
                segments.push(start..at);
                start = at;
            }
        }
        segments.push(start..levels.len());
        segments
    }

    async fn add_steps(&mut self, steps: Range<usize>, trip: &mut Trip) -> Result<(), Failure> {
        for step in steps {
            self.link.turn.step().await;
            self.add_step(step, trip)?;
        }
        Ok(())
    }

    /// What goes before the first step, if it was not sent yet.
    fn opening(&mut self) -> Trip {
        let mut trip = Trip::default();
        if self.opened {
            return trip;
        }
        if self.open_before && self.link.savepoint && !self.link.has_failed() {
            self.add_hidden(format!("RELEASE {STEP}").into(), Kind::Release, None, &mut trip);
        }
        if let Some(begin) = &self.program.begin {
            self.add_control(Arc::clone(begin), Kind::Control, &mut trip);
        }
        self.add_settings(&mut trip);
        for sql in &self.program.before {
            self.add_control(Arc::clone(sql), Kind::Control, &mut trip);
        }
        if self.wants_savepoint() {
            self.add_hidden(format!("SAVEPOINT {STEP}").into(), Kind::Savepoint, None, &mut trip);
        }
        trip
    }

    /// Whether a failure of the program must leave the transaction as it was before.
    fn wants_savepoint(&self) -> bool {
        let program = self.program;
        self.open_before
            && program.begin.is_none()
            && !program.commit
            && program.on_failure == OnFailure::Keep
            && !program.steps.is_empty()
            && !self.link.has_failed()
            && !program.steps.iter().any(|step| ends_or_forbids_savepoints(&step.shape.sql))
    }

    /// What goes behind the last step.
    fn add_closing(&mut self, steps: Range<usize>, trip: &mut Trip) {
        let checked_here = |sent: &Sent| {
            sent.kind != Kind::Guard
                && steps.contains(&sent.step)
                && self.program.steps[sent.step].expect == Expect::OnePerRow
                && !sent.kind.is_control()
        };
        if self.program.commit && !trip.sent.iter().any(checked_here) {
            self.add_control("COMMIT".into(), Kind::Commit, trip);
        }
    }

    /// Sends all statements of a trip, and reads all answers. What fails first is the failure; nothing counts as done before
    /// the last answer was read.
    async fn send(&mut self, trip: &mut Trip) -> Result<(), Failure> {
        let Trip { sent, requests, groups, prepare } = trip;
        let telemetry = Arc::clone(&self.link.telemetry);
        let mut told: Vec<_> = groups.iter().map(|group| Some(group.begin(&telemetry))).collect();
        for sent in sent.iter() {
            self.progress.begun |= sent.kind == Kind::Control && self.program.begin.is_some();
            self.progress.savepoint |= sent.kind == Kind::Savepoint;
            self.progress.committing |= self.commits(sent);
        }
        // To be cancelled in there would cost the whole transaction.
        let last_savepoint = sent.iter().rposition(|sent| sent.kind.is_savepoint());
        self.link.cancel.hold(last_savepoint.is_some());
        let mut counts = vec![Rows::default(); groups.len()];
        let sent_before = self.link.wire.asked();
        let (queued, preparing) = self.send_all(requests, prepare).await;
        let mut failed: Option<Failure> = None;
        // The first one that had no answer, because the connection was lost.
        let mut lost = None;
        for at in 0..queued {
            let result = self.read(&mut requests[..queued], at, &mut sent[at], failed.is_none()).await;
            if let Some(group) = sent[at].group {
                let counted = &mut counts[group];
                counted.read += sent[at].counted.read;
                counted.affected += sent[at].counted.affected;
                let is_last = sent.get(at + 1).is_none_or(|next| next.group != Some(group));
                if is_last || result.is_err() {
                    let ended = result.as_ref().map(|()| *counted).map_err(|failure| &failure.error);
                    told[group].take().into_iter().for_each(|told| told.end(ended));
                }
            }
            if sent[at].kind.is_savepoint() {
                self.link.cancel.hold(last_savepoint > Some(at));
                self.link.savepoint = sent[at].kind == Kind::Savepoint && result.is_ok();
            }
            match result {
                Ok(()) if self.is_commit(&sent[at]) => {
                    self.progress.committed |= sent[at].kind == Kind::Commit;
                    // Nothing is behind it that the server would say so of.
                    if failed.is_none() && self.link.wire.last_tag().as_str() == "ROLLBACK" {
                        failed = Some(Failure::outside(self.not_committed()));
                    }
                }
                Ok(()) => {}
                Err(failure) if self.does_without(&sent[at], &failure) => {}
                Err(failure) => {
                    if failed.is_none() && is_disconnected(&failure.error) {
                        lost = Some(at);
                    }
                    failed.get_or_insert(failure);
                }
            }
        }
        // What is behind a statement that failed is refused, COMMIT included.
        self.progress.committing = lost.is_some_and(|lost| {
            let asked = self.link.wire.asked() - sent_before;
            self.may_have_committed(sent, lost, asked as usize)
        });
        let refused = self.keep_prepared(preparing).await;
        if failed.is_none() && self.link.has_failed() {
            // The transaction with it.
            failed = refused.map(Failure::outside);
        }
        failed.map_or(Ok(()), Err)
    }

    /// Whether something may have been committed of a trip whose connection was lost, when `lost` was the first statement
    /// without an answer, and `asked` of them had been sent.
    fn may_have_committed(&self, sent: &[Sent], lost: usize, asked: usize) -> bool {
        let Some(commit) = (lost..sent.len()).find(|&at| self.commits(&sent[at])) else { return false };
        // A server that says why it ends the connection has read nothing behind the statement that it says it of.
        let was_read = !self.progress.ended_by_server || commit == lost;
        // What did not even leave this process was not committed.
        was_read && commit < asked
    }

    /// Waits for the statements that are prepared for the next time. Answers why one could not be, if so.
    async fn keep_prepared(&mut self, mut preparing: Vec<(Arc<str>, Preparing)>) -> Option<Error> {
        let mut refused = None;
        // All at once: one may ask what a type is, and its answer is behind those of the others.
        poll_fn(|cx| {
            preparing.retain_mut(|(sql, statement)| {
                match statement.as_mut().poll(cx) {
                    Poll::Pending => return true,
                    Poll::Ready(Ok(statement)) => self.link.statements.keep(sql, statement),
                    Poll::Ready(Err(error)) => refused = Some(self.link.error(&error, sql)),
                }
                false
            });
            if preparing.is_empty() { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
        refused
    }

    /// Answers how many requests were sent, one that could not be included: what is behind that must not happen.
    async fn send_all(
        &mut self,
        requests: &mut [Request],
        prepare: &mut Vec<(Arc<str>, Vec<Type>)>,
    ) -> (usize, Vec<(Arc<str>, Preparing)>) {
        let mut preparing: Vec<(Arc<str>, Preparing)> = prepare
            .drain(..)
            .map(|(sql, types)| {
                let (client, text) = (Arc::clone(&self.link.client), Arc::clone(&sql));
                let prepared = async move { client.prepare_typed(&text, &types).await };
                (sql, Box::pin(prepared) as Preparing)
            })
            .collect();
        // Each is sent by its first poll.
        for (at, request) in requests.iter_mut().enumerate() {
            self.link.turn.step().await;
            let is_sent = poll_fn(|cx| Poll::Ready(request.send(cx))).await;
            if !is_sent {
                return (at + 1, Vec::new());
            }
        }
        // One that is ready by now was not sent: it is of no use.
        poll_fn(|cx| {
            preparing.retain_mut(|(_, statement)| statement.as_mut().poll(cx).is_pending());
            Poll::Ready(())
        })
        .await;
        (requests.len(), preparing)
    }

    /// Reads the answer of one statement to its end.
    async fn read(
        &mut self,
        requests: &mut [Request],
        at: usize,
        sent: &mut Sent,
        wanted: bool,
    ) -> Result<(), Failure> {
        if sent.kind == Kind::Copy {
            return self.copy(&mut requests[at], sent, wanted).await;
        }
        if sent.kind == Kind::Text {
            return self.take_text(&mut requests[at], sent, wanted).await;
        }
        let (mut failed, mut unwanted) = (None, 0);
        loop {
            self.link.turn.step().await;
            let next = poll_fn(|cx| requests[at].poll_next(cx)).await;
            match next {
                Next::Row(row) if wanted && failed.is_none() => {
                    poll_fn(|cx| self.sink.poll_ready(cx)).await;
                    failed = self.take_row(sent, &row).err();
                }
                Next::Row(_) => {
                    unwanted += 1;
                    if unwanted == MANY {
                        self.link.cancel.give_up();
                    }
                }
                Next::End(Ok(affected)) => {
                    return match failed {
                        Some(failure) => Err(failure),
                        None => self.end_statement(sent, affected),
                    };
                }
                Next::End(Err(error)) => {
                    self.progress.ended_by_server |= is_ended_by_server(&error);
                    return Err(failed.unwrap_or_else(|| self.failure(sent, &error)));
                }
            }
        }
    }

    fn take_row(&mut self, sent: &mut Sent, row: &tokio_postgres::Row) -> Result<(), Failure> {
        let source = PostgresRow(row);
        let view = Row::new(&source);
        let first = |view: &Row<'_>| match view.value(0) {
            Ok(ValueRef::Int(value)) => Some(value),
            _ => None,
        };
        match sent.kind {
            Kind::Rows => {
                sent.counted.read += 1;
                // A key that was made beforehand is kept already, and nothing else of such a row is referred to.
                let keeps = self.answers.keeps(sent.step) && self.keys[sent.step].is_empty();
                let kept = if keeps { self.answers.row(sent.step, &view) } else { Ok(()) };
                kept.and_then(|()| self.sink.row(sent.step as u16, &view)).map_err(|error| {
                    let error = Error::decode(error, sent.counted.read, &sent.sql);
                    Failure::at(sent.step, sent.first, error)
                })?;
            }
            Kind::Guard => sent.counted.affected = first(&view).unwrap_or_default().unsigned_abs(),
            Kind::Key => {
                let key = first(&view).ok_or_else(|| {
                    let error =
                        Error::build(format!("the key that the database gave is no integer: {}", sent.sql));
                    Failure::at(sent.step, sent.first, error)
                })?;
                sent.counted.affected += 1;
                self.outcome.generated[sent.step].push(key);
                self.answers.generated_key(sent.step, key);
            }
            Kind::NewKeys => self.keys[sent.step].extend(new_keys(&view)),
            Kind::MayCopy => self.note_copy(sent.step, &view),
            Kind::Copy
            | Kind::Text
            | Kind::Count
            | Kind::Control
            | Kind::Savepoint
            | Kind::Release
            | Kind::Commit => {}
        }
        Ok(())
    }

    fn end_statement(&mut self, sent: &mut Sent, affected: u64) -> Result<(), Failure> {
        if matches!(sent.kind, Kind::Count | Kind::Copy) {
            sent.counted.affected = affected;
        }
        if !matches!(sent.kind, Kind::Count | Kind::Copy | Kind::Guard | Kind::Key) {
            return Ok(());
        }
        let step = &self.program.steps[sent.step];
        let matched = sent.counted.affected;
        if matches!(sent.kind, Kind::Count | Kind::Copy)
            && step.expect == Expect::OnePerRow
            && matched != u64::from(sent.rows)
        {
            return Err(miscounted(sent.step, sent.first, matched, step));
        }
        if let Some(affected) = self.outcome.affected.get_mut(sent.step)
            && step.shape.returns != Returns::Rows
        {
            *affected += matched;
        }
        Ok(())
    }

    #[cold]
    fn failure(&self, sent: &Sent, error: &tokio_postgres::Error) -> Failure {
        let told = self.link.error(error, &sent.sql);
        if sent.kind.is_control() {
            return Failure::outside(told);
        }
        let step = &self.program.steps[sent.step];
        if let Some(refused) = error.as_db_error() {
            let is_checked = step.expect == Expect::OnePerRow;
            if let Some(unmatched) = is_checked.then(|| parse_guard(refused.message())).flatten() {
                return miscounted(sent.step, sent.first + unmatched.row, unmatched.matched, step);
            }
            let copied = || copied_row(refused, step).filter(|_| sent.kind == Kind::Copy);
            let row = match sent.rows {
                1 => sent.first,
                _ if let Some(row) = copied() => row,
                _ => failed_row(refused, step, &self.program.input, &self.answers).unwrap_or(u32::MAX),
            };
            return Failure::at(sent.step, row, told);
        }
        Failure::at(sent.step, sent.first, told)
    }

    /// Whether a statement is COMMIT, or a transaction of its own that leaves something behind.
    fn commits(&self, sent: &Sent) -> bool {
        let step = self.program.steps.get(sent.step);
        let commits_itself = !sent.kind.is_question()
            && step.is_some_and(|step| !step.shape.reads_only)
            && !self.open_before
            && self.program.begin.is_none();
        let only_reads = self.program.begin.is_some() && self.reads_only;
        (self.is_commit(sent) && !only_reads) || commits_itself
    }

    /// Whether a statement is COMMIT, of the program or of the user's own.
    fn is_commit(&self, sent: &Sent) -> bool {
        let step = self.program.steps.get(sent.step);
        sent.kind == Kind::Commit || step.is_some_and(|step| is_commit(&step.shape.sql))
    }

    #[cold]
    fn not_committed(&self) -> Error {
        Error::Ended(
            "the server rolled this transaction back instead of committing it, because a statement in it had failed: \
             begin it again"
                .into(),
        )
    }

    #[cold]
    fn refused(&self, step: usize, row: u32, reason: &str) -> Failure {
        let sql = &self.program.steps[step].shape.sql;
        Failure::at(step, row, Error::build(format!("step {step}: {reason}\n  in: {sql}")))
    }
}

/// The keys in an array of them.
fn new_keys(row: &Row<'_>) -> Vec<i64> {
    let array = match row.value(0) {
        Ok(ValueRef::Wire(WireType::Array, form)) => Array::read(form),
        _ => None,
    };
    let int = |value| match value {
        ValueRef::Int(key) => Some(key),
        _ => None,
    };
    array.iter().flat_map(Array::elements).filter_map(int).collect()
}

type Preparing = Pin<Box<dyn Future<Output = Result<Statement, tokio_postgres::Error>> + Send>>;

#[cold]
fn miscounted(step: usize, row: u32, matched: u64, of: &Step) -> Failure {
    let error = Error::RowCount(Arc::new(RowCountError { found: matched, sql: of.shape.sql.to_string() }));
    Failure { kind: FailureKind::RowCount { matched }, step: Some(step as u16), row, error }
}
