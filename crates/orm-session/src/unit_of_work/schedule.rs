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
    operations: Operations,
    handovers: Vec<Handover>,
) -> Result<Operations> {
    let waits = waits(tracker, collected, &operations, handovers);
    let mut taken: Vec<Taken> = Vec::new();
    loop {
        let (trial, edges) = Trial::of(&operations, &waits, &taken);
        let stuck = match sort(trial.list.len(), &edges) {
            Ok(order) => {
                return Ok(without_needless(&operations, &waits, taken)
                    .unwrap_or_else(|| trial.sorted(order, operations.hand_over)));
            }
            Err(stuck) => stuck,
        };
        let circle = circle_among(&stuck, &edges);
        match next_way_out(&waits, &taken, &circle) {
            Some(way) => taken.push(way),
            None => return Err(circular(tracker, collected, &operations, &circle)),
        }
    }
}

/// A way out that is taken: of which wait, and which of its ways.
#[derive(Clone, Copy)]
struct Taken {
    wait: usize,
    way: usize,
}

/// A way out of a circle: the first of the best kind.
fn next_way_out(waits: &[Wait], taken: &[Taken], circle: &[usize]) -> Option<Taken> {
    let is_inside = |at: &usize| circle.binary_search(at).is_ok();
    let is_open = |at: &usize| {
        let Wait { before, after, ways } = &waits[*at];
        let is_taken = || taken.iter().any(|taken| taken.wait == *at);
        !ways.is_empty() && is_inside(before) && is_inside(after) && !is_taken()
    };
    let open: Vec<usize> = (0..waits.len()).filter(is_open).collect();
    // A value that is given up for NULL may let go of several; what is written later, of one.
    let kinds: [fn(&WayOut) -> bool; 3] = [
        |way| matches!(way, WayOut::Clear { .. }),
        |way| matches!(way, WayOut::Other { .. }),
        |way| matches!(way, WayOut::Later { .. }),
    ];
    kinds.iter().find_map(|is_of_kind| {
        open.iter().find_map(|&wait| Some(Taken { wait, way: waits[wait].ways.iter().position(is_of_kind)? }))
    })
}

/// One way out may make another one needless that was taken before.
fn without_needless(operations: &Operations, waits: &[Wait], mut taken: Vec<Taken>) -> Option<Operations> {
    let mut best = None;
    let mut at = 0;
    while taken.len() > 1 && at < taken.len() {
        let mut less = taken.clone();
        less.remove(at);
        let (trial, edges) = Trial::of(operations, waits, &less);
        match sort(trial.list.len(), &edges) {
            Ok(order) => {
                best = Some(trial.sorted(order, operations.hand_over));
                taken = less;
            }
            Err(_) => at += 1,
        }
    }
    best
}

/// Operations, with those of the ways out that are taken.
struct Trial {
    list: Vec<Op>,
    references: Vec<Reference>,
}

impl Trial {
    /// With what comes before what.
    fn of(operations: &Operations, waits: &[Wait], taken: &[Taken]) -> (Self, Vec<(usize, usize)>) {
        let mut trial = Self { list: operations.list.clone(), references: operations.references.clone() };
        let is_taken = |at: usize| taken.iter().any(|taken| taken.wait == at);
        let kept = waits.iter().enumerate().filter(|(at, wait)| wait.ways.is_empty() || !is_taken(*at));
        let mut edges: Vec<(usize, usize)> = kept.map(|(_, wait)| (wait.before, wait.after)).collect();
        for &Taken { wait, way } in taken {
            let Wait { before, after, ways } = &waits[wait];
            match &ways[way] {
                WayOut::Clear { row, columns } => {
                    let clear = trial.extra(*row, columns, true);
                    // NULL first, then whatever becomes of the row, which waited or was waited for.
                    edges.extend([(clear, *after), (clear, *before)]);
                }
                WayOut::Later { row, columns } => {
                    let later = trial.extra(*row, columns, false);
                    edges.extend([(*before, later), (*after, later)]);
                }
                WayOut::Other { before } => edges.push((*before, *after)),
            }
        }
        (trial, edges)
    }

    fn sorted(self, order: Vec<usize>, hand_over: bool) -> Operations {
        let list = order.into_iter().map(|at| self.list[at]).collect();
        Operations { list, references: self.references, hand_over }
    }

    /// The statement that writes some columns of a row besides the one that writes the row: one for all of them.
    fn extra(&mut self, row: Place, columns: &[usize], to_null: bool) -> usize {
        let is_own = |reference: &Reference| reference.deferred.row == row && reference.to_null == to_null;
        if let Some(reference) = self.references.iter().position(is_own) {
            let own = &mut self.references[reference].deferred.columns;
            own.extend_from_slice(columns);
            own.sort_unstable();
            own.dedup();
            let there = |op: &Op| matches!(op, Op::Reference { reference: at } if *at == reference);
            return self.list.iter().position(there).expect("each reference is in the list");
        }
        self.list.push(Op::Reference { reference: self.references.len() });
        let columns = columns.to_vec();
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
