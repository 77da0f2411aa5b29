//! Very many rows of an insert: they are copied, as a stream of text.
//!
//! The server reads the lines while we write them, and nothing but the lines on their way is held. It is for tables where COPY
//! does what INSERT does, which the server is asked each time.
//!
//! COPY ends by a message that says so. Until that, the server has stored nothing, whatever else ends it: so whoever wants no
//! more of it, because the call was dropped or something else has failed, only has to say nothing of the kind. tokio-postgres
//! says then that the copy has failed.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;

use bytes::Bytes;
use orm_core::outline::{MAY_COPY, Parameter as Column};
use orm_core::program::{Failure, Returns, Step};
use orm_core::{POSTGRES, Row, ValueRef};
use tokio_postgres::types::Type;

use super::Run;
use super::steps::value;
use super::trip::{Kind, Sent, Trip};
use crate::observe::Rows;
use crate::postgres::codec::copy_field;
use crate::postgres::error::{is_cancelled, is_disconnected, is_ended_by_server, is_lost, stopped};
use crate::postgres::link::FormOf;
use crate::postgres::parameters::array_literal;
use crate::postgres::request::Request;
use crate::postgres::statements::Form;

/// From so many rows on, it is worth asking the server whether a table takes them by COPY.
const COPY_ROWS: u32 = 4_096;

/// So many bytes are fed at once. Two such pieces may wait for the socket, while the next one is written.
const PIECE: usize = 64 * 1024;

/// What feeding waits for.
enum Fed {
    Room,
    /// The server has refused some row, and reads no further.
    Refused,
    /// The job is to stop.
    Stopped,
    Lost(tokio_postgres::Error),
}

