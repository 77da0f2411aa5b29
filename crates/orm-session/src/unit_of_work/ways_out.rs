//! Ways out of circles of operations that wait for each other.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::order::components;
use super::waits::{Wait, WayOut};

/// The largest circle of which the ways out are taken one by one. Of what is left of a larger one, twice as many each
/// time; those that are needless are given back.
const SMALL: usize = 256;

const OTHER: u8 = 1;

/// A way out that is taken: of which wait, and which of its ways.
#[derive(Clone, Copy)]
pub(super) struct Taken {
    pub(super) wait: usize,
    pub(super) way: usize,
}

/// The ways out that are taken of all circles, in order, and none that could be left out.
///
/// A circle is left by itself, and what is left of it is looked at by itself: many circles that have nothing to do with
/// each other cost no more than their operations.
///
/// # Errors
/// A circle that has none.
pub(super) fn ways_out(operations: usize, waits: &[Wait]) -> Result<Vec<Taken>, Vec<usize>> {
    let mut ways = Ways::of(operations, waits);
    ways.take_all()?;
    ways.give_back_needless();
    Ok(ways.in_order())
}

struct Ways<'a> {
    waits: &'a [Wait],
    /// What each operation waits for, as places among the waits.
    of: Vec<Vec<usize>>,
    /// Which way out is taken, by wait.
    taken: Vec<Option<usize>>,
    /// The waits of which one is taken, in the order in which they were.
    order: Vec<usize>,
}

impl<'a> Ways<'a> {
    fn of(operations: usize, waits: &'a [Wait]) -> Self {
        let mut of = vec![Vec::new(); operations];
        for (at, wait) in waits.iter().enumerate() {
            of[wait.after].push(at);
        }
        Self { waits, of, taken: vec![None; waits.len()], order: Vec::new() }
    }

    fn take_all(&mut self) -> Result<(), Vec<usize>> {
        let all: Vec<usize> = (0..self.of.len()).collect();
        loop {
            // The first circle comes first: equal input gives an equal plan.
            let found = self.circles(&all).map(|circle| Reverse((circle, 1)));
            let mut circles: BinaryHeap<Reverse<(Vec<usize>, usize)>> = found.collect();
            if circles.is_empty() {
                return Ok(());
            }
            while let Some(Reverse((circle, most))) = circles.pop() {
                let best = self.best(&circle, most);
                if best.is_empty() {
                    return Err(circle);
                }
                for Taken { wait, way } in best {
                    self.taken[wait] = Some(way);
                    self.order.push(wait);
                }
                let left = self.circles(&circle).map(|left| {
                    let most = if left.len() > SMALL { 2 * most } else { 1 };
                    Reverse((left, most))
                });
                circles.extend(left);
            }
            // Who waits for another operation instead may be on a larger circle now.
        }
    }

    /// The circles among some operations, all of them in order.
    fn circles<'m>(&self, members: &'m [usize]) -> impl Iterator<Item = Vec<usize>> + use<'m> {
        let needs = members.iter().map(|&member| {
            let needs = self.of[member].iter().filter_map(|&wait| self.need(wait));
            needs.filter_map(|need| members.binary_search(&need).ok()).collect()
        });
        let needs: Vec<Vec<usize>> = needs.collect();
        components(&needs).into_iter().filter(|circle| circle.len() > 1).map(|circle| {
            let mut circle: Vec<usize> = circle.into_iter().map(|at| members[at]).collect();
            circle.sort_unstable();
            circle
        })
    }

    /// What a wait is for, with the ways that are taken. What sets columns to NULL first waits for nothing, and nothing
    /// waits for what writes them later: they are on no circle.
    fn need(&self, wait: usize) -> Option<usize> {
        let Wait { before, after, ways } = &self.waits[wait];
        let need = match self.taken[wait].map(|way| &ways[way]) {
            None => *before,
            Some(WayOut::Other { before }) => *before,
            Some(WayOut::Clear { .. } | WayOut::Later { .. }) => return None,
        };
        (need != *after).then_some(need)
    }

    /// Ways out of a circle: the first of the best kind.
    fn best(&self, circle: &[usize], most: usize) -> Vec<Taken> {
        let is_open = |wait: &usize| {
            self.taken[*wait].is_none() && circle.binary_search(&self.waits[*wait].before).is_ok()
        };
        let open = circle.iter().flat_map(|&member| &self.of[member]).copied().filter(is_open);
        let own_best = |wait: usize| {
            let ways = self.waits[wait].ways.iter().enumerate();
            ways.map(|(way, kind)| (rank(kind), wait, way)).min()
        };
        let mut ways: Vec<(u8, usize, usize)> = open.filter_map(own_best).collect();
        ways.sort_unstable();
        let Some(&(first, ..)) = ways.first() else { return Vec::new() };
        // What is waited for instead may close another circle, and is seen before the next one.
        let most = if first == OTHER { 1 } else { most };
        let alike = ways.into_iter().take(most).take_while(|(rank, ..)| *rank == first);
        alike.map(|(_, wait, way)| Taken { wait, way }).collect()
    }

    /// One way out may make another one needless that was taken before.
    fn give_back_needless(&mut self) {
        let circle_of = self.with_all_waits();
        let mut taken_in = vec![0_usize; self.of.len()];
        for &wait in &self.order {
            taken_in[circle_of[self.waits[wait].after]] += 1;
        }
        let mut seen = vec![usize::MAX; self.of.len()];
        for &wait in &self.order {
            let circle = circle_of[self.waits[wait].after];
            // Without its only one, there was a circle.
            if taken_in[circle] > 1 {
                let way = self.taken[wait].take();
                if self.closes_a_circle(wait, |member| circle_of[member] == circle, &mut seen) {
                    self.taken[wait] = way;
                }
            }
        }
        let taken = &self.taken;
        self.order.retain(|&wait| taken[wait].is_some());
    }

    /// The circle of each operation if it waited for everything, with ways out and without: whichever of them are taken,
    /// no circle goes beyond one of these.
    fn with_all_waits(&self) -> Vec<usize> {
        let needs = self.of.iter().map(|waits| {
            let before = waits.iter().map(|&wait| self.waits[wait].before);
            before.chain(waits.iter().filter_map(|&wait| self.need(wait))).collect()
        });
        let needs: Vec<Vec<usize>> = needs.collect();
        let mut circle_of = vec![0; needs.len()];
        for (circle, members) in components(&needs).into_iter().enumerate() {
            members.into_iter().for_each(|member| circle_of[member] = circle);
        }
        circle_of
    }

    /// Whether what a wait is for waits for who waits, where there is no circle but by this wait. `seen` are the
    /// operations that were looked at, each for the last wait.
    fn closes_a_circle(&self, wait: usize, is_inside: impl Fn(usize) -> bool, seen: &mut [usize]) -> bool {
        let Wait { before, after, .. } = self.waits[wait];
        let mut path = vec![before];
        while let Some(next) = path.pop() {
            if next == after {
                return true;
            }
            if seen[next] != wait && is_inside(next) {
                seen[next] = wait;
                path.extend(self.of[next].iter().filter_map(|&wait| self.need(wait)));
            }
        }
        false
    }

    fn in_order(self) -> Vec<Taken> {
        let taken = self.order.iter().filter_map(|&wait| Some(Taken { wait, way: self.taken[wait]? }));
        taken.collect()
    }
}

/// A value that is given up for NULL may let go of several; what is written later, of one.
fn rank(way: &WayOut) -> u8 {
    match way {
        WayOut::Clear { .. } => 0,
        WayOut::Other { .. } => OTHER,
        WayOut::Later { .. } => 2,
    }
}
