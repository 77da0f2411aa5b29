//! What is asked before rows are sent: above all, their keys.

use std::sync::Arc;

use orm_core::outline::NEXT_KEYS;
use orm_core::program::{Failure, Returns, Step};
use orm_core::{Cells, POSTGRES};
use tokio_postgres::types::Type;

use super::Run;
use super::trip::{Kind, Sent, Trip};
use crate::observe::Rows;

/// From so many rows on, keys are worth a trip of their own although nothing refers to them.
const KEYS_WORTH_A_TRIP: u32 = 4;

impl Run<'_> {
    /// Makes the keys of new rows, where somebody refers to them or they are many, and asks where very many of them may be
    /// copied: all in one trip, before BEGIN where the program has one. Inside of a transaction that is open it is part of the
    /// program, so that a failure is undone.
    pub(super) async fn prepare(&mut self) -> Result<(), Failure> {
        let program = self.program;
        let new_keys = program.steps.iter().enumerate().filter_map(|(at, step)| {
            let outline = step.shape.outline.as_deref()?;
            Some((at, step, outline, outline.key?))
        });
        let new_keys: Vec<_> = new_keys.collect();
        let worth_it = |at: usize, step: &Step| self.answers.keeps(at) || step.rows >= KEYS_WORTH_A_TRIP;
        let needs_keys = new_keys.iter().any(|&(at, step, ..)| worth_it(at, step));
        let copies = self.may_be_copies();
        if !needs_keys && copies.is_empty() {
            return Ok(());
        }
        // Settings of the transaction may say which tables and policies are meant.
        let opens = self.open_before || (!copies.is_empty() && !program.settings.is_empty());
        let mut trip = if opens { self.opening() } else { Trip::default() };
        let opening = trip.sent.len();
        for (at, step, outline, key) in new_keys {
            let is_alone = step.rows == 1 && !self.answers.keeps(at);
            if is_alone || self.link.without_sequence.contains(outline.table) {
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
                group: None,
                counted: Rows::default(),
            });
        }
        for (at, copy) in copies {
            self.ask_for_copy(at, copy, &mut trip)?;
        }
        if trip.sent.len() == opening {
            return Ok(());
        }
        self.send(&mut trip).await?;
        self.opened = opens;
        let keys = trip.sent[opening..].iter().filter(|sent| sent.kind == Kind::NewKeys);
        for sent in keys {
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
}