impl Run<'_> {
    /// The steps whose rows may be many enough, with the text of their COPY.
    pub(super) fn may_be_copies(&mut self) -> Vec<(usize, Arc<str>)> {
        // A pooler may have another connection for each statement, and COPY has to be prepared.
        if !self.link.statements.are_kept() {
            return Vec::new();
        }
        let many = self.program.steps.iter().enumerate().filter(|(_, step)| {
            step.rows >= COPY_ROWS && step.shape.list.is_none() && step.shape.returns != Returns::Rows
        });
        many.filter_map(|(at, step)| {
            let outline = step.shape.outline.as_deref()?;
            // What has no key yet is asked for it.
            if outline.key.is_some() && self.link.without_sequence.contains(outline.table) {
                return None;
            }
            Some((at, self.link.form(&step.shape, FormOf::CopyIn)?))
        })
        .collect()
    }

    /// Asks whether a table takes rows, and has the COPY prepared meanwhile.
    pub(super) fn ask_for_copy(&mut self, at: usize, copy: Arc<str>, trip: &mut Trip) -> Result<(), Failure> {
        let Some(outline) = self.program.steps[at].shape.outline.as_deref() else { return Ok(()) };
        let sql: Arc<str> = MAY_COPY.into();
        let mut table = String::new();
        POSTGRES.identifier(outline.table, &mut table);
        let columns = outline.copied();
        let types: Vec<_> = columns.iter().map(|column| (POSTGRES.type_name)(column.ty)).collect();
        let names: Vec<_> = columns.iter().map(|column| ValueRef::Text(column.name.as_bytes())).collect();
        let types: Vec<_> = types.iter().map(|name| ValueRef::Text(name.as_bytes())).collect();
        let scalars = [
            (ValueRef::Text(table.as_bytes()), Type::TEXT),
            (ValueRef::Bool(outline.key.is_some()), Type::BOOL),
        ];
        let mut parameters = self.parameters(at, 0, &sql, scalars.into_iter())?;
        for (place, texts) in [(1, names), (2, types)] {
            parameters.insert(place, (array_literal(&texts, &mut self.buffer), Type::TEXT_ARRAY));
        }
        let request = self.request(&sql, parameters, true, trip);
        trip.requests.push(request);
        let (kind, counted) = (Kind::MayCopy, Rows::default());
        trip.sent.push(Sent { kind, step: at, first: 0, rows: 1, sql, group: None, counted });
        if !matches!(self.link.statements.form(&copy), Form::Prepared(_)) {
            trip.note(&copy, Vec::new());
        }
        self.copies[at] = Some(copy);
        Ok(())
    }

    /// Whether a question that failed leaves all as it was: some servers speak the protocol, and do not know all that is asked.
    /// Inside a transaction its failure is that of the transaction.
    pub(super) fn does_without(&mut self, sent: &Sent, failure: &Failure) -> bool {
        let passes = sent.kind == Kind::MayCopy
            && !self.link.in_transaction()
            && !is_disconnected(&failure.error)
            && !is_cancelled(&failure.error);
        if passes {
            self.copies[sent.step] = None;
        }
        passes
    }

    /// What the server says of a table.
    pub(super) fn note_copy(&mut self, step: usize, row: &Row<'_>) {
        if !matches!(row.value(0), Ok(ValueRef::Bool(true))) {
            self.copies[step] = None;
        }
    }

    /// Adds a step as a COPY, if it is to be one.
    pub(super) fn add_copy(&mut self, at: usize, step: &Step, trip: &mut Trip) -> bool {
        let Some(copy) = self.copies[at].take() else { return false };
        let needs_keys = step.shape.outline.as_deref().is_some_and(|outline| outline.key.is_some());
        if needs_keys && self.keys[at].is_empty() {
            return false;
        }
        let Form::Prepared(statement) = self.link.statements.form(&copy) else { return false };
        trip.requests.push(Request::copy_in(&self.link.client, statement));
        let group = Some(self.tell_step(at, step, trip));
        let (kind, sql, counted) = (Kind::Copy, Arc::clone(&step.shape.sql), Rows::default());
        trip.sent.push(Sent { kind, step: at, first: 0, rows: step.rows, sql, group, counted });
        true
    }

    /// Copies the rows of a step, unless something failed before it.
    pub(super) async fn copy(
        &mut self,
        request: &mut Request,
        sent: &mut Sent,
        wanted: bool,
    ) -> Result<(), Failure> {
        let fed = match poll_fn(|cx| request.poll_begun(cx)).await {
            Ok(()) if wanted => self.feed(request, sent).await,
            Ok(()) => Ok(Fed::Stopped),
            Err(error) => Ok(Fed::Lost(error)),
        };
        let copied = match fed {
            Ok(Fed::Room | Fed::Refused) => copied(request).await,
            Ok(Fed::Lost(error)) => {
                request.give_up();
                Err(error)
            }
            Ok(Fed::Stopped) => {
                request.give_up();
                return Err(Failure::at(sent.step, sent.first, stopped(&sent.sql)));
            }
            Err(failure) => {
                request.give_up();
                return Err(failure);
            }
        };
        match copied {
            Ok(affected) => self.end_statement(sent, affected),
            Err(error) => {
                self.progress.ended_by_server |= is_ended_by_server(&error);
                Err(self.failure(sent, &error))
            }
        }
    }

    /// # Errors
    /// For a value that is not there.
    async fn feed(&mut self, request: &mut Request, sent: &Sent) -> Result<Fed, Failure> {
        let program = self.program;
        let step = &program.steps[sent.step];
        let (cancel, wire) = (Arc::clone(&self.link.cancel), Arc::clone(&self.link.wire));
        let asked = || (cancel.is_stopped(), wire.copy_refused());
        let outline = step.shape.outline.as_deref();
        let columns = outline.map(|outline| outline.copied()).unwrap_or_default();
        let mut lines = Vec::with_capacity(PIECE + PIECE / 8);
        for row in 0..step.rows {
            self.write_line(sent.step, step, row, &columns, &mut lines)?;
            if lines.len() < PIECE {
                continue;
            }
            match poll_fn(|cx| poll_feeding(asked(), request.poll_room(cx))).await {
                Fed::Room => {}
                other => return Ok(other),
            }
            let piece = std::mem::replace(&mut lines, Vec::with_capacity(PIECE + PIECE / 8));
            if let Err(error) = request.feed(Bytes::from(piece)) {
                return Ok(Fed::Lost(error));
            }
        }
        match poll_fn(|cx| poll_feeding(asked(), request.poll_room(cx))).await {
            Fed::Room => {}
            other => return Ok(other),
        }
        if let Err(error) = request.feed(Bytes::from(lines)) {
            return Ok(Fed::Lost(error));
        }
        Ok(poll_fn(|cx| poll_feeding(asked(), request.poll_fed(cx))).await)
    }

    /// One parameter row, as a line.
    fn write_line(
        &self,
        at: usize,
        step: &Step,
        row: u32,
        columns: &[Column],
        lines: &mut Vec<u8>,
    ) -> Result<(), Failure> {
        let key = self.keys[at].get(row as usize).map(|&key| ValueRef::Int(key));
        let width = usize::from(step.shape.parameters);
        let start = step.cells.start as usize + row as usize * width;
        let cells = (start..start + width).map(|cell| value(self.program, &self.answers, cell));
        for (value, column) in key.map(Ok).into_iter().chain(cells).zip(columns) {
            copy_field(value.map_err(|why| self.refused(at, row, &why))?, column.ty, lines);
            lines.push(b'\t');
        }
        if let Some(last) = lines.last_mut() {
            *last = b'\n';
        }
        Ok(())
    }
}

fn poll_feeding(
    (is_stopped, is_refused): (bool, bool),
    polled: Poll<Result<(), tokio_postgres::Error>>,
) -> Poll<Fed> {
    match (is_stopped, is_refused) {
        (true, _) => Poll::Ready(Fed::Stopped),
        (_, true) => Poll::Ready(Fed::Refused),
        _ => polled.map(|ready| ready.map_or_else(Fed::Lost, |()| Fed::Room)),
    }
}

/// Says that this was all, and reads the answer to its end: the number of rows comes first, and then what the end of a
/// transaction of its own finds wrong.
async fn copied(request: &mut Request) -> Result<u64, tokio_postgres::Error> {
    let rows = poll_fn(|cx| request.poll_copied(cx)).await?;
    match poll_fn(|cx| request.poll_copied(cx)).await {
        Err(error) if error.as_db_error().is_some() || is_lost(&error) => Err(error),
        // It is none that was expected: the server is ready.
        _ => Ok(rows),
    }
}
