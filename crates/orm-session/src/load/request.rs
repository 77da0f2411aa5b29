//! A relation of entities that the session has already: `session.load(..)`.

use orm_core::entity::RelationKind;
use orm_core::program::Program;
use orm_core::relation::{Leg, Link, OneState};
use orm_core::{Cells, Dialect, Result};

use super::{Fill, Order, Read, parts_of, statement_of};
use crate::arena::{Adopt, Parts};
use crate::state::State;
use crate::tracker::{Place, Tracker};

/// The most keys in one statement: beyond it, several statements in the same hop.
pub(crate) const KEYS_AT_ONCE: usize = 1_000;

/// A relation of some slots, and which of them need a query.
pub(crate) struct Request<'q> {
    leg: &'q Leg,
    source: u32,
    slots: Vec<u32>,
    /// Those whose targets are not known.
    unknown: Vec<u32>,
    into: Fill,
    order: Order,
}

impl<'q> Request<'q> {
    pub(crate) fn new(tracker: &mut Tracker, leg: &'q Leg, slots: Vec<u32>, into: Fill) -> Self {
        let relation = leg.relation;
        let source = tracker.ensure((relation.source)());
        let unknown = |slot: &u32| {
            let arena = tracker.arena(source);
            if matches!(arena.state(*slot), State::Pending | State::Inserting | State::Vacant) {
                return false;
            }
            let link = arena.link(*slot, relation.position);
            match &link {
                Link::Many(many) => !into.leaves(many.state()),
                // Whether a target meets a condition, only the database can tell.
                Link::One(one) => {
                    matches!(one.state(), OneState::Key(_))
                        && (leg.leaves_out() || tracker.target_of(&link, relation).is_none())
                }
            }
        };
        let unknown = slots.iter().copied().filter(unknown).collect();
        Self { leg, source, slots, unknown, into, order: Order::OfRows }
    }

    /// What has to be read, if anything.
    pub(crate) fn program(&mut self, tracker: &Tracker, dialect: &Dialect) -> Result<Option<Program>> {
        if self.unknown.is_empty() {
            return Ok(None);
        }
        let statement = statement_of(self.leg, tracker, dialect)?;
        self.order = statement.order;
        let mut program = Program::default();
        for slots in self.unknown.chunks(KEYS_AT_ONCE) {
            program.add(statement.shape.with_list(slots.len(), dialect).into(), |input| {
                input.append(&statement.input);
                slots.iter().for_each(|&slot| self.encode(tracker, slot, input));
            });
        }
        Ok(Some(program))
    }

    fn encode(&self, tracker: &Tracker, slot: u32, input: &mut Cells) {
        let arena = tracker.arena(self.source);
        match self.leg.relation.kind {
            RelationKind::BelongsTo { columns, .. } => {
                columns.iter().for_each(|&column| arena.encode(slot, column, input));
            }
            _ => arena.encode_row_key(slot, input),
        }
    }

    /// The collectors, one set for each statement.
    pub(crate) fn parts(&self, tracker: &mut Tracker, steps: usize) -> Parts {
        Parts((0..steps).map(|_| parts_of(tracker, self.leg.relation)).collect())
    }

    /// Takes in what was read.
    pub(crate) fn adopt(&self, tracker: &mut Tracker, parts: Parts, how: Adopt) {
        for (slots, parts) in self.unknown.chunks(KEYS_AT_ONCE).zip(parts.0) {
            let read = Read::adopt(tracker, self.leg.relation, parts, self.order, how);
            read.link(tracker, self.leg, slots, self.into, how);
        }
    }

    /// The slots that the relation leads to, each once. Targets that the session had already are linked without a
    /// query.
    pub(crate) fn targets(&self, tracker: &mut Tracker, how: Adopt) -> Vec<u32> {
        let relation = self.leg.relation;
        if matches!(relation.kind, RelationKind::BelongsTo { .. }) && !self.leg.leaves_out() {
            super::link_targets(tracker, self.leg, &self.slots, &[], how);
        }
        let mut targets: Vec<u32> = Vec::new();
        for &slot in &self.slots {
            let link = tracker.arena(self.source).link(slot, relation.position);
            match &link {
                // One that a condition left out is a key still.
                Link::One(one) if matches!(one.state(), OneState::Handle(..)) => {
                    targets.extend(tracker.target_of(&link, relation).map(|Place { slot, .. }| slot));
                }
                Link::One(_) => {}
                Link::Many(many) => targets.extend(many.members().into_iter().map(|member| member.slot)),
            }
        }
        targets.sort_unstable();
        targets.dedup();
        targets
    }
}
