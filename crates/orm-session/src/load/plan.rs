//! The relations of `.with(..)`: steps behind the query's own, each fed by the answer of an earlier one, and targets that
//! ride in the query's rows.

use orm_core::program::Program;
use orm_core::row::{ColumnError, Row};
use orm_core::stmt::{Load, Loads};
use orm_core::{Cell, Dialect, Result};

use super::{Fill, Order, Read, parts_of, statement_of};
use crate::arena::{Adopt, Part};
use crate::tracker::Tracker;

/// The relations to load, each with the step that reads it.
pub(crate) struct LoadPlan<'q> {
    loads: &'q Loads,
    /// The query's own step.
    own: u16,
    /// The step of each: the query's own where its targets ride in the query's rows. And how its rows come.
    steps: Vec<(u16, Order)>,
}

impl<'q> LoadPlan<'q> {
    /// Puts a step for each relation behind the query's, which is the last one so far.
    pub(crate) fn new(
        loads: &'q Loads,
        program: &mut Program,
        tracker: &Tracker,
        dialect: &Dialect,
    ) -> Result<Self> {
        let mut plan = Self { loads, own: (program.steps.len() - 1) as u16, steps: Vec::new() };
        for load in loads.nodes() {
            let step = match load.joined {
                Some(_) => (plan.own, Order::OfRows),
                None => plan.add_step(load, program, tracker, dialect)?,
            };
            plan.steps.push(step);
        }
        Ok(plan)
    }

    /// The step takes its list from the rows of the source, which may ride in those of the query.
    fn add_step(
        &self,
        load: &Load,
        program: &mut Program,
        tracker: &Tracker,
        dialect: &Dialect,
    ) -> Result<(u16, Order)> {
        let statement = statement_of(&load.leg, tracker, dialect)?;
        let (step, first) = match load.parent {
            None => (self.own, 0),
            Some(parent) => (self.steps[parent].0, self.loads.nodes()[parent].joined.unwrap_or_default()),
        };
        let (column, width) = statement.list;
        let list = Cell::List { step, column: first as u16 + column, width };
        let at = program.next_step()?;
        program.add(statement.shape.into(), |input| {
            input.append(&statement.input);
            input.push(list);
        });
        Ok((at, statement.order))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// The collectors of the relations.
    pub(crate) fn parts(&self, tracker: &mut Tracker) -> Collectors {
        let nodes = self.loads.nodes().iter().zip(&self.steps);
        let each = nodes.map(|(load, &(step, _))| {
            let parts = match load.joined {
                Some(at) => {
                    let target = tracker.ensure((load.leg.relation.target)());
                    vec![tracker.arena(target).joined_part(at)]
                }
                None => parts_of(tracker, load.leg.relation),
            };
            Collector { step, parts }
        });
        Collectors(each.collect())
    }

    /// Takes in what the collectors have. `roots` are the slots of the query's own rows.
    pub(crate) fn adopt(&self, tracker: &mut Tracker, parts: Collectors, roots: Vec<u32>, how: Adopt) {
        let nodes = self.loads.nodes();
        // All rows before any link: a row that overwrites an entity takes its collections away.
        let read: Vec<Read> = nodes
            .iter()
            .zip(&self.steps)
            .zip(parts.0)
            .map(|((load, &(_, order)), collector)| {
                Read::adopt(tracker, load.leg.relation, collector.parts, order, how)
            })
            .collect();
        let mut slots: Vec<Vec<u32>> = Vec::with_capacity(nodes.len());
        for (load, read) in nodes.iter().zip(read) {
            let sources = load.parent.map_or(&roots, |parent| &slots[parent]);
            let targets = read.link(tracker, &load.leg, sources, Fill::Values, how);
            slots.push(targets);
        }
    }
}

/// What collects the targets of each relation.
#[derive(Default)]
pub(crate) struct Collectors(Vec<Collector>);

struct Collector {
    /// The step whose rows it takes.
    step: u16,
    parts: Vec<Box<dyn Part>>,
}

impl Collectors {
    /// Gives a row to those that want it.
    pub(crate) fn row(&mut self, step: u16, row: &Row<'_>) -> Result<(), ColumnError> {
        for collector in self.0.iter_mut().filter(|collector| collector.step == step) {
            for part in &mut collector.parts {
                part.row(row)?;
            }
        }
        Ok(())
    }

    /// Forgets the rows so far.
    pub(crate) fn clear(&mut self) {
        self.0.iter_mut().flat_map(|collector| &mut collector.parts).for_each(|part| part.clear());
    }
}
