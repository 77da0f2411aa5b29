//! The relations of `.with(..)`: steps behind the query's own, each fed by the answer of an earlier one.

use orm_core::entity::RelationMeta;
use orm_core::program::Program;
use orm_core::{Cell, Dialect, Result};

use super::{Fill, adopt, parts_of, statement_of};
use crate::arena::Part;
use crate::tracker::Tracker;

/// The relations to load, as a tree: paths that begin alike share their steps.
pub(crate) struct LoadPlan {
    nodes: Vec<Node>,
}

struct Node {
    relation: &'static RelationMeta,
    /// The step whose rows are the sources: 0 is the query, `n` the node before place `n`.
    parent: u16,
}

impl LoadPlan {
    /// Puts a step for each relation behind the query's.
    pub(crate) fn new(
        paths: &[Vec<&'static RelationMeta>],
        program: &mut Program,
        dialect: &Dialect,
    ) -> Result<Self> {
        let mut nodes: Vec<Node> = Vec::new();
        for path in paths {
            let mut parent = 0;
            for &relation in path {
                let known = nodes
                    .iter()
                    .position(|node| node.parent == parent && std::ptr::eq(node.relation, relation));
                let at = match known {
                    Some(at) => at,
                    None => {
                        nodes.push(Node { relation, parent });
                        add_step(program, relation, parent, dialect)?;
                        nodes.len() - 1
                    }
                };
                parent = at as u16 + 1;
            }
        }
        Ok(Self { nodes })
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// The collectors of the steps after the query.
    pub(crate) fn parts(&self, tracker: &mut Tracker) -> Vec<Vec<Box<dyn Part>>> {
        self.nodes.iter().map(|node| parts_of(tracker, node.relation)).collect()
    }

    /// Takes in what the collectors have, relation by relation. `roots` are the slots of the query's own rows.
    pub(crate) fn adopt(
        &self,
        tracker: &mut Tracker,
        parts: Vec<Vec<Box<dyn Part>>>,
        roots: Vec<u32>,
        uncommitted: Option<usize>,
    ) {
        let mut slots = vec![roots];
        for (node, parts) in self.nodes.iter().zip(parts) {
            let sources = &slots[usize::from(node.parent)];
            let targets = adopt(tracker, node.relation, sources, parts, Fill::Values, uncommitted);
            slots.push(targets);
        }
    }
}

fn add_step(
    program: &mut Program,
    relation: &'static RelationMeta,
    parent: u16,
    dialect: &Dialect,
) -> Result<()> {
    let statement = statement_of(relation, dialect)?;
    let (column, width) = statement.list;
    program.add(statement.shape.into(), |input| input.push(Cell::List { step: parent, column, width }));
    Ok(())
}
