//! Sorting operations where the default order would take a unique value before it is given up.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

use orm_core::{Error, Result};

use super::collect::Collected;
use super::operations::{Op, Operations, Reference};
use super::order::{Deferred, references_between};
use super::unique::Handover;
use crate::tracker::{Place, Tracker};

/// Sorts the operations so that every reference finds its row, every row goes after those that refer to it, and every
/// unique value is given up before it is taken. Among those that may come next, the first of the default order comes.
/// Two rows that swap values get one NULL in between, where the column allows it.
///
/// # Errors
/// [`Error::Circular`] naming the rows, where it does not.
pub(super) fn schedule(
    tracker: &Tracker,
    collected: &Collected,
    mut operations: Operations,
    mut handovers: Vec<Handover>,
) -> Result<Operations> {
    let mut edges = required(tracker, collected, &operations);
    loop {
        let unique = handovers.iter().map(|handover| (handover.before, handover.after));
        let all: Vec<(usize, usize)> = edges.iter().copied().chain(unique).collect();
        let stuck = match sort(operations.list.len(), &all) {
            Ok(order) => {
                operations.list = order.into_iter().map(|at| operations.list[at]).collect();
                return Ok(operations);
            }
            Err(stuck) => stuck,
        };
        let in_circle =
            |handover: &&mut Handover| stuck.contains(&handover.before) && stuck.contains(&handover.after);
        let nullable = |handover: &Handover| {
            let meta = tracker.arena(handover.row.arena).meta();
            handover.columns.iter().any(|&column| meta.columns[column].nullable)
        };
        let Some(handover) = handovers.iter_mut().filter(in_circle).find(|handover| nullable(handover))
        else {
            return Err(circle(tracker, collected, &operations, &stuck));
        };
        // The row gives the value up twice: first for NULL, which lets the other one take it, then for its own.
        let meta = tracker.arena(handover.row.arena).meta();
        let columns: Vec<usize> =
            handover.columns.iter().copied().filter(|&column| meta.columns[column].nullable).collect();
        let clear = operations.list.len();
        edges.push((clear, handover.before));
        handover.before = clear;
        let deferred = Deferred { row: handover.row, columns, relation: None };
        operations.list.push(Op::Reference { reference: operations.references.len() });
        operations.references.push(Reference { deferred, to_null: true });
    }
}

/// What must come before what because of references.
fn required(tracker: &Tracker, collected: &Collected, operations: &Operations) -> Vec<(usize, usize)> {
    let mut at = Positions::default();
    for (position, op) in operations.list.iter().enumerate() {
        match *op {
            Op::Insert { row, .. } => at.written.insert(row, position),
            Op::Update { row, .. } => at.written.insert(row, position),
            Op::Switch { switch } => at.written.insert(collected.switches[switch].new, position),
            Op::Delete { row } => at.deleted.insert(row, position),
            _ => None,
        };
    }
    let mut edges = Vec::new();
    at.values(tracker, operations, &mut edges);
    at.rows(tracker, operations, &mut edges);
    for (position, op) in operations.list.iter().enumerate() {
        match *op {
            Op::Link { pair } => {
                let pair = collected.pairs.added[pair];
                let ends = [pair.source, pair.target];
                edges.extend(ends.iter().filter_map(|end| Some((*at.written.get(end)?, position))));
            }
            Op::Unlink { pair } => {
                let pair = collected.pairs.removed[pair];
                let ends = [pair.source, pair.target];
                edges.extend(ends.iter().filter_map(|end| Some((position, *at.deleted.get(end)?))));
            }
            Op::NullReferences { row, .. } | Op::UnlinkAll { row, .. } => {
                edges.extend(at.deleted.get(&row).map(|&delete| (position, delete)));
            }
            _ => {}
        }
    }
    edges
}

/// Where the operations of rows stand in the list.
#[derive(Default)]
struct Positions {
    written: HashMap<Place, usize>,
    deleted: HashMap<Place, usize>,
}

