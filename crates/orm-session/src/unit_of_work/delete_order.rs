//! The order of deletes: who refers goes before whom it refers to, by way of what the database deletes along, too.

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};

use orm_core::Result;
use orm_core::entity::OnDelete;

use super::circles::{circles, deferred, levels, no_way_out, take_out};
use super::collect::Collected;
use super::delete::{DeleteEffects, Nulled};
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
///
/// A row that goes along with others goes with the first of them. Where that is the same one in any order, its references
/// are that one's. Otherwise it stands in the graph for the moment just before it goes: who refers to it comes before
/// that, and that before each of the rows that would take it.
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
        let deleted = self.deleted;
        // What goes along waits for nothing by itself that a statement of the flush does with it. By what the database
        // does with it, it goes.
        let matters = |edge: &Edge| match edge.on_delete {
            Some(OnDelete::SetNull) => false,
            Some(OnDelete::Cascade | OnDelete::Restrict) => true,
            None => edge.to >= deleted || !edge.nullable || edge.relation.is_none(),
        };
        for edges in &mut self.edges[deleted..] {
            edges.retain(matters);
            edges.iter_mut().filter(|edge| goes_by(edge)).for_each(|edge| edge.nullable = false);
        }
        let several = self.several();
        let matters = self.edges.iter().enumerate().any(|(row, edges)| {
            let is_cascaded = row >= deleted;
            edges.iter().any(|edge| {
                let waits = edge.on_delete != Some(OnDelete::SetNull) && !(is_cascaded && goes_by(edge));
                let is_elsewhere = several[edge.to] || self.goes_with[row] != self.goes_with[edge.to];
                waits && (is_cascaded || edge.to >= deleted) && is_elsewhere
            })
        });
        self.join();
        matters
    }

    /// References of what goes with another row are that row's, but for those by which it may go with yet another.
    fn join(&mut self) {
        for row in 0..self.rows.len() {
            let root = self.goes_with[row];
            if root != row {
                let own = std::mem::take(&mut self.edges[row]);
                let (kept, moved) = own.into_iter().partition(|edge| edge.of == row && goes_by(edge));
                self.edges[row] = kept;
                self.edges[root].extend::<Vec<Edge>>(moved);
            }
        }
        let several = self.several();
        for (row, edges) in self.edges.iter_mut().enumerate() {
            if self.goes_with[row] != row && !several[row] {
                edges.clear();
            }
            for edge in edges.iter_mut().filter(|edge| !several[edge.to]) {
                edge.to = self.goes_with[edge.to];
            }
            edges.retain(|edge| edge.to != row);
        }
    }

    /// Which of the rows that go along go with one row or another, whichever is deleted first.
    fn several(&self) -> Vec<bool> {
        let mut several = vec![false; self.rows.len()];
        let mut followers: Vec<Vec<usize>> = vec![Vec::new(); self.rows.len()];
        let mut found = Vec::new();
        for row in (0..self.rows.len()).filter(|&row| !self.is_deleted(row)) {
            for edge in self.edges[row].iter().filter(|edge| edge.of == row && goes_by(edge)) {
                followers[edge.to].push(row);
                if self.goes_with[edge.to] != self.goes_with[row] {
                    found.push(row);
                }
            }
        }
        while let Some(row) = found.pop() {
            if !several[row] {
                several[row] = true;
                found.extend(&followers[row]);
            }
        }
        several
    }

    /// Whether a statement deletes the row.
    fn is_deleted(&self, row: usize) -> bool {
        self.goes_with[row] == row
    }

    /// The circles in which rows that are deleted wait for each other.
    fn circles(&self, members: &[usize], counts: impl Fn(&Edge) -> bool) -> Vec<Vec<usize>> {
        let mut found = circles(&self.edges, members, counts);
        found.retain(|circle| circle.iter().filter(|&&row| self.is_deleted(row)).count() > 1);
        found
    }

    fn ordered(mut self, effects: &DeleteEffects, groups: &[Group]) -> Result<DeleteOrder> {
        let mut taken = Vec::new();
        let all: Vec<usize> = (0..self.rows.len()).collect();
        let mut found = self.circles(&all, |_| true);
        if !found.is_empty() {
            while let Some(circle) = self.circles(&all, is_fixed).first() {
                self.send_along(circle, &mut taken)?;
            }
            found = self.circles(&all, |_| true);
        }
        let nulled = if found.is_empty() { Nulled::default() } else { Nulled::of(effects) };
        while let Some(circle) = found.pop() {
            let (tracker, rows) = (self.tracker, &self.rows);
            let is_emptied = |edge: &Edge| {
                edge.on_delete == Some(OnDelete::SetNull)
                    || nulled.has(tracker, rows[edge.of], edge, rows[edge.target])
            };
            if !take_out(&mut self.edges, &circle, is_emptied, &mut Vec::new()) {
                take_out(&mut self.edges, &circle, |edge| edge.nullable, &mut taken);
            }
            found.extend(self.circles(&circle, |_| true));
        }
        let levels = levels(&self.edges);
        let group_of = |row: Place| {
            let group = groups.iter().position(|group| group.arenas.contains(&row.arena));
            group.map(|at| (Reverse(at), groups[at].position(row)))
        };
        let mut order: Vec<usize> = (0..self.deleted).filter(|&at| self.is_deleted(at)).collect();
        order.sort_by_key(|&at| (Reverse(levels[at]), group_of(self.rows[at])));
        let rows = order.into_iter().map(|at| self.rows[at]).collect();
        let along = self.goes_with.iter().enumerate().filter(|&(at, &root)| at != root);
        let along = along.map(|(at, &root)| (self.rows[at], self.rows[root])).collect();
        Ok(DeleteOrder { rows, deferred: deferred(&self.rows, taken), along })
    }

    /// One row of a circle goes along with one that it refers to, on the circle if there is such. What would refuse that
    /// is taken out before, if it may be NULL.
    fn send_along(&mut self, circle: &[usize], taken: &mut Vec<Edge>) -> Result<()> {
        let is_inside = |row: usize| circle.binary_search(&row).is_ok();
        let deleted = || circle.iter().copied().filter(|&row| self.is_deleted(row));
        let way = |with_null: bool| {
            let inside = deleted().find_map(|row| self.way_along(row, with_null, is_inside));
            inside.or_else(|| deleted().find_map(|row| self.way_along(row, with_null, |_| true)))
        };
        let Some((row, at, root)) = way(false).or_else(|| way(true)) else {
            return Err(no_way_out(self.tracker, &self.rows, &self.edges, circle));
        };
        // It goes by this one, which has to stay.
        self.edges[row][at].nullable = false;
        let to = self.edges[row][at].to;
        taken.extend(self.edges[row].extract_if(.., |edge| is_restricted(edge) && edge.to == to));
        for with in &mut self.goes_with {
            if *with == row {
                *with = root;
            }
        }
        self.join();
        Ok(())
    }

    /// How a row can go along with another one: the reference by which it does, and the one that is deleted.
    fn way_along(
        &self,
        row: usize,
        with_null: bool,
        may_pass: impl Fn(usize) -> bool,
    ) -> Option<(usize, usize, usize)> {
        let is_refused = |to: usize| {
            let mut edges = self.edges[row].iter().filter(|edge| edge.to == to && is_restricted(edge));
            edges.any(|edge| !with_null || is_fixed(edge))
        };
        let goes = |edge: &Edge| edge.of == row && goes_by(edge) && !is_refused(edge.to);
        self.edges[row].iter().enumerate().filter(|(_, edge)| goes(edge)).find_map(|(at, edge)| {
            let mut seen: HashSet<usize> = HashSet::from([row]);
            let mut path = vec![edge.to];
            while let Some(next) = path.pop() {
                if !may_pass(next) || !seen.insert(next) {
                    continue;
                }
                if self.is_deleted(next) {
                    return Some((row, at, next));
                }
                path.extend(self.edges[next].iter().map(|edge| edge.to));
            }
            None
        })
    }
}

/// Whether a reference cannot be taken out of a row.
fn is_fixed(edge: &Edge) -> bool {
    !edge.nullable
}

/// Whether the row goes with what it refers to.
fn goes_by(edge: &Edge) -> bool {
    edge.on_delete == Some(OnDelete::Cascade)
}

fn is_restricted(edge: &Edge) -> bool {
    edge.on_delete == Some(OnDelete::Restrict)
}
