//! The prepared statements of one connection.
//!
//! A statement that is sent for the first time is not prepared: it travels with its text, in one round trip. When it is
//! sent again it is prepared along with that, and from the third time on it is there. So one that is sent once costs no
//! trip of its own, and nothing on the server.

use std::collections::HashMap;
use std::sync::Arc;

use tokio_postgres::Statement;

/// The statements of a connection, the least recently used of which goes when there are too many.
#[derive(Debug)]
pub(super) struct Statements {
    /// How many are kept. With 0 none is prepared.
    most: usize,
    known: HashMap<Arc<str>, Known>,
    /// Counts up with each use.
    turn: u64,
}

#[derive(Debug)]
struct Known {
    statement: Option<Statement>,
    used: u64,
}

/// How a statement is to be sent.
pub(super) enum Form {
    /// With its text.
    Text,
    /// With its text, and prepared for the next time.
    TextAndPrepare,
    /// As it was prepared.
    Prepared(Statement),
}

impl Statements {
    pub(super) fn new(most: usize) -> Self {
        Self { most, known: HashMap::new(), turn: 0 }
    }

    /// How to send a statement now.
    pub(super) fn form(&mut self, sql: &Arc<str>) -> Form {
        if self.most == 0 {
            return Form::Text;
        }
        self.turn += 1;
        let used = self.turn;
        if let Some(known) = self.known.get_mut(sql) {
            known.used = used;
            return match &known.statement {
                Some(statement) => Form::Prepared(statement.clone()),
                None => Form::TextAndPrepare,
            };
        }
        self.make_room();
        self.known.insert(Arc::clone(sql), Known { statement: None, used });
        Form::Text
    }

    /// Whether statements are prepared at all.
    pub(super) fn are_kept(&self) -> bool {
        self.most > 0
    }

    /// Keeps a statement that was prepared.
    pub(super) fn keep(&mut self, sql: &Arc<str>, statement: Statement) {
        if let Some(known) = self.known.get_mut(sql) {
            known.statement = Some(statement);
        }
    }

    /// Forgets them all: a table has changed under them.
    pub(super) fn clear(&mut self) {
        self.known.clear();
    }

    fn make_room(&mut self) {
        if self.known.len() < self.most {
            return;
        }
        // A quarter at once: looking for the oldest takes a walk through all.
        let mut uses: Vec<u64> = self.known.values().map(|known| known.used).collect();
        uses.sort_unstable();
        let oldest = uses[uses.len() / 4];
        self.known.retain(|_, known| known.used > oldest);
    }
}
