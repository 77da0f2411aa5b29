//! Rows that refer to each other in circles: which of them comes first all the same, and what it goes without for now.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use orm_core::{Error, Result};

use super::order::{Deferred, Edge, components, edges};
use crate::tracker::{Place, Tracker};

/// The largest circle of which the references are taken out one by one, to take out as few as may be.
const SMALL: usize = 256;

/// Rows of a group of tables, with the level of each: a row refers only to rows of lower levels.
#[derive(Debug, Default)]
pub(super) struct Ranked {
    pub(super) levels: Vec<u32>,
    pub(super) deferred: Vec<Deferred>,
}

/// Ranks rows that are inserted by their references to each other.
///
/// # Errors
/// [`Error::Circular`] for a circle without a reference that may be NULL.
pub(super) fn rank_inserts(tracker: &Tracker, rows: &[Place]) -> Result<Ranked> {
    let mut edges = edges(tracker, rows, false);
    let all: Vec<usize> = (0..rows.len()).collect();
    let mut found = circles(&edges, &all, |_| true);
    if !found.is_empty()
        && let Some(circle) = circles(&edges, &all, |edge| !edge.nullable).first()
    {
        return Err(no_way_out(tracker, rows, &edges, circle));
    }
    let mut taken = Vec::new();
    while let Some(circle) = found.pop() {
        take_out(&mut edges, &circle, |edge| edge.nullable, &mut taken);
        found.extend(circles(&edges, &circle, |_| true));
    }
    Ok(Ranked { levels: levels(&edges), deferred: deferred(rows, taken) })
}

/// The circles among some rows by some of their references, each with all the rows that are on one of them. Both are
/// in order.
pub(super) fn circles(
    edges: &[Vec<Edge>],
    members: &[usize],
    counts: impl Fn(&Edge) -> bool,
) -> Vec<Vec<usize>> {
    let place = |edge: &Edge| members.binary_search(&edge.to).ok();
    let needs = members.iter().map(|&row| {
        let own = edges[row].iter().filter(|edge| counts(edge));
        own.filter_map(place).collect()
    });
    let needs: Vec<Vec<usize>> = needs.collect();
    let is_circle = |circle: &Vec<usize>| circle.len() > 1 || needs[circle[0]].contains(&circle[0]);
    let in_order = |circle: Vec<usize>| {
        let mut circle: Vec<usize> = circle.into_iter().map(|at| members[at]).collect();
        circle.sort_unstable();
        circle
    };
    components(&needs).into_iter().filter(is_circle).map(in_order).collect()
}

/// How far each row is from those that refer to none of the others. Rows of a circle that is left are equally far.
pub(super) fn levels(edges: &[Vec<Edge>]) -> Vec<u32> {
    let needs: Vec<Vec<usize>> =
        edges.iter().map(|edges| edges.iter().map(|edge| edge.to).collect()).collect();
    let mut levels: Vec<Option<u32>> = vec![None; edges.len()];
    for members in components(&needs) {
        let outside = members.iter().flat_map(|&row| &needs[row]).filter_map(|&to| levels[to]);
        let level = outside.max().map_or(0, |level| level + 1);
        members.into_iter().for_each(|row| levels[row] = Some(level));
    }
    levels.into_iter().map(Option::unwrap_or_default).collect()
}

/// Takes references out of a circle that may be taken out: of a small one the first, to look again at what is left;
/// of a large one all that it takes. Answers whether there was any.
pub(super) fn take_out(
    edges: &mut [Vec<Edge>],
    circle: &[usize],
    may: impl Fn(&Edge) -> bool,
    taken: &mut Vec<Edge>,
) -> bool {
    let inside = |edge: &Edge| circle.binary_search(&edge.to).is_ok();
    let first = circle
        .iter()
        .find_map(|&row| Some((row, edges[row].iter().position(|edge| may(edge) && inside(edge))?)));
    let Some((row, at)) = first else { return false };
    if circle.len() <= SMALL {
        taken.push(edges[row].remove(at));
        return true;
    }
    let order = greedy_order(edges, circle, &may);
    let rank = |row: usize| circle.binary_search(&row).ok().map(|at| order[at]);
    let before = taken.len();
    for &row in circle {
        let own = std::mem::take(&mut edges[row]);
        let (waits, rest): (Vec<Edge>, Vec<Edge>) =
            own.into_iter().partition(|edge| may(edge) && inside(edge) && rank(edge.to) >= rank(row));
        edges[row] = rest;
        taken.extend(waits);
    }
    if taken.len() == before {
        taken.push(edges[row].remove(at));
    }
    true
}

