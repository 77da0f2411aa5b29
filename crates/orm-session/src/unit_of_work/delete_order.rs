//! The order of deletes: who refers goes before whom it refers to, by way of what the database deletes along, too.

use std::cmp::Reverse;
use std::collections::HashMap;

use orm_core::Result;
use orm_core::entity::OnDelete;

use super::circles::{circles, deferred, levels, no_way_out, take_out};
use super::collect::Collected;
use super::delete::DeleteEffects;
use super::order::{Deferred, Edge, Group, edges};
use crate::tracker::{Place, Tracker};

/// The deletes of a flush.
#[derive(Default)]
pub(super) struct DeleteOrder {
    /// Each as a row that is deleted by a statement, in order.
    pub(super) rows: Vec<Place>,
    /// References that become NULL before.
    pub(super) deferred: Vec<Deferred>,
    /// Rows that go along with another one, with that one: no statement of their own can come first.
    pub(super) along: Vec<(Place, Place)>,
}

/// Puts the deletes in order.
///
/// # Errors
/// [`Error::Circular`](orm_core::Error::Circular) for rows that must each go before the other.
pub(super) fn order_deletes(
    tracker: &Tracker,
    collected: &Collected,
    groups: &[Group],
) -> Result<DeleteOrder> {
    if collected.deletes.is_empty() {
        return Ok(DeleteOrder::default());
    }
    let all = || {
        let mut graph = Graph::new(tracker, collected.deletes.clone());
        let matters = graph.add_cascaded(collected);
        (graph, matters)
    };
    if !collected.effects.cascaded.is_empty()
        && let (graph, true) = all()
    {
        return graph.ordered(&collected.effects, groups);
    }
    // A circle may have a way out by a row of another group.
    by_groups(tracker, collected, groups).or_else(|_| all().0.ordered(&collected.effects, groups))
}

/// Puts the rows of each group of tables in order, those of the last group first.
fn by_groups(tracker: &Tracker, collected: &Collected, groups: &[Group]) -> Result<DeleteOrder> {
    let mut order = DeleteOrder::default();
    for group in groups.iter().rev() {
        let rows = collected.deletes.iter().copied().filter(|row| group.arenas.contains(&row.arena));
        if group.cyclic {
            let part = Graph::new(tracker, rows.collect()).ordered(&collected.effects, groups)?;
            order.rows.extend(part.rows);
            order.deferred.extend(part.deferred);
            order.along.extend(part.along);
            continue;
        }
        let rows: Vec<Place> = rows.collect();
        for &arena in &group.arenas {
            let mut rows: Vec<(u32, u32)> =
                rows.iter().filter(|row| row.arena == arena).map(|row| (row.slot, 0)).collect();
            tracker.arena(arena).sort_by_row_key(&mut rows);
            order.rows.extend(rows.into_iter().map(|(slot, _)| Place { arena, slot }));
        }
    }
    Ok(order)
}

/// Rows that go, and their references to each other.
struct Graph<'a> {
    tracker: &'a Tracker,
    rows: Vec<Place>,
    /// How many of the rows are deleted by statements: they come first.
    deleted: usize,
    edges: Vec<Vec<Edge>>,
    /// The row with which each one goes, which may be itself.
    goes_with: Vec<usize>,
}

impl<'a> Graph<'a> {
    fn new(tracker: &'a Tracker, rows: Vec<Place>) -> Self {
        let edges = edges(tracker, &rows, true);
        let (deleted, goes_with) = (rows.len(), (0..rows.len()).collect());
        Self { tracker, rows, deleted, edges, goes_with }
    }

    /// Adds the rows that the database deletes along. Answers whether the order of the others depends on them.
    fn add_cascaded(&mut self, collected: &Collected) -> bool {
        let tracker = self.tracker;
        let mut cascaded: Vec<(Place, Place)> =
            collected.effects.cascaded.iter().map(|(&row, &root)| (row, root)).collect();
        cascaded.sort_unstable_by_key(|(row, _)| (tracker.arena(row.arena).meta().table, row.slot));
        let at: HashMap<Place, usize> = self.rows.iter().enumerate().map(|(at, &row)| (row, at)).collect();
        for (row, root) in cascaded {
            let Some(&root) = at.get(&root) else { continue };
            self.rows.push(row);
            self.goes_with.push(root);
        }
        self.edges = edges(tracker, &self.rows, true);
        let (deleted, goes_with) = (self.deleted, &self.goes_with);
        // What goes along waits for nothing by itself that the database, or a statement of the flush, does with it.
        let is_refused = |edge: &Edge| match edge.on_delete {
            Some(OnDelete::Cascade | OnDelete::SetNull) => false,
            Some(OnDelete::Restrict) => true,
            None => edge.to >= deleted || !edge.nullable || edge.relation.is_none(),
        };
        self.edges[deleted..].iter_mut().for_each(|edges| edges.retain(is_refused));
        let matters = self.edges.iter().flatten().any(|edge| {
            let has_cascaded = edge.of >= deleted || edge.to >= deleted;
            let waits = edge.on_delete != Some(OnDelete::SetNull);
            has_cascaded && waits && goes_with[edge.of] != goes_with[edge.to]
        });
        self.join();
        matters
    }

