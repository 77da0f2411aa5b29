//! What a flush does to each row, in an order that every constraint allows.
//!
//! The default order is: inserts (tables referred to first), updates (in key order), links, references to deleted rows,
//! deletes (tables that refer first). It is right unless one row takes a unique value that another one gives up: only
//! then the rows are put into a graph, where each gives up before another takes, and sorted again.

use std::collections::HashMap;
use std::ops::Range;

use orm_core::Result;
use orm_core::entity::{RelationKind, RelationMeta};

use super::circles::rank_inserts;
use super::collect::{Collected, Update};
use super::delete_order::order_deletes;
use super::links::Pair;
use super::order::{Deferred, Group, order_tables};
use super::schedule::schedule;
use super::unique::handovers;
use crate::tracker::{Place, Tracker};

/// What is done to one row. Indexes point into what was collected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Op {
    /// Rows of one level do not refer to each other. Those with a key of their own are another statement.
    Insert {
        row: Place,
        level: u32,
        keyed: bool,
        /// The columns that are left to the database, as [`Entity::unset`](orm_core::Entity) tells them.
        unset: u64,
    },
    Update {
        row: Place,
        update: usize,
    },
    /// A new value for the row of a deleted entity.
    Switch {
        switch: usize,
    },
    /// A reference that is written after its row, or taken out before (see [`Operations::references`]).
    Reference {
        reference: usize,
    },
    Unlink {
        pair: usize,
    },
    Link {
        pair: usize,
    },
    /// References to a deleted row, set to NULL by criteria.
    NullReferences {
        effect: usize,
        row: Place,
    },
    UnlinkAll {
        effect: usize,
        row: Place,
    },
    Delete {
        row: Place,
    },
}

/// The operations of a flush, in order.
#[derive(Default)]
pub(super) struct Operations {
    pub(super) list: Vec<Op>,
    pub(super) references: Vec<Reference>,
    /// Whether some rows take unique values that others give up.
    pub(super) hand_over: bool,
}

/// A statement about some columns of a row, besides the one that writes the row.
#[derive(Clone, Debug)]
pub(super) struct Reference {
    pub(super) deferred: Deferred,
    /// Whether the columns become NULL for now, rather than get their values.
    pub(super) to_null: bool,
}

/// Orders all that was collected.
///
/// # Errors
/// [`Error::Circular`](orm_core::Error::Circular) for rows that must each be written before the other.
pub(super) fn order_operations(tracker: &Tracker, collected: &mut Collected) -> Result<Operations> {
    let groups = order_tables(tracker, involved(collected));
    let deletes = order_deletes(tracker, collected, &groups)?;
    collected.go_along(&deletes.along);
    let collected = &*collected;
    let mut operations = Operations::default();
    operations.list.reserve(collected.inserts.len() + collected.updates.len() + collected.deletes.len());
    for group in &groups {
        operations.inserts(tracker, group, collected)?;
    }
    for group in &groups {
        operations.updates(tracker, group, collected);
    }
    let list = &mut operations.list;
    list.extend((0..collected.switches.len()).map(|switch| Op::Switch { switch }));
    list.extend((0..collected.pairs.removed.len()).map(|pair| Op::Unlink { pair }));
    // Before the pairs that are added: the row of a deleted entity may go on with another one's.
    // Entities of a table of links are deleted by themselves before the rest of it is: each row is counted.
    let (later, now): (Vec<_>, Vec<_>) = collected
        .effects
        .unlinked
        .iter()
        .enumerate()
        .partition(|(_, (relation, _))| deletes_links(tracker, relation, &collected.deletes));
    for (effect, (_, rows)) in now {
        list.extend(rows.iter().map(|&row| Op::UnlinkAll { effect, row }));
    }
    list.extend((0..collected.pairs.added.len()).map(|pair| Op::Link { pair }));
    for (effect, (_, rows)) in collected.effects.nulled.iter().enumerate() {
        list.extend(rows.iter().map(|&row| Op::NullReferences { effect, row }));
    }
    operations.references(deletes.deferred, true);
    operations.deletes(deletes.rows, later);
    let handovers = handovers(tracker, collected, &operations);
    operations.hand_over = !handovers.is_empty();
    match handovers.iter().any(|handover| handover.before > handover.after) {
        true => schedule(tracker, collected, operations, handovers),
        false => Ok(operations),
    }
}

/// The arenas with rows to write.
fn involved(collected: &Collected) -> Vec<u32> {
    let rows = collected.inserts.iter().chain(&collected.deletes).map(|place| place.arena);
    let switched = collected.switches.iter().map(|switch| switch.new.arena);
    let updated = collected.updates.iter().map(|update| update.place.arena);
    let mut arenas: Vec<u32> = Vec::new();
    for arena in rows.chain(switched).chain(updated) {
        // Mostly that of the row before.
        if arenas.last() != Some(&arena) && !arenas.contains(&arena) {
            arenas.push(arena);
        }
    }
    arenas.sort_unstable();
    arenas
}

impl Operations {
    fn inserts(&mut self, tracker: &Tracker, group: &Group, collected: &Collected) -> Result<()> {
        let rows = in_group(&collected.inserts, group);
        let insert = |row: Place, level| {
            let (keyed, unset) = tracker.arena(row.arena).given(row.slot);
            Op::Insert { row, level, keyed, unset }
        };
        if !group.cyclic {
            self.list.extend(rows.map(|row| insert(row, 0)));
            return Ok(());
        }
        let rows: Vec<Place> = rows.collect();
        let ranked = rank_inserts(tracker, &rows)?;
        let mut order: Vec<usize> = (0..rows.len()).collect();
        let table = |row: Place| group.position(row);
        order.sort_by_key(|&at| (ranked.levels[at], table(rows[at]), at));
        self.list.extend(order.into_iter().map(|at| insert(rows[at], ranked.levels[at])));
        self.references(ranked.deferred, false);
        Ok(())
    }