/// Puts the rows of a circle in an order in which few references wait: who waits for nobody comes next, and where there
/// is none, the first that waits only for what may be taken out.
fn greedy_order(edges: &[Vec<Edge>], circle: &[usize], may: &impl Fn(&Edge) -> bool) -> Vec<usize> {
    let place = |edge: &Edge| circle.binary_search(&edge.to).ok();
    let mut waits: Vec<(usize, usize)> = vec![(0, 0); circle.len()];
    let mut followers: Vec<Vec<(usize, bool)>> = vec![Vec::new(); circle.len()];
    for (at, &row) in circle.iter().enumerate() {
        for edge in &edges[row] {
            let Some(to) = place(edge) else { continue };
            waits[at].0 += 1;
            waits[at].1 += usize::from(!may(edge));
            followers[to].push((at, may(edge)));
        }
    }
    let mut order = vec![usize::MAX; circle.len()];
    let ready = |which: fn(&(usize, usize)) -> usize, waits: &[(usize, usize)]| {
        let free = (0..waits.len()).filter(|&at| which(&waits[at]) == 0).map(Reverse);
        free.collect::<BinaryHeap<_>>()
    };
    let (mut free, mut nearly) = (ready(|waits| waits.0, &waits), ready(|waits| waits.1, &waits));
    let mut next = 0;
    while let Some(Reverse(at)) = free.pop().or_else(|| nearly.pop()) {
        if order[at] != usize::MAX {
            continue;
        }
        order[at] = next;
        next += 1;
        for &(follower, may) in &followers[at] {
            waits[follower].0 -= 1;
            waits[follower].1 -= usize::from(!may);
            if waits[follower].0 == 0 {
                free.push(Reverse(follower));
            } else if waits[follower].1 == 0 && !may {
                nearly.push(Reverse(follower));
            }
        }
    }
    order
}

/// What was taken out of circles, one for each row, in the order of the rows.
pub(super) fn deferred(rows: &[Place], mut taken: Vec<Edge>) -> Vec<Deferred> {
    taken.sort_by_key(|edge| edge.of);
    let mut deferred: Vec<Deferred> = Vec::new();
    for edge in taken {
        match deferred.last_mut().filter(|last| last.row == rows[edge.of]) {
            Some(last) => last.columns.extend(edge.columns),
            None => deferred.push(Deferred { row: rows[edge.of], columns: edge.columns }),
        }
    }
    for deferred in &mut deferred {
        deferred.columns.sort_unstable();
        deferred.columns.dedup();
    }
    deferred
}

/// The error for a circle of rows none of whose references may be NULL: names the rows of one, in its order.
pub(super) fn no_way_out(tracker: &Tracker, rows: &[Place], edges: &[Vec<Edge>], circle: &[usize]) -> Error {
    const NAMED: usize = 12;
    // From any row along the first reference that stays inside, until a row comes again.
    let mut path = vec![circle[0]];
    let start = loop {
        let row = path[path.len() - 1];
        let inside = |edge: &&Edge| !edge.nullable && circle.binary_search(&edge.to).is_ok();
        let Some(next) = edges[row].iter().find(inside).map(|edge| edge.to) else { break 0 };
        match path.iter().position(|&row| row == next) {
            Some(start) => break start,
            None => path.push(next),
        }
    };
    let circle = &path[start..];
    let mut names: Vec<String> = circle.iter().take(NAMED).map(|&row| tracker.describe(rows[row])).collect();
    if circle.len() > NAMED {
        names.push(format!(".. ({} more)", circle.len() - NAMED));
    }
    names.push(tracker.describe(rows[circle[0]]));
    let names = names.join(" -> ");
    let message = format!(
        "{names} refer to each other in a circle, and none of the references may be NULL; make one of them nullable"
    );
    Error::Circular(message.into())
}
