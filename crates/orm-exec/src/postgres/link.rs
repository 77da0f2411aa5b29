//! What one connection needs to run programs: the client's end, its prepared statements, and what it has learned.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use orm_core::outline::Outline;
use orm_core::program::{ListAt, StatementShape};
use orm_core::{Dialect, Error, POSTGRES};
use tokio_postgres::Client;

use super::cancel::Cancel;
use super::error::statement_error;
use super::statements::Statements;
use super::turn::Turn;
use super::wire::WireState;
use crate::observe::Telemetry;

pub(super) struct Link {
    pub(super) client: Arc<Client>,
    pub(super) wire: Arc<WireState>,
    pub(super) telemetry: Arc<Telemetry>,
    pub(super) statements: Statements,
    /// Which job is to stop.
    pub(super) cancel: Arc<Cancel>,
    /// How much more of its work fits into this poll.
    pub(super) turn: Arc<Turn>,
    /// Whether the savepoint of the driver is there, from the last program of the open transaction.
    pub(super) savepoint: bool,
    /// The server, for messages.
    pub(super) place: Arc<str>,
    /// Tables whose keys come from no sequence that we may use.
    pub(super) without_sequence: HashSet<&'static str>,
    forms: HashMap<(Arc<str>, FormOf), Option<Arc<str>>>,
}

/// Another form of a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum FormOf {
    Guarded,
    Many,
    ManyGuarded,
    Keyed,
    ManyKeyed,
    /// As a COPY.
    CopyIn,
    /// With its list as one array.
    Any,
}

/// More texts than this are not kept: those of a program are few, those of a query builder may be any number.
const MOST_FORMS: usize = 4_096;

impl Link {
    pub(super) fn new(
        client: Client,
        wire: Arc<WireState>,
        telemetry: Arc<Telemetry>,
        statements: usize,
        place: Arc<str>,
    ) -> Self {
        Self {
            client: Arc::new(client),
            wire,
            telemetry,
            statements: Statements::new(statements),
            cancel: Arc::default(),
            turn: Arc::default(),
            savepoint: false,
            place,
            without_sequence: HashSet::new(),
            forms: HashMap::new(),
        }
    }

    /// The text of a statement in another form, if it has that: written once.
    pub(super) fn form(&mut self, shape: &StatementShape, form: FormOf) -> Option<Arc<str>> {
        let key = (Arc::clone(&shape.sql), form);
        if let Some(text) = self.forms.get(&key) {
            return text.clone();
        }
        if self.forms.len() >= MOST_FORMS {
            self.forms.clear();
        }
        let text: Option<Arc<str>> = write(shape, form, &POSTGRES).map(Into::into);
        self.forms.insert(key, text.clone());
        text
    }

    pub(super) fn error(&self, error: &tokio_postgres::Error, sql: &str) -> Error {
        statement_error(error, sql, &self.place)
    }

    /// Whether a transaction is open, a failed one included.
    pub(super) fn in_transaction(&self) -> bool {
        matches!(self.wire.status(), b'T' | b'E')
    }

    /// Whether the transaction failed: nothing but its end is accepted.
    pub(super) fn has_failed(&self) -> bool {
        self.wire.status() == b'E'
    }
}

fn write(shape: &StatementShape, form: FormOf, dialect: &Dialect) -> Option<String> {
    let outline = |form: fn(&Outline, &Dialect) -> Option<String>| form(shape.outline.as_deref()?, dialect);
    match form {
        FormOf::Guarded => shape.guarded(dialect),
        FormOf::Many => outline(Outline::many),
        FormOf::ManyGuarded => outline(Outline::many_guarded),
        FormOf::Keyed => outline(Outline::keyed),
        FormOf::ManyKeyed => outline(Outline::many_keyed),
        FormOf::CopyIn => outline(Outline::copy_in),
        FormOf::Any => shape.list.and_then(|list| any(&shape.sql, list, dialect)),
    }
}

/// `"id" IN ()` as `"id" = ANY($1)`: one text for lists of any length. `None` for elements of several columns.
fn any(sql: &str, list: ListAt, dialect: &Dialect) -> Option<String> {
    let (before, after) = sql.split_at(list.byte as usize);
    let (before, after) = (before.strip_suffix("IN (")?, after.strip_prefix(')')?);
    if list.width != 1 {
        return None;
    }
    let mut text = String::with_capacity(sql.len() + 8);
    text.push_str(before);
    text.push_str("= ANY(");
    dialect.placeholder(usize::from(list.parameter), &mut text);
    text.push(')');
    text.push_str(after);
    Some(text)
}
