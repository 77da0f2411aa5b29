//! The relations that are loaded with a query, as a tree: paths that begin alike share their beginning.

use super::scope::{self, Scope};
use crate::dialect::Dialect;
use crate::entity::RelationMeta;
use crate::error::{Error, Result};
use crate::relation::{Leg, Narrow};
use crate::render;
use crate::stmt::Compiled;

/// The relations to load with the rows of a query, each after the one that it starts from.
#[derive(Clone, Debug, Default)]
pub struct Loads {
    nodes: Vec<Load>,
}

/// One relation to load.
#[derive(Clone, Debug)]
pub struct Load {
    /// The relation, and what is wanted of it.
    pub leg: Leg,
    /// The one before whose targets it starts from; `None` for the query's own rows.
    pub parent: Option<usize>,
    /// Whether its targets ride in the rows of the query, and the column at which they begin there.
    pub joined: Option<usize>,
}

impl Loads {
    /// Puts paths together. `width` is how many columns the rows of the query have themselves.
    ///
    /// # Errors
    /// If a condition or an order names a column of another entity; if one relation is wanted in two ways.
    pub fn new(paths: Vec<Vec<Leg>>, width: usize) -> Result<Self> {
        let mut nodes: Vec<Load> = Vec::new();
        for path in paths {
            let mut parent = None;
            for leg in path {
                leg.check()?;
                let same =
                    |node: &Load| node.parent == parent && std::ptr::eq(node.leg.relation, leg.relation);
                match nodes.iter().position(same) {
                    Some(known) => {
                        nodes[known].leg.share(&leg)?;
                        parent = Some(known);
                    }
                    None => {
                        nodes.push(Load { leg, parent, joined: None });
                        parent = Some(nodes.len() - 1);
                    }
                }
            }
        }
        place_joined(&mut nodes, width);
        Ok(Self { nodes })
    }

    /// The relations, each after the one that it starts from.
    pub fn nodes(&self) -> &[Load] {
        &self.nodes
    }

    /// Those that ride in the rows of the query, each with its number among them.
    pub(crate) fn joined(&self) -> impl Iterator<Item = (usize, &Load)> {
        self.nodes.iter().enumerate().filter(|(_, node)| node.joined.is_some())
    }

    /// The same relations, none of which rides in the rows of the query.
    #[doc(hidden)]
    #[must_use]
    pub fn apart(&self) -> Self {
        let mut apart = self.clone();
        apart.change(|leg| leg.joined = false);
        apart
    }

    /// Changes what is wanted of each relation.
    pub(super) fn change(&mut self, mut each: impl FnMut(&mut Leg)) {
        let Some(first) = self.nodes.first() else { return };
        let width = (first.leg.relation.source)().columns.len();
        for node in &mut self.nodes {
            each(&mut node.leg);
            node.joined = None;
        }
        place_joined(&mut self.nodes, width);
    }

    /// Adds the tables that are read.
    pub(super) fn reads(&self, out: &mut Vec<&'static str>) {
        self.nodes.iter().for_each(|node| node.leg.reads(out));
    }
}

/// A target rides in the query's rows if its source does.
fn place_joined(nodes: &mut [Load], mut width: usize) {
    for at in 0..nodes.len() {
        let in_rows = nodes[at].parent.is_none_or(|parent| nodes[parent].joined.is_some());
        if nodes[at].leg.joined && in_rows {
            nodes[at].joined = Some(width);
            width += (nodes[at].leg.relation.target)().columns.len();
        }
    }
}

impl Leg {
    /// Whether conditions and order are about the targets, and nothing else.
    #[doc(hidden)]
    pub fn check(&self) -> Result<()> {
        if self.alias.is_some() {
            return Err(Error::build(format!(
                "`{}.to(&alias)` says where a join adds the target, and this loads it: leave the alias out",
                self.relation.constant()
            )));
        }
        let Some(narrow) = &self.narrow else { return Ok(()) };
        let scope = Scope::loaded((self.relation.target)());
        narrow.nodes().try_for_each(|node| scope.check(node))
    }

    /// Adds the tables that it reads.
    #[doc(hidden)]
    pub fn reads(&self, out: &mut Vec<&'static str>) {
        scope::path_reads(&[self.relation], out);
        if let Some(narrow) = &self.narrow {
            narrow.nodes().for_each(|node| scope::reads(node, out));
        }
    }

    /// The statement that reads the targets of a list of sources, if not simply all of them; its parameters come before
    /// the list, which is the last. Each row has the columns of the target, then for pairs the key of the source.
    ///
    /// # Errors
    /// If it has more parameters than the database takes.
    #[doc(hidden)]
    pub fn compile(&self, dialect: &Dialect) -> Result<Option<Compiled>> {
        self.narrow.as_ref().map(|narrow| render::narrowed(self.relation, narrow, dialect)).transpose()
    }

    /// Takes in another one that names the same relation.
    fn share(&mut self, other: &Leg) -> Result<()> {
        self.joined |= other.joined;
        let spelled = |leg: &Leg| leg.narrow.as_ref().map(|narrow| format!("{narrow:?}"));
        if spelled(self) == spelled(other) {
            return Ok(());
        }
        Err(twice(self.relation))
    }
}

#[cold]
fn twice(relation: &RelationMeta) -> Error {
    Error::build(format!(
        "{} is loaded twice in one query, with different conditions, order or limit, and a field holds one list: give \
         both paths the same `{}.filter(..)`, or load the other one by a query of its own",
        relation.path(),
        relation.constant()
    ))
}

impl Narrow {
    pub(super) fn nodes(&self) -> impl Iterator<Item = &crate::expr::Node> {
        self.filter.iter().chain(self.order_by.iter().map(|order| &order.node))
    }
}
