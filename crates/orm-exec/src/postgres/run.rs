//! A program in as few round trips as its keys and checks allow.
//!
//! ```text
//! trip 0   nextval for all new rows of all tables               only where steps refer to keys, or insert many rows
//! trip 1   BEGIN  step  step  step  COMMIT                      answers are read in this order, to the last one
//! trip 2   ..                                                   for steps that need an answer of the trip before
//! ```
//!
//! COMMIT travels with the last steps only if the server itself checks every row that must be there: it would commit an
//! UPDATE that matched nothing. Where a step has no such form, COMMIT goes in a trip of its own, once the counts are known.
//!
//! Inside a transaction that was open before, and whose work is to stay if the program fails, the program goes between a
//! savepoint and its release, in the same trip: the server refuses all further statements after one that failed.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;

use bytes::BytesMut;
use orm_core::error::RowCountError;
use orm_core::outline::{NEXT_KEYS, parse_guard};
use orm_core::program::{Expect, Failure, FailureKind, ListAt, OnFailure, ProgramResult, Returns, Step};
use orm_core::{Cell, Cells, Error, Outcome, POSTGRES, Program, Row, Sink, ValueRef};
use tokio_postgres::Statement;
use tokio_postgres::types::Type;

use super::codec::Mismatch;
use super::find_row::failed_row;
use super::link::{FormOf, Link};
use super::parameters::{Parameter, array_literal, array_of, element_of, list_type, scalar_of, type_of};
use super::request::{Next, Request};
use super::row::PostgresRow;
use super::statements::Form;
use crate::answers::{Answers, CHUNK, List, padded};
use crate::observe::{Parameters, Rows, is_control};

/// The savepoint around a program whose failure must leave the transaction as it was.
pub(super) const STEP: &str = "anyorm_step";

/// From so many rows on, keys are worth a trip of their own although nothing refers to them.
const KEYS_WORTH_A_TRIP: u32 = 4;

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
    open_before: bool,
    buffer: BytesMut,
}

/// What is read of an answer.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Nothing: BEGIN and its kin.
    Control,
    /// COMMIT.
    Commit,
    /// The number of rows.
    Count,
    /// The number of rows, as the row of a guard.
    Guard,
    /// A generated key.
    Key,
    /// Rows for the sink.
    Rows,
    /// New keys of a step.
    NewKeys,
}

/// One statement of a trip.
struct Sent {
    kind: Kind,
    step: usize,
    /// The parameter rows of the step that it has.
    first: u32,
    rows: u32,
    /// The text that is told, and its values, if somebody wants them.
    sql: Arc<str>,
    values: Option<(Cells, usize)>,
    /// The rows that it read or affected so far.
    counted: Rows,
}

/// The statements of a trip, in the order in which they are sent.
#[derive(Default)]
struct Trip {
    sent: Vec<Sent>,
    requests: Vec<Request>,
    /// What is prepared for the next time.
    prepare: Vec<(Arc<str>, Vec<Type>)>,
}