impl Positions {
    /// A row that refers to another is written after it; a reference that was put off, after both.
    fn values(&self, tracker: &Tracker, operations: &Operations, edges: &mut Vec<(usize, usize)>) {
        let mut rows: Vec<Place> = self.written.keys().copied().collect();
        rows.sort_by_key(|row| self.written[row]);
        for (row, target, columns) in references_between(tracker, &rows, false) {
            let later = operations.list.iter().position(|op| {
                matches!(op, Op::Reference { reference }
                    if operations.references[*reference].is_of(row, &columns, false))
            });
            edges.push((self.written[&target], later.unwrap_or(self.written[&row])));
            edges.extend(later.map(|later| (self.written[&row], later)));
        }
    }

    /// A row that refers to a deleted one is changed or deleted before.
    fn rows(&self, tracker: &Tracker, operations: &Operations, edges: &mut Vec<(usize, usize)>) {
        let mut rows: Vec<Place> = self.deleted.keys().copied().collect();
        rows.extend(
            self.written
                .iter()
                .filter(|(_, at)| matches!(operations.list[**at], Op::Update { .. }))
                .map(|(row, _)| *row),
        );
        rows.sort_unstable();
        for (row, target, columns) in references_between(tracker, &rows, true) {
            let Some(&delete) = self.deleted.get(&target) else { continue };
            let before = operations.list.iter().position(|op| {
                matches!(op, Op::Reference { reference }
                    if operations.references[*reference].is_of(row, &columns, true))
            });
            let own = self.written.get(&row).or_else(|| self.deleted.get(&row));
            edges.extend(before.or(own.copied()).map(|before| (before, delete)));
            edges.extend(before.zip(own.copied()));
        }
    }
}

impl Reference {
    fn is_of(&self, row: Place, columns: &[usize], to_null: bool) -> bool {
        self.deferred.row == row && self.deferred.columns == columns && self.to_null == to_null
    }
}

/// A topological order that takes the lowest node that may come next; or the nodes of which none may.
///
/// Source: A. B. Kahn, "Topological sorting of large networks", 1962, with a heap for the ties.
fn sort(nodes: usize, edges: &[(usize, usize)]) -> Result<Vec<usize>, Vec<usize>> {
    let mut waits_for = vec![0_usize; nodes];
    let mut followers: Vec<Vec<usize>> = vec![Vec::new(); nodes];
    for &(before, after) in edges.iter().filter(|(before, after)| before != after) {
        waits_for[after] += 1;
        followers[before].push(after);
    }
    let mut ready: BinaryHeap<Reverse<usize>> =
        (0..nodes).filter(|&node| waits_for[node] == 0).map(Reverse).collect();
    let mut order = Vec::with_capacity(nodes);
    while let Some(Reverse(node)) = ready.pop() {
        order.push(node);
        for &follower in &followers[node] {
            waits_for[follower] -= 1;
            if waits_for[follower] == 0 {
                ready.push(Reverse(follower));
            }
        }
    }
    if order.len() == nodes {
        return Ok(order);
    }
    Err((0..nodes).filter(|&node| waits_for[node] > 0).collect())
}

fn circle(tracker: &Tracker, collected: &Collected, operations: &Operations, stuck: &[usize]) -> Error {
    let row_of = |op: Op| match op {
        Op::Insert { row, .. } | Op::Update { row, .. } | Op::Delete { row } => Some(row),
        Op::Switch { switch } => Some(collected.switches[switch].new),
        _ => None,
    };
    let rows = stuck.iter().filter_map(|&at| row_of(operations.list[at]));
    let names: Vec<String> = rows.map(|row| tracker.describe(row)).collect();
    let message = format!(
        "{} each wait for a unique value that another one gives up; flush one of them with a value that is free first",
        names.join(", ")
    );
    Error::Circular(message.into())
}

#[cfg(test)]
mod tests {
    use super::sort;

    #[test]
    fn without_edges_the_order_stays() {
        assert_eq!(sort(3, &[]), Ok(vec![0, 1, 2]));
    }

    #[test]
    fn what_must_come_first_comes_first_and_the_rest_stays() {
        assert_eq!(sort(4, &[(3, 1)]), Ok(vec![0, 2, 3, 1]));
    }

    #[test]
    fn a_circle_is_told() {
        assert_eq!(sort(3, &[(1, 2), (2, 1)]), Err(vec![1, 2]));
    }
}
