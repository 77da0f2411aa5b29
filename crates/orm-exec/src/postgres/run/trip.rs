//! The statements of one round trip.

use std::sync::Arc;

use orm_core::Cells;
use tokio_postgres::types::Type;

use crate::observe::{self, Parameters, Rows, Telemetry};
use crate::postgres::request::Request;

/// What is read of an answer.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Nothing: BEGIN and its kin.
    Control,
    /// Nothing: the savepoint of the driver.
    Savepoint,
    /// Nothing: its end.
    Release,
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
    /// Whether the rows of a step may be copied.
    MayCopy,
    /// The number of rows, which are copied.
    Copy,
    /// Rows as text, for the sink.
    Text,
}

impl Kind {
    /// Whether it belongs to no step.
    pub(super) fn is_control(self) -> bool {
        matches!(self, Self::Control | Self::Commit) || self.is_savepoint()
    }

    /// Whether it is asked for the sake of a step, and is no part of it.
    pub(super) fn is_question(self) -> bool {
        matches!(self, Self::NewKeys | Self::MayCopy)
    }

    /// Whether it is about the savepoint of the driver.
    pub(super) fn is_savepoint(self) -> bool {
        matches!(self, Self::Savepoint | Self::Release)
    }
}

/// One statement of a trip.
pub(super) struct Sent {
    pub(super) kind: Kind,
    pub(super) step: usize,
    /// The parameter rows of the step that it has.
    pub(super) first: u32,
    pub(super) rows: u32,
    /// The text, for messages.
    pub(super) sql: Arc<str>,
    /// What observers are told of it: `None` for what the driver sends on its own account.
    pub(super) group: Option<usize>,
    /// The rows that it read or affected so far.
    pub(super) counted: Rows,
}

/// What observers are told of: one statement, with all of its parameter rows, however many messages carry them.
pub(super) struct Group {
    pub(super) step: usize,
    pub(super) sql: Arc<str>,
    pub(super) rows: u32,
    /// The values and how many a row has, if somebody wants them.
    pub(super) values: Option<(Cells, usize)>,
}

impl Group {
    pub(super) fn begin<'g>(&'g self, telemetry: &'g Telemetry) -> observe::Statement<'g> {
        let parameters = match &self.values {
            Some((cells, width)) => Parameters::new(cells, *width),
            None => Parameters::none(),
        };
        telemetry.begin(&self.sql, self.rows, parameters)
    }
}

/// The statements of a trip, in the order in which they are sent.
#[derive(Default)]
pub(super) struct Trip {
    pub(super) sent: Vec<Sent>,
    pub(super) requests: Vec<Request>,
    pub(super) groups: Vec<Group>,
    /// What is prepared for the next time.
    pub(super) prepare: Vec<(Arc<str>, Vec<Type>)>,
}

impl Trip {
    /// Notes what observers are told of. Answers its place.
    pub(super) fn tell(
        &mut self,
        step: usize,
        sql: &Arc<str>,
        rows: u32,
        values: Option<(Cells, usize)>,
    ) -> usize {
        self.groups.push(Group { step, sql: Arc::clone(sql), rows, values });
        self.groups.len() - 1
    }

    /// Prepares a statement for the next time, once.
    pub(super) fn note(&mut self, sql: &Arc<str>, types: Vec<Type>) {
        if !self.prepare.iter().any(|(noted, _)| noted == sql) {
            self.prepare.push((Arc::clone(sql), types));
        }
    }
}