impl<'a> Run<'a> {
    pub(super) fn new(
        link: &'a mut Link,
        program: &'a Program,
        sink: &'a mut dyn Sink,
        progress: &'a mut Progress,
    ) -> Self {
        let steps = program.steps.len();
        let counted = if program.reads_only() { 0 } else { steps };
        let outcome = Outcome { affected: vec![0; counted], generated: vec![Vec::new(); counted] };
        let (answers, open_before) = (Answers::new(program), link.in_transaction());
        let keys = vec![Vec::new(); steps];
        Self { link, program, sink, progress, answers, outcome, keys, open_before, buffer: BytesMut::new() }
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
        self.make_keys().await?;
        let segments = self.segments();
        let last = segments.len() - 1;
        for (at, segment) in segments.into_iter().enumerate() {
            let mut trip = if at == 0 { self.opening() } else { Trip::default() };
            let built = segment.clone().try_for_each(|step| self.add_step(step, &mut trip));
            if let Err(refused) = built {
                let mut controls = if at == 0 { self.opening() } else { Trip::default() };
                self.send(&mut controls).await?;
                return Err(refused);
            }
            if at == last {
                self.add_closing(segment, &mut trip);
            }
            self.send(&mut trip).await?;
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
    fn segments(&self) -> Vec<std::ops::Range<usize>> {
        let program = self.program;
        let levels = program.levels_with(|step| !self.keys[step].is_empty());
        // Outside of a transaction each statement is one: what follows a failed one must not run.
        let one_by_one =
            !self.open_before && program.begin.is_none() && program.steps.len() > 1 && !program.reads_only();
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

    /// What goes before the first step.
    fn opening(&mut self) -> Trip {
        let mut trip = Trip::default();
        if let Some(begin) = &self.program.begin {
            self.add_control(Arc::clone(begin), Kind::Control, &mut trip);
        }
        self.add_settings(&mut trip);
        for sql in &self.program.before {
            self.add_control(Arc::clone(sql), Kind::Control, &mut trip);
        }
        if self.wants_savepoint() {
            self.add_hidden(format!("SAVEPOINT {STEP}").into(), &mut trip);
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
    fn add_closing(&mut self, steps: std::ops::Range<usize>, trip: &mut Trip) {
        if self.wants_savepoint() {
            self.add_hidden(format!("RELEASE {STEP}").into(), trip);
        }
        let checked_here = |sent: &Sent| {
            sent.kind != Kind::Guard
                && steps.contains(&sent.step)
                && self.program.steps[sent.step].expect == Expect::OnePerRow
                && !matches!(sent.kind, Kind::Control | Kind::Commit)
        };
        if self.program.commit && !trip.sent.iter().any(checked_here) {
            self.add_control("COMMIT".into(), Kind::Commit, trip);
        }
    }

    /// Sends all statements of a trip, and reads all answers. What fails first is the failure; nothing counts as done before
    /// the last answer was read.
    async fn send(&mut self, trip: &mut Trip) -> Result<(), Failure> {
        let Trip { sent, requests, prepare } = trip;
        let telemetry = Arc::clone(&self.link.telemetry);
        let texts: Vec<Arc<str>> = sent.iter().map(|sent| Arc::clone(&sent.sql)).collect();
        let values: Vec<_> = sent.iter_mut().map(|sent| sent.values.take()).collect();
        let mut told: Vec<_> = std::iter::zip(&texts, &values)
            .zip(sent.iter())
            .map(|((sql, values), sent)| {
                let parameters = match values {
                    Some((cells, width)) => Parameters::new(cells, *width),
                    None => Parameters::none(),
                };
                sent.is_told().then(|| telemetry.begin(sql, sent.rows, parameters))
            })
            .collect();
        for sent in sent.iter() {
            self.progress.begun |= sent.kind == Kind::Control && self.program.begin.is_some();
            self.progress.savepoint |= sent.kind == Kind::Control && &*sent.sql == "SAVEPOINT anyorm_step";
            self.progress.committing |= sent.kind == Kind::Commit;
        }
        let mut preparing = self.send_all(requests, prepare).await;
        let mut failed: Option<Failure> = None;
        for at in 0..requests.len() {
            let result = self.read(requests, at, &mut sent[at], failed.is_none()).await;
            if let Some(told) = told[at].take() {
                let counted = result.as_ref().map(|()| sent[at].counted);
                told.end(counted.map_err(|failure| &failure.error));
            }
            match result {
                Ok(()) if sent[at].kind == Kind::Commit => {
                    self.progress.committing = false;
                    self.progress.committed = true;
                    // As the answer to a COMMIT, or to one that follows a failure.
                    if failed.is_none() && self.link.wire.last_tag().as_str() == "ROLLBACK" {
                        failed = Some(Failure::outside(self.not_committed()));
                    }
                }
                Ok(()) => {}
                Err(failure) => {
                    if sent[at].kind == Kind::Commit && !self.is_lost(&failure) || failed.is_some() {
                        self.progress.committing = false;
                    } else if sent[at].kind != Kind::Commit && !self.is_lost(&failure) {
                        // What is behind it in this trip is refused, COMMIT included.
                        self.progress.committing = false;
                    }
                    failed.get_or_insert(failure);
                }
            }
        }
        for (sql, statement) in &mut preparing {
            // One that fails fails again when it is sent.
            if let Ok(statement) = statement.await {
                self.link.statements.keep(sql, statement);
            }
        }
        failed.map_or(Ok(()), Err)
    }

    async fn send_all(
        &mut self,
        requests: &mut [Request],
        prepare: &mut Vec<(Arc<str>, Vec<Type>)>,
    ) -> Vec<(Arc<str>, Preparing)> {
        let mut preparing: Vec<(Arc<str>, Preparing)> = prepare
            .drain(..)
            .map(|(sql, types)| {
                let (client, text) = (Arc::clone(&self.link.client), Arc::clone(&sql));
                let prepared = async move { client.prepare_typed(&text, &types).await };
                (sql, Box::pin(prepared) as Preparing)
            })
            .collect();
        // Each is sent by its first poll.
        poll_fn(|cx| {
            requests.iter_mut().for_each(|request| request.send(cx));
            for (_, statement) in &mut preparing {
                // It was not sent yet, so it is not ready.
                let _ = statement.as_mut().poll(cx);
            }
            Poll::Ready(())
        })
        .await;
        preparing
    }

    /// Reads the answer of one statement to its end.
    async fn read(
        &mut self,
        requests: &mut [Request],
        at: usize,
        sent: &mut Sent,
        wanted: bool,
    ) -> Result<(), Failure> {
        let mut failed = None;
        loop {
            let next = poll_fn(|cx| {
                let (request, behind) = requests[at..].split_first_mut().expect("it is one of them");
                let next = request.poll_next(cx);
                if next.is_pending() && request.is_cold && request.is_waiting() {
                    // It may be asking what a type is, behind all that was sent.
                    behind.iter_mut().for_each(|request| request.read_ahead(cx));
                }
                next
            })
            .await;
            match next {
                Next::Row(row) if wanted && failed.is_none() => {
                    poll_fn(|cx| self.sink.poll_ready(cx)).await;
                    failed = self.take_row(sent, &row).err();
                }
                Next::Row(_) => {}
                Next::End(Ok(affected)) => {
                    return match failed {
                        Some(failure) => Err(failure),
                        None => self.end_statement(sent, affected),
                    };
                }
                Next::End(Err(error)) => return Err(failed.unwrap_or_else(|| self.failure(sent, &error))),
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
                kept.and_then(|()| self.sink.row(sent.step as u16, &view))
                    .map_err(|error| Failure::at(sent.step, sent.first, Error::decode(error, &sent.sql)))?;
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
            Kind::NewKeys => self.keys[sent.step].extend(first(&view)),
            Kind::Count | Kind::Control | Kind::Commit => {}
        }
        Ok(())
    }

    fn end_statement(&mut self, sent: &mut Sent, affected: u64) -> Result<(), Failure> {
        if sent.kind == Kind::Count {
            sent.counted.affected = affected;
        }
        if !matches!(sent.kind, Kind::Count | Kind::Guard | Kind::Key) {
            return Ok(());
        }
        let step = &self.program.steps[sent.step];
        let matched = sent.counted.affected;
        if sent.kind == Kind::Count && step.expect == Expect::OnePerRow && matched != u64::from(sent.rows) {
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
        if matches!(sent.kind, Kind::Control | Kind::Commit) {
            return Failure::outside(told);
        }
        let step = &self.program.steps[sent.step];
        if let Some(refused) = error.as_db_error() {
            let is_checked = step.expect == Expect::OnePerRow;
            if let Some(unmatched) = is_checked.then(|| parse_guard(refused.message())).flatten() {
                return miscounted(sent.step, sent.first + unmatched.row, unmatched.matched, step);
            }
            let row = match sent.rows {
                1 => sent.first,
                _ => failed_row(refused, step, &self.program.input, &self.answers).unwrap_or(u32::MAX),
            };
            return Failure::at(sent.step, row, told);
        }
        Failure::at(sent.step, sent.first, told)
    }

    fn is_lost(&self, failure: &Failure) -> bool {
        use orm_core::error::DatabaseErrorKind;
        failure.error.database().is_some_and(|error| error.kind == DatabaseErrorKind::Disconnected)
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

    // Keys.

    /// Makes the keys of new rows, where somebody refers to them or they are many: all in one trip, before BEGIN where the
    /// program has one.
    async fn make_keys(&mut self) -> Result<(), Failure> {
        let mut trip = Trip::default();
        for at in 0..self.program.steps.len() {
            let step = &self.program.steps[at];
            let Some(outline) = step.shape.outline.as_deref() else { continue };
            let Some(key) = outline.key else { continue };
            let wanted = self.answers.keeps(at) || step.rows >= KEYS_WORTH_A_TRIP;
            if !wanted || self.link.without_sequence.contains(outline.table) {
                continue;
            }
            let mut table = String::new();
            POSTGRES.identifier(outline.table, &mut table);
            let mut cells = Cells::default();
            cells.text(&table);
            cells.text(key.name);
            cells.int(i64::from(step.rows));
            let types = [Type::TEXT, Type::TEXT, Type::INT8];
            let sql: Arc<str> = NEXT_KEYS.into();
            let parameters =
                self.parameters(at, 0, &sql, (0..3).map(|at| (cells.value(at), types[at].clone())))?;
            let request = self.request(&sql, parameters, true, &mut trip);
            trip.requests.push(request);
            trip.sent.push(Sent {
                kind: Kind::NewKeys,
                step: at,
                first: 0,
                rows: 1,
                sql,
                values: None,
                counted: Rows::default(),
            });
        }
        if trip.sent.is_empty() {
            return Ok(());
        }
        self.send(&mut trip).await?;
        for sent in &trip.sent {
            let step = &self.program.steps[sent.step];
            let keys = &mut self.keys[sent.step];
            if keys.len() != step.rows as usize {
                keys.clear();
                self.link.without_sequence.extend(step.shape.outline.iter().map(|outline| outline.table));
                continue;
            }
            keys.iter().for_each(|&key| self.answers.generated_key(sent.step, key));
            if step.shape.returns == Returns::GeneratedKey {
                self.outcome.generated[sent.step].clone_from(keys);
            }
        }
        Ok(())
    }

    // Steps.

    fn add_control(&mut self, sql: Arc<str>, kind: Kind, trip: &mut Trip) {
        trip.requests.push(Request::control(&self.link.client, Arc::clone(&sql)));
        let counted = Rows::default();
        trip.sent.push(Sent { kind, step: usize::MAX, first: 0, rows: 1, sql, values: None, counted });
    }

    /// What is set for the transaction that was just opened.
    fn add_settings(&mut self, trip: &mut Trip) {
        let Some(sql) = POSTGRES.set_local.filter(|_| !self.program.settings.is_empty()) else { return };
        let sql: Arc<str> = sql.into();
        for setting in &self.program.settings {
            let cells = setting.cells();
            let parameters = (0..2).map(|at| {
                let text = Parameter::new(cells.value(at), &Type::TEXT, &mut self.buffer);
                (text.expect("a text is one"), Type::TEXT)
            });
            let parameters = parameters.collect();
            let request = self.request(&sql, parameters, true, trip);
            trip.requests.push(request);
            let (sql, counted) = (Arc::clone(&sql), Rows::default());
            let values = Some((cells, 2));
            trip.sent.push(Sent {
                kind: Kind::Control,
                step: usize::MAX,
                first: 0,
                rows: 1,
                sql,
                values,
                counted,
            });
        }
    }

    /// A savepoint of the driver's own: not told, as it is no work of the program.
    fn add_hidden(&mut self, sql: Arc<str>, trip: &mut Trip) {
        self.add_control(sql, Kind::Control, trip);
    }

    fn add_step(&mut self, at: usize, trip: &mut Trip) -> Result<(), Failure> {
        let program = self.program;
        let step = &program.steps[at];
        if let Some(place) = step.shape.list {
            return self.add_list(at, step, place, trip);
        }
        let keyed = !self.keys[at].is_empty();
        let checked = step.expect == Expect::OnePerRow;
        if step.rows > 1 {
            let form = match (keyed, checked) {
                (true, _) => FormOf::ManyKeyed,
                (false, true) => FormOf::ManyGuarded,
                (false, false) => FormOf::Many,
            };
            if let Some(sql) = self.link.form(&step.shape, form) {
                let kind = match step.shape.returns {
                    Returns::Rows => Kind::Rows,
                    _ if checked => Kind::Guard,
                    _ => Kind::Count,
                };
                if self.add_many(at, step, &sql, kind, trip)? {
                    return Ok(());
                }
            }
        }
        let form = match (keyed, checked && self.guards_rows()) {
            (true, _) => self.link.form(&step.shape, FormOf::Keyed),
            (false, true) => self.link.form(&step.shape, FormOf::Guarded),
            _ => None,
        };
        let is_guarded = !keyed && form.is_some();
        let kind = match step.shape.returns {
            Returns::Rows => Kind::Rows,
            Returns::GeneratedKey if keyed => Kind::Count,
            Returns::GeneratedKey => Kind::Key,
            Returns::Count if is_guarded => Kind::Guard,
            Returns::Count => Kind::Count,
        };
        let sql = form.unwrap_or_else(|| Arc::clone(&step.shape.sql));
        for row in 0..step.rows {
            self.add_one(at, step, row, &sql, kind, trip)?;
        }
        Ok(())
    }

    /// Whether the server is to check each row that must be there: where other statements travel with it.
    fn guards_rows(&self) -> bool {
        self.program.commit || self.program.steps.len() > 1
    }

    /// One parameter row.
    fn add_one(
        &mut self,
        at: usize,
        step: &Step,
        row: u32,
        sql: &Arc<str>,
        kind: Kind,
        trip: &mut Trip,
    ) -> Result<(), Failure> {
        let width = usize::from(step.shape.parameters);
        let start = step.cells.start as usize + row as usize * width;
        let key = self.keys[at].get(row as usize).copied();
        let mut values: Vec<ValueRef<'_>> = key.map(ValueRef::Int).into_iter().collect();
        for cell in start..start + width {
            values.push(value(self.program, &self.answers, cell).map_err(|why| self.refused(at, row, &why))?);
        }
        let outline = step.shape.outline.as_deref();
        let known = |place: usize| {
            let outline = outline?;
            let key = outline.key.filter(|_| key.is_some());
            let parameter = key.iter().chain(&outline.parameters).nth(place)?;
            scalar_of(parameter.ty)
        };
        let told = self.link.telemetry.wants_parameters().then(|| {
            let mut cells = Cells::default();
            values.iter().skip(usize::from(key.is_some())).for_each(|value| cells.value_ref(*value));
            (cells, width)
        });
        let is_kept = step.shape.reads_only || step.shape.parameters > 0;
        let request = {
            match self.link.statements_form(sql, is_kept) {
                Form::Prepared(statement) => {
                    check_count(&statement, values.len(), sql)
                        .map_err(|error| Failure::at(at, row, error))?;
                    let mut parameters = Vec::with_capacity(values.len());
                    for (place, (value, ty)) in std::iter::zip(&values, statement.params()).enumerate() {
                        let parameter = Parameter::new(*value, ty, &mut self.buffer);
                        parameters.push(parameter.map_err(|why| misfit(at, row, place, &why, sql))?);
                    }
                    Request::prepared(&self.link.client, statement, parameters)
                }
                form => {
                    let mut parameters = Vec::with_capacity(values.len());
                    for (place, value) in values.iter().enumerate() {
                        let ty = known(place).unwrap_or_else(|| type_of(*value));
                        let parameter = Parameter::new(*value, &ty, &mut self.buffer);
                        parameters.push((parameter.map_err(|why| misfit(at, row, place, &why, sql))?, ty));
                    }
                    if matches!(form, Form::TextAndPrepare) {
                        let types = parameters.iter().map(|(_, ty)| ty.clone()).collect();
                        trip.note(sql, types);
                    }
                    Request::text(&self.link.client, Arc::clone(sql), parameters)
                }
            }
        };
        trip.requests.push(request);
        let told_sql = Arc::clone(&step.shape.sql);
        let counted = Rows::default();
        trip.sent.push(Sent { kind, step: at, first: row, rows: 1, sql: told_sql, values: told, counted });
        Ok(())
    }

    fn parameters<'v>(
        &mut self,
        step: usize,
        row: u32,
        sql: &str,
        values: impl Iterator<Item = (ValueRef<'v>, Type)>,
    ) -> Result<Vec<(Parameter, Type)>, Failure> {
        let encode = |(place, (value, ty)): (usize, (ValueRef<'_>, Type))| {
            let parameter = Parameter::new(value, &ty, &mut self.buffer);
            Ok((parameter.map_err(|why| misfit(step, row, place, &why, sql))?, ty))
        };
        values.enumerate().map(encode).collect()
    }

    /// All parameter rows, as arrays. Answers whether they could be put into some.
    fn add_many(
        &mut self,
        at: usize,
        step: &Step,
        sql: &Arc<str>,
        kind: Kind,
        trip: &mut Trip,
    ) -> Result<bool, Failure> {
        let Some(outline) = step.shape.outline.as_deref() else { return Ok(false) };
        let (width, rows) = (usize::from(step.shape.parameters), step.rows as usize);
        let start = step.cells.start as usize;
        let mut parameters: Vec<(Parameter, Type)> = Vec::with_capacity(width + 1);
        if !self.keys[at].is_empty() {
            let keys = self.keys[at].iter().map(|&key| ValueRef::Int(key));
            let ty = outline.key.and_then(|key| array_of(key.ty)).unwrap_or(Type::INT8_ARRAY);
            let Some(array) =
                element_of(&ty).and_then(|element| Parameter::array(keys, element, &mut self.buffer))
            else {
                return Ok(false);
            };
            parameters.push((array, ty));
        }
        let mut values: Vec<ValueRef<'_>> = Vec::with_capacity(rows);
        for (column, parameter) in outline.parameters.iter().enumerate() {
            values.clear();
            for row in 0..rows {
                let cell = start + row * width + column;
                let value = value(self.program, &self.answers, cell);
                values.push(value.map_err(|why| self.refused(at, row as u32, &why))?);
            }
            let ty = array_of(parameter.ty);
            let array = ty
                .as_ref()
                .and_then(element_of)
                .and_then(|element| Parameter::array(values.iter().copied(), element, &mut self.buffer));
            match (array, ty) {
                (Some(array), Some(ty)) => parameters.push((array, ty)),
                // The text has a cast to the type, so that the server knows it.
                _ => parameters.push((array_literal(&values, &mut self.buffer), Type::UNKNOWN)),
            }
        }
        let told = self.link.telemetry.wants_parameters().then(|| {
            let mut cells = Cells::default();
            for cell in step.cells.start as usize..step.cells.end as usize {
                cells.value_ref(value(self.program, &self.answers, cell).unwrap_or(ValueRef::Null));
            }
            (cells, width)
        });
        let request = self.request(sql, parameters, true, trip);
        trip.requests.push(request);
        let told_sql = Arc::clone(&step.shape.sql);
        trip.sent.push(Sent {
            kind,
            step: at,
            first: 0,
            rows: step.rows,
            sql: told_sql,
            values: told,
            counted: Rows::default(),
        });
        Ok(true)
    }

    /// A statement whose parameters are encoded for types that the text itself tells: the same when it is prepared.
    fn request(
        &mut self,
        sql: &Arc<str>,
        parameters: Vec<(Parameter, Type)>,
        is_kept: bool,
        trip: &mut Trip,
    ) -> Request {
        match self.link.statements_form(sql, is_kept) {
            Form::Prepared(statement) if statement.params().len() == parameters.len() => {
                let parameters = parameters.into_iter().map(|(parameter, _)| parameter).collect();
                Request::prepared(&self.link.client, statement, parameters)
            }
            form => {
                if matches!(form, Form::TextAndPrepare) {
                    trip.note(sql, parameters.iter().map(|(_, ty)| ty.clone()).collect());
                }
                Request::text(&self.link.client, Arc::clone(sql), parameters)
            }
        }
    }

    /// A step with a list of unknown length, which an earlier step answered: one array, or chunks of rows. Nothing is sent
    /// for an empty one.
    fn add_list(&mut self, at: usize, step: &Step, place: ListAt, trip: &mut Trip) -> Result<(), Failure> {
        let list = self.list(at, step, place)?;
        let elements = list.elements(&self.answers);
        if elements.is_empty() {
            return Ok(());
        }
        let kind = if step.shape.returns == Returns::Rows { Kind::Rows } else { Kind::Count };
        let start = step.cells.start as usize;
        if let Some(sql) = self.link.form(&step.shape, FormOf::Any) {
            let values: Vec<ValueRef<'_>> =
                elements.iter().map(|&row| self.answers.at(list.step, list.column, row)).collect();
            let mut parameters = Vec::with_capacity(usize::from(step.shape.parameters));
            for index in 0..usize::from(step.shape.parameters) {
                if index == usize::from(place.parameter) {
                    let ty = list_type(&values);
                    let array = ty.as_ref().and_then(element_of).and_then(|element| {
                        Parameter::array(values.iter().copied(), element, &mut self.buffer)
                    });
                    parameters.push(match (array, ty) {
                        (Some(array), Some(ty)) => (array, ty),
                        _ => (array_literal(&values, &mut self.buffer), Type::UNKNOWN),
                    });
                    continue;
                }
                let value = value(self.program, &self.answers, start + index)
                    .map_err(|why| self.refused(at, 0, &why))?;
                let ty = type_of(value);
                let parameter = Parameter::new(value, &ty, &mut self.buffer);
                parameters.push((parameter.map_err(|why| misfit(at, 0, index, &why, &sql))?, ty));
            }
            let told = self.link.telemetry.wants_parameters().then(|| {
                let mut cells = Cells::default();
                values.iter().for_each(|value| cells.value_ref(*value));
                let width = cells.len();
                (cells, width)
            });
            let request = self.request(&sql, parameters, true, trip);
            trip.requests.push(request);
            let counted = Rows::default();
            trip.sent.push(Sent { kind, step: at, first: 0, rows: 1, sql, values: told, counted });
            return Ok(());
        }
        for chunk in elements.chunks(CHUNK) {
            let size = padded(chunk.len());
            let sql: Arc<str> = step.shape.sql_with_list(size, &POSTGRES).into();
            let mut cells = Cells::default();
            for index in 0..usize::from(step.shape.parameters) {
                if index != usize::from(place.parameter) {
                    let value = value(self.program, &self.answers, start + index);
                    cells.value_ref(value.map_err(|why| self.refused(at, 0, &why))?);
                    continue;
                }
                let last = chunk.last().copied().unwrap_or_default();
                for row in chunk.iter().copied().chain(std::iter::repeat(last)).take(size) {
                    (0..list.width).for_each(|part| {
                        cells.value_ref(self.answers.at(list.step, list.column + part, row))
                    });
                }
            }
            let values = (0..cells.len()).map(|at| (cells.value(at), type_of(cells.value(at))));
            let parameters = self.parameters(at, 0, &sql, values)?;
            let request = Request::text(&self.link.client, Arc::clone(&sql), parameters);
            trip.requests.push(request);
            let width = cells.len();
            let values = self.link.telemetry.wants_parameters().then_some((cells, width));
            trip.sent.push(Sent { kind, step: at, first: 0, rows: 1, sql, values, counted: Rows::default() });
        }
        Ok(())
    }

    /// The list of a step, checked against the place that its shape has for it.
    fn list(&self, at: usize, step: &Step, place: ListAt) -> Result<List, Failure> {
        let cells = &self.program.input.as_slice()[step.cells.start as usize..step.cells.end as usize];
        match cells.get(usize::from(place.parameter)) {
            Some(&Cell::List { step: from, column, width })
                if step.rows == 1 && width == place.width && usize::from(from) < at =>
            {
                Ok(List { step: from, column, width })
            }
            _ => Err(self.refused(at, 0, "its shape has a list, but the parameter is not one that fits")),
        }
    }
}

type Preparing = std::pin::Pin<Box<dyn Future<Output = Result<Statement, tokio_postgres::Error>> + Send>>;

impl Sent {
    /// Whether observers hear of it: not of what the driver sends on its own account.
    fn is_told(&self) -> bool {
        self.kind != Kind::NewKeys && !self.sql.ends_with(STEP)
    }
}

impl Trip {
    /// Prepares a statement for the next time, once.
    fn note(&mut self, sql: &Arc<str>, types: Vec<Type>) {
        if !self.prepare.iter().any(|(noted, _)| noted == sql) {
            self.prepare.push((Arc::clone(sql), types));
        }
    }
}

impl Link {
    fn statements_form(&mut self, sql: &Arc<str>, is_kept: bool) -> Form {
        if is_kept { self.statements.form(sql) } else { Form::Text }
    }
}

/// The value of a cell, which may be in the answer of an earlier step.
///
/// # Errors
/// If that is not there, in words.
pub(super) fn value<'v>(
    program: &'v Program,
    answers: &'v Answers,
    cell: usize,
) -> Result<ValueRef<'v>, String> {
    match program.input.as_slice()[cell] {
        Cell::From { step, column, row } => answers.value(step, column, row),
        Cell::List { .. } => Err("a list stands where its shape has no place for one".to_owned()),
        _ => Ok(program.input.value(cell)),
    }
}

#[cold]
fn misfit(step: usize, row: u32, place: usize, why: &Mismatch, sql: &str) -> Failure {
    Failure::at(step, row, Error::value(place, &why.to_string(), sql))
}

fn check_count(statement: &Statement, values: usize, sql: &str) -> Result<(), Error> {
    let places = statement.params().len();
    if places == values {
        return Ok(());
    }
    Err(Error::build(format!(
        "this statement has {places} placeholders, and {values} values are bound: bind one value for each\n  in: {sql}"
    )))
}

/// Statements that a savepoint around them would change, or that end it.
fn ends_or_forbids_savepoints(sql: &str) -> bool {
    is_control(sql)
        || sql.trim_start().get(..15).is_some_and(|start| start.eq_ignore_ascii_case("SET TRANSACTION"))
}

#[cold]
fn miscounted(step: usize, row: u32, matched: u64, of: &Step) -> Failure {
    let error = Error::RowCount(Arc::new(RowCountError { found: matched, sql: of.shape.sql.to_string() }));
    Failure { kind: FailureKind::RowCount { matched }, step: Some(step as u16), row, error }
}