    /// Grouped by the columns written, in the order of the first of each, then by key.
    fn updates(&mut self, tracker: &Tracker, group: &Group, collected: &Collected) {
        for &arena in &group.arenas {
            let mut shapes: Vec<Vec<(u32, u32)>> = Vec::new();
            let mut known: HashMap<&[u16], usize> = HashMap::new();
            let mut last: Option<(&Range<usize>, usize)> = None;
            let own = (0..).zip(&collected.updates).filter(|(_, update)| update.place.arena == arena);
            for (at, Update { place, columns }) in own {
                let shape = match last {
                    Some((known, shape)) if known == columns => shape,
                    _ => *known.entry(columns_of(collected, columns)).or_insert_with(|| {
                        shapes.push(Vec::new());
                        shapes.len() - 1
                    }),
                };
                last = Some((columns, shape));
                shapes[shape].push((place.slot, at));
            }
            for mut rows in shapes {
                tracker.arena(arena).sort_by_row_key(&mut rows);
                let rows = rows.into_iter();
                self.list.extend(rows.map(|(slot, update)| Op::Update {
                    row: Place { arena, slot },
                    update: update as usize,
                }));
            }
        }
    }

    /// Deletes in order, and before the first of some rows the rest of their links.
    fn deletes(&mut self, rows: Vec<Place>, mut links: Vec<(usize, &(&'static RelationMeta, Vec<Place>))>) {
        for row in rows {
            links.retain(|(effect, (_, sources))| {
                // All deletes of one table.
                let is_due = sources[0].arena == row.arena;
                if is_due {
                    let unlink = |&row: &Place| Op::UnlinkAll { effect: *effect, row };
                    self.list.extend(sources.iter().map(unlink));
                }
                !is_due
            });
            self.list.push(Op::Delete { row });
        }
    }

    /// Whether two operations that follow each other are rows of one statement.
    pub(super) fn share_a_step(&self, collected: &Collected, a: Op, b: Op) -> bool {
        // An expression is a text of its own.
        let expressed = &collected.expressed;
        let are_plain =
            |a, b| expressed.is_empty() || !(expressed.contains_key(&a) || expressed.contains_key(&b));
        match (a, b) {
            (
                Op::Insert { row: a, level: x, keyed: has_key, unset },
                Op::Insert { row: b, level: y, keyed: has_key_too, unset: unset_too },
                // Rows with keys of their own refer to nothing that the statement itself would have to answer.
            ) => {
                a.arena == b.arena
                    && has_key == has_key_too
                    && unset == unset_too
                    && (has_key || x == y)
                    && are_plain(a, b)
            }
            (Op::Update { row: a, update: x }, Op::Update { row: b, update: y }) => {
                let (x, y) = (&collected.updates[x].columns, &collected.updates[y].columns);
                a.arena == b.arena
                    && (x == y || columns_of(collected, x) == columns_of(collected, y))
                    && are_plain(a, b)
            }
            (Op::Switch { switch: a }, Op::Switch { switch: b }) => {
                let (a, b) = (collected.switches[a].new, collected.switches[b].new);
                a.arena == b.arena && are_plain(a, b)
            }
            (Op::Reference { reference: a }, Op::Reference { reference: b }) => {
                let (a, b) = (&self.references[a], &self.references[b]);
                a.deferred.row.arena == b.deferred.row.arena
                    && a.deferred.columns == b.deferred.columns
                    && a.to_null == b.to_null
            }
            (Op::Link { pair: a }, Op::Link { pair: b }) => {
                same_table(&collected.pairs.added[a], &collected.pairs.added[b])
            }
            (Op::Unlink { pair: a }, Op::Unlink { pair: b }) => {
                same_table(&collected.pairs.removed[a], &collected.pairs.removed[b])
            }
            (Op::NullReferences { effect: a, .. }, Op::NullReferences { effect: b, .. })
            | (Op::UnlinkAll { effect: a, .. }, Op::UnlinkAll { effect: b, .. }) => a == b,
            (Op::Delete { row: a }, Op::Delete { row: b }) => a.arena == b.arena,
            _ => false,
        }
    }

    fn references(&mut self, deferred: Vec<Deferred>, to_null: bool) {
        for deferred in deferred {
            self.list.push(Op::Reference { reference: self.references.len() });
            self.references.push(Reference { deferred, to_null });
        }
    }
}

/// Whether some of the rows to be deleted are of the table of a many-to-many relation.
pub(super) fn deletes_links(tracker: &Tracker, relation: &RelationMeta, deletes: &[Place]) -> bool {
    let RelationKind::ManyToMany { through } = &relation.kind else { return false };
    deletes.iter().any(|row| tracker.arena(row.arena).meta().table == through.table)
}

fn same_table(a: &Pair, b: &Pair) -> bool {
    std::ptr::eq(a.relation, b.relation)
}

/// The columns of an update.
pub(super) fn columns_of<'a>(collected: &'a Collected, columns: &Range<usize>) -> &'a [u16] {
    &collected.columns[columns.clone()]
}

fn in_group(rows: &[Place], group: &Group) -> impl Iterator<Item = Place> {
    rows.iter().copied().filter(|row| group.arenas.contains(&row.arena))
}
