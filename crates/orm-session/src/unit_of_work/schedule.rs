//! Sorting operations where the default order would take a unique value before it is given up.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

use orm_core::{Error, Result};

use super::collect::Collected;
use super::operations::{Op, Operations, Reference};
use super::order::Deferred;
use super::unique::Handover;
use super::waits::{Wait, WayOut, waits};
use super::ways_out::{Taken, ways_out};
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
    let taken = match ways_out(operations.list.len(), &waits) {
        Ok(taken) => taken,
        Err(circle) => return Err(circular(tracker, collected, &operations, &circle)),
    };
    let (all, edges) = Extended::of(operations, &waits, &taken);
    match sort(all.operations.list.len(), &edges) {
        Ok(order) => Ok(all.sorted(order)),
        Err(stuck) => Err(circular(tracker, collected, &all.operations, &stuck)),
    }
}

/// Operations, with those of the ways out that are taken.
struct Extended {
    operations: Operations,
    /// The statements that write some columns of a row besides the one that writes the row: where each is in the list,
    /// by the row and whether the columns become NULL.
    extras: HashMap<(Place, bool), usize>,
}

impl Extended {
    /// With what comes before what.
    fn of(operations: Operations, waits: &[Wait], taken: &[Taken]) -> (Self, Vec<(usize, usize)>) {
        let planned = operations.list.len();
        let mut all = Self { extras: extras(&operations), operations };
        let (mut clears, mut freed) = (Vec::new(), Vec::new());
        let mut is_taken = vec![false; waits.len()];
        taken.iter().for_each(|taken| is_taken[taken.wait] = true);
        let kept = waits.iter().zip(is_taken).filter(|(_, is_taken)| !is_taken);
        let mut edges: Vec<(usize, usize)> = kept.map(|(wait, _)| (wait.before, wait.after)).collect();
        for &Taken { wait, way } in taken {
            let Wait { before, after, ways } = &waits[wait];
            match &ways[way] {
                WayOut::Clear { row, columns } => {
                    let clear = all.extra(*row, columns, true);
                    // NULL first, then whatever becomes of the row, which waited or was waited for.
                    match clear < planned {
                        true => edges.extend([(clear, *after), (clear, *before)]),
                        false => {
                            clears.push(clear);
                            freed.extend([*after, *before]);
                        }
                    }
                }
                WayOut::Later { row, columns } => {
                    let later = all.extra(*row, columns, false);
                    edges.extend([(*before, later), (*after, later)]);
                }
                WayOut::Other { before } => edges.push((*before, *after)),
            }
        }
        // Once one of them is due, all are: many circles share a statement.
        clears.sort_unstable();
        clears.dedup();
        edges.extend(clears.windows(2).map(|pair| (pair[0], pair[1])));
        edges.extend(clears.last().into_iter().flat_map(|&last| freed.iter().map(move |&op| (last, op))));
        (all, edges)
    }

    /// The statement that writes some columns of a row besides the one that writes the row: one for all of them.
    fn extra(&mut self, row: Place, columns: &[usize], to_null: bool) -> usize {
        let Operations { list, references, .. } = &mut self.operations;
        let at = *self.extras.entry((row, to_null)).or_insert_with(|| {
            list.push(Op::Reference { reference: references.len() });
            references.push(Reference { deferred: Deferred { row, columns: Vec::new() }, to_null });
            list.len() - 1
        });
        if let Op::Reference { reference } = list[at] {
            let own = &mut references[reference].deferred.columns;
            own.extend_from_slice(columns);
            own.sort_unstable();
            own.dedup();
        }
        at
    }

    fn sorted(self, order: Vec<usize>) -> Operations {
        let Operations { list, references, hand_over } = self.operations;
        Operations { list: order.into_iter().map(|at| list[at]).collect(), references, hand_over }
    }
}

fn extras(operations: &Operations) -> HashMap<(Place, bool), usize> {
    let mut extras = HashMap::new();
    for (at, op) in operations.list.iter().enumerate() {
        if let Op::Reference { reference } = *op {
            let Reference { deferred, to_null } = &operations.references[reference];
            extras.entry((deferred.row, *to_null)).or_insert(at);
        }
    }
    extras
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
