//! Sorting operations where the default order would take a unique value before it is given up.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use orm_core::{Error, Result};

use super::collect::Collected;
use super::operations::{Op, Operations, Reference};
use super::order::{Deferred, components};
use super::unique::Handover;
use super::waits::{Wait, WayOut, waits};
use crate::tracker::{Place, Tracker};

/// Sorts the operations so that every reference finds its row, every row goes after those that refer to it, and every
/// unique value is given up before it is taken. Among those that may come next, the first of the default order comes.
/// Rows that wait for each other get a NULL in between, where a column allows it.
///
/// # Errors
/// [`Error::Circular`] naming the rows, where none does.
pub(super) fn schedule(
    tracker: &Tracker,
    collected: &Collected,
    mut operations: Operations,
    handovers: Vec<Handover>,
) -> Result<Operations> {
    let mut waits = waits(tracker, collected, &operations, handovers);
    loop {
        let edges: Vec<(usize, usize)> = waits.iter().map(|wait| (wait.before, wait.after)).collect();
        let stuck = match sort(operations.list.len(), &edges) {
            Ok(order) => {
                operations.list = order.into_iter().map(|at| operations.list[at]).collect();
                return Ok(operations);
            }
            Err(stuck) => stuck,
        };
        let circle = circle_among(&stuck, &edges);
        let inside = |wait: &Wait| circle.contains(&wait.before) && circle.contains(&wait.after);
        // A value that is given up for NULL may let go of several; a reference that is written later, of one.
        let clears = |wait: &Wait| matches!(wait.way_out, Some(WayOut::Clear { .. })) && inside(wait);
        let any = |wait: &Wait| wait.way_out.is_some() && inside(wait);
        match waits.iter().position(clears).or_else(|| waits.iter().position(any)) {
            Some(at) => take_way_out(&mut operations, &mut waits, at),
            None => return Err(circular(tracker, collected, &operations, &circle)),
        }
    }
}

/// One operation does not wait for another one any more: what it waited for is done by a statement of its own.
fn take_way_out(operations: &mut Operations, waits: &mut Vec<Wait>, at: usize) {
    let Wait { before, after, way_out } = waits.swap_remove(at);
    let Some(way_out) = way_out else { return };
    match way_out {
        WayOut::Clear { row, columns } => {
            let clear = operations.extra(row, columns, true);
            // NULL first, then whatever becomes of the row, which waited or was waited for.
            waits.push(Wait::plain(clear, after));
            waits.push(Wait::plain(clear, before));
        }
        WayOut::Later { row, columns } => {
            let later = operations.extra(row, columns, false);
            waits.push(Wait::plain(before, later));
            waits.push(Wait::plain(after, later));
        }
    }
}

impl Operations {
    /// The statement that writes some columns of a row besides the one that writes the row: one for all of them.
    fn extra(&mut self, row: Place, columns: Vec<usize>, to_null: bool) -> usize {
        let is_own = |reference: &Reference| reference.deferred.row == row && reference.to_null == to_null;
        if let Some(reference) = self.references.iter().position(is_own) {
            let own = &mut self.references[reference].deferred.columns;
            own.extend(columns);
            own.sort_unstable();
            own.dedup();
            let there = |op: &Op| matches!(op, Op::Reference { reference: at } if *at == reference);
            return self.list.iter().position(there).expect("each reference is in the list");
        }
        self.list.push(Op::Reference { reference: self.references.len() });
        self.references.push(Reference { deferred: Deferred { row, columns }, to_null });
        self.list.len() - 1
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

/// The first circle among operations that wait: not those that only wait for one.
fn circle_among(stuck: &[usize], edges: &[(usize, usize)]) -> Vec<usize> {
    let mut needs = vec![Vec::new(); stuck.len()];
    for (before, after) in edges {
        if let (Ok(before), Ok(after)) = (stuck.binary_search(before), stuck.binary_search(after)) {
            needs[after].push(before);
        }
    }
    let circles = components(&needs).into_iter().filter(|members| members.len() > 1);
    let mut circle: Vec<usize> = circles
        .map(|members| members.into_iter().map(|at| stuck[at]).collect())
        .min_by_key(|members: &Vec<usize>| members.iter().copied().min())
        .unwrap_or_default();
    circle.sort_unstable();
    circle
}

fn circular(tracker: &Tracker, collected: &Collected, operations: &Operations, circle: &[usize]) -> Error {
    let row_of = |op: Op| match op {
        Op::Insert { row, .. } | Op::Update { row, .. } | Op::Delete { row } => Some(row),
        Op::Switch { switch } => Some(collected.switches[switch].new),
        _ => None,
    };
    let rows = circle.iter().filter_map(|&at| row_of(operations.list[at]));
    let names: Vec<String> = rows.map(|row| tracker.describe(row)).collect();
    let message = format!(
        "{} each wait for a unique value that another one gives up, or for a row that is not there yet; flush one of \
         them with a value that is free first",
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