    /// References of what goes with another row are that row's.
    fn join(&mut self) {
        for row in 0..self.rows.len() {
            let root = self.goes_with[row];
            if root != row {
                let own = std::mem::take(&mut self.edges[row]);
                self.edges[root].extend(own);
            }
        }
        for (row, edges) in self.edges.iter_mut().enumerate() {
            edges.iter_mut().for_each(|edge| edge.to = self.goes_with[edge.to]);
            edges.retain(|edge| edge.to != row);
        }
    }

    fn ordered(mut self, effects: &DeleteEffects, groups: &[Group]) -> Result<DeleteOrder> {
        let mut taken = Vec::new();
        let all: Vec<usize> = (0..self.rows.len()).collect();
        let mut found = circles(&self.edges, &all, |_| true);
        if !found.is_empty() {
            while let Some(circle) = circles(&self.edges, &all, is_fixed).first() {
                self.send_along(circle)?;
            }
            found = circles(&self.edges, &all, |_| true);
        }
        while let Some(circle) = found.pop() {
            let (tracker, rows) = (self.tracker, &self.rows);
            let is_emptied = |edge: &Edge| {
                edge.on_delete == Some(OnDelete::SetNull)
                    || effects.is_nulled(tracker, rows[edge.of], edge, rows[edge.target])
            };
            if !take_out(&mut self.edges, &circle, is_emptied, &mut Vec::new()) {
                take_out(&mut self.edges, &circle, |edge| edge.nullable, &mut taken);
            }
            found.extend(circles(&self.edges, &circle, |_| true));
        }
        let levels = levels(&self.edges);
        let group_of = |row: Place| {
            let group = groups.iter().position(|group| group.arenas.contains(&row.arena));
            group.map(|at| (Reverse(at), groups[at].position(row)))
        };
        let mut order: Vec<usize> = (0..self.deleted).filter(|&at| self.goes_with[at] == at).collect();
        order.sort_by_key(|&at| (Reverse(levels[at]), group_of(self.rows[at])));
        let rows = order.into_iter().map(|at| self.rows[at]).collect();
        let along = self.goes_with.iter().enumerate().filter(|&(at, &root)| at != root);
        let along = along.map(|(at, &root)| (self.rows[at], self.rows[root])).collect();
        Ok(DeleteOrder { rows, deferred: deferred(&self.rows, taken), along })
    }

    /// One row of a circle goes along with one that it refers to, on the circle if there is such.
    fn send_along(&mut self, circle: &[usize]) -> Result<()> {
        let goes_along = |row: usize, inside: bool| {
            let is_inside = |edge: &&Edge| !inside || circle.binary_search(&edge.to).is_ok();
            let is_refused = |to: usize| {
                let mut edges = self.edges[row].iter().filter(|edge| edge.to == to);
                edges.any(|edge| edge.on_delete == Some(OnDelete::Restrict))
            };
            let goes = |edge: &&Edge| {
                edge.of == row && edge.on_delete == Some(OnDelete::Cascade) && !is_refused(edge.to)
            };
            self.edges[row].iter().find(|edge| is_inside(edge) && goes(edge)).map(|edge| (row, edge.to))
        };
        let inside = circle.iter().find_map(|&row| goes_along(row, true));
        let found = inside.or_else(|| circle.iter().find_map(|&row| goes_along(row, false)));
        let Some((row, root)) = found else {
            return Err(no_way_out(self.tracker, &self.rows, &self.edges, circle));
        };
        for with in &mut self.goes_with {
            if *with == row {
                *with = root;
            }
        }
        self.join();
        Ok(())
    }
}

/// Whether a reference cannot be taken out of a row.
fn is_fixed(edge: &Edge) -> bool {
    !edge.nullable
}
