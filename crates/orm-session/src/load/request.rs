//! A relation of entities that the session has already: `session.load(..)`.

use orm_core::entity::{RelationKind, RelationMeta};
use orm_core::program::Program;
use orm_core::relation::{Link, ManyState, OneState};
use orm_core::{Cells, Dialect, Result};

use super::{Fill, adopt, parts_of, statement_of};
use crate::arena::Parts;
use crate::state::State;
use crate::tracker::{Place, Tracker};

/// The most keys in one statement: beyond it, several statements in the same hop.
pub(crate) const KEYS_AT_ONCE: usize = 1_000;

/// A relation of some slots, and which of them need a query.
pub(crate) struct Request {
    relation: &'static RelationMeta,
    source: u32,
    slots: Vec<u32>,
    /// Those whose targets are not known.
    unknown: Vec<u32>,
    into: Fill,
}

impl Request {
    pub(crate) fn new(
        tracker: &mut Tracker,
        relation: &'static RelationMeta,
        slots: Vec<u32>,
        into: Fill,
    ) -> Self {
        let source = tracker.ensure((relation.source)());
        let unknown = |slot: &u32| {
            let arena = tracker.arena(source);
            if matches!(arena.state(*slot), State::Pending | State::Inserting | State::Vacant) {
                return false;
            }
            let link = arena.link(*slot, relation.position);
            match &link {
                Link::Many(many) => {
                    into == Fill::Images || !matches!(many.state(), ManyState::Loaded | ManyState::Replaced)
                }
                Link::One(one) => {
                    matches!(one.state(), OneState::Key(_)) && tracker.target_of(&link, relation).is_none()
                }
            }
        };
        let unknown = slots.iter().copied().filter(unknown).collect();
        Self { relation, source, slots, unknown, into }
    }

    /// What has to be read, if anything.
    pub(crate) fn program(&self, tracker: &Tracker, dialect: &Dialect) -> Result<Option<Program>> {
        if self.unknown.is_empty() {
            return Ok(None);
        }
        let statement = statement_of(self.relation, dialect)?;
        let mut program = Program::default();
        for slots in self.unknown.chunks(KEYS_AT_ONCE) {
            program.add(statement.shape.with_list(slots.len(), dialect).into(), |input| {
                slots.iter().for_each(|&slot| self.encode(tracker, slot, input));
            });
        }
        Ok(Some(program))
    }

    fn encode(&self, tracker: &Tracker, slot: u32, input: &mut Cells) {
        let arena = tracker.arena(self.source);
        match self.relation.kind {
            RelationKind::BelongsTo { columns, .. } => {
                columns.iter().for_each(|&column| arena.encode(slot, column, input));
            }
            _ => arena.encode_row_key(slot, input),
        }
    }

    /// The collectors, one set for each statement.
    pub(crate) fn parts(&self, tracker: &mut Tracker, steps: usize) -> Parts {
        Parts((0..steps).map(|_| parts_of(tracker, self.relation)).collect())
    }

    /// Takes in what was read.
    pub(crate) fn adopt(&self, tracker: &mut Tracker, parts: Parts, uncommitted: Option<usize>) {
        for (slots, parts) in self.unknown.chunks(KEYS_AT_ONCE).zip(parts.0) {
            adopt(tracker, self.relation, slots, parts, self.into, uncommitted);
        }
    }

    /// The slots that the relation leads to, each once. Targets that the session had already are linked without a
    /// query.
    pub(crate) fn targets(&self, tracker: &mut Tracker, uncommitted: Option<usize>) -> Vec<u32> {
        if matches!(self.relation.kind, RelationKind::BelongsTo { .. }) {
            super::link_targets(tracker, self.relation, self.source, &self.slots, uncommitted);
        }
        let mut targets: Vec<u32> = Vec::new();
        for &slot in &self.slots {
            let link = tracker.arena(self.source).link(slot, self.relation.position);
            match &link {
                Link::One(_) => {
                    targets.extend(tracker.target_of(&link, self.relation).map(|Place { slot, .. }| slot))
                }
                Link::Many(many) => targets.extend(many.members().into_iter().map(|member| member.slot)),
            }
        }
        targets.sort_unstable();
        targets.dedup();
        targets
    }
}
