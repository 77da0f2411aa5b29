//! The rows of a query as text: COPY TO.

use std::future::poll_fn;
use std::sync::Arc;

use orm_core::program::{Failure, Step};
use orm_core::{Error, Row, RowSource, Setting, ValueRef};

use super::trip::{Kind, Sent, Trip};
use super::{MANY, Run};
use crate::observe::Rows;
use crate::postgres::error::is_ended_by_server;
use crate::postgres::request::Request;

/// The sink is given so much at once: the server sends each row as a message of its own.
const PIECE: usize = 64 * 1024;

/// Some whole lines, as a row of one value.
struct Lines<'a>(&'a [u8]);

impl RowSource for Lines<'_> {
    fn width(&self) -> usize {
        1
    }

    fn value(&self, _: usize) -> ValueRef<'_> {
        ValueRef::Bytes(self.0)
    }

    fn name(&self, _: usize) -> String {
        "the text".to_owned()
    }
}

/// What says how a backslash in a literal is read.
const CONFORMING: &str = "standard_conforming_strings";

impl Run<'_> {
    /// # Errors
    /// Where literals are read otherwise than they are written. Those of values are the same either way, but others of the
    /// query, `ESCAPE '\\'` say, would not end where they do, and a value behind one would be SQL.
    pub(super) fn add_copy_out(&mut self, at: usize, step: &Step, trip: &mut Trip) -> Result<(), Failure> {
        let is_set = |setting: &Setting| match setting.cells().value(0) {
            ValueRef::Text(name) => name.eq_ignore_ascii_case(CONFORMING.as_bytes()),
            _ => true,
        };
        if !self.link.wire.has_conforming_strings() || self.program.settings.iter().any(is_set) {
            let reason = "COPY takes no parameters, and values are written into its text only where \
                          `standard_conforming_strings` is `on`, as it is by default: set it so, or use `stream`";
            return Err(self.refused(at, 0, reason));
        }
        trip.requests.push(Request::copy_out(&self.link.client, Arc::clone(&step.shape.sql)));
        let group = Some(self.tell_step(at, step, trip));
        let (kind, sql, counted) = (Kind::Text, Arc::clone(&step.shape.sql), Rows::default());
        trip.sent.push(Sent { kind, step: at, first: 0, rows: 1, sql, group, counted });
        Ok(())
    }

    /// Reads the text to its end. It is taken in as fast as the sink takes it, and the server waits meanwhile.
    pub(super) async fn take_text(
        &mut self,
        request: &mut Request,
        sent: &mut Sent,
        wanted: bool,
    ) -> Result<(), Failure> {
        let mut lines = Vec::with_capacity(PIECE + PIECE / 8);
        let (mut failed, mut unwanted) = (None, 0);
        loop {
            self.link.turn.step().await;
            match poll_fn(|cx| request.poll_lines(cx)).await {
                Some(Ok(_)) if !wanted || failed.is_some() => {
                    unwanted += 1;
                    if unwanted == MANY {
                        self.link.cancel.give_up();
                    }
                }
                Some(Ok(more)) => {
                    lines.extend_from_slice(&more);
                    if lines.len() >= PIECE {
                        failed = self.give_text(sent, &mut lines).await.err();
                    }
                }
                Some(Err(error)) => {
                    self.progress.ended_by_server |= is_ended_by_server(&error);
                    return Err(failed.unwrap_or_else(|| self.failure(sent, &error)));
                }
                None => break,
            }
        }
        if failed.is_none() && wanted && !lines.is_empty() {
            failed = self.give_text(sent, &mut lines).await.err();
        }
        // `COPY 5`.
        let tag = self.link.wire.last_tag();
        sent.counted.read =
            tag.as_str().rsplit(' ').next().and_then(|rows| rows.parse().ok()).unwrap_or_default();
        failed.map_or(Ok(()), Err)
    }

    async fn give_text(&mut self, sent: &Sent, lines: &mut Vec<u8>) -> Result<(), Failure> {
        poll_fn(|cx| self.sink.poll_ready(cx)).await;
        let given = self.sink.row(sent.step as u16, &Row::new(&Lines(lines)));
        lines.clear();
        // Lines are not read here: what fails is that nobody takes them.
        given.map_err(|error| Failure::at(sent.step, sent.first, Error::decode(error, 1, &sent.sql)))
    }
}
