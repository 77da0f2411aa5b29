//! What must be written before what: tables by foreign key, and rows only inside circles of tables.

use std::collections::HashMap;

use orm_core::Cells;
use orm_core::entity::{EntityMeta, OnDelete, RelationKind};

use super::delete::is_end_of_pairs;
use crate::arena::Arena;
use crate::tracker::{Place, Tracker};

/// Tables that must be written together: one table, or the tables of a circle.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) arenas: Vec<u32>,
    /// Whether its rows can refer to each other.
    pub(super) cyclic: bool,
}

impl Group {
    /// The place of a row's table among those of the group.
    pub(super) fn position(&self, row: Place) -> Option<usize> {
        self.arenas.iter().position(|&arena| arena == row.arena)
    }
}

/// The given tables, those referred to before those that refer to them. Equal input gives an equal order, whatever
/// the process did before: ties go by name.
pub(super) fn order_tables(tracker: &Tracker, mut arenas: Vec<u32>) -> Vec<Group> {
    arenas.sort_by_key(|&arena| tracker.arena(arena).meta().table);
    let place_of = |meta: &EntityMeta| arenas.iter().position(|&arena| tracker.arena(arena).meta().is(meta));
    let needs: Vec<Vec<usize>> = arenas
        .iter()
        .map(|&arena| {
            foreign_keys(tracker.arena(arena).meta()).filter_map(|key| place_of(key.target)).collect()
        })
        .collect();
    components(&needs)
        .into_iter()
        .map(|members| {
            let cyclic = members.len() > 1 || needs[members[0]].contains(&members[0]);
            let mut members: Vec<usize> = members;
            members.sort_unstable();
            Group { arenas: members.into_iter().map(|at| arenas[at]).collect(), cyclic }
        })
        .collect()
}

/// A foreign key of an entity: of a relation field, or of a plain column.
pub(super) struct ForeignKey {
    pub(super) target: &'static EntityMeta,
    /// The columns that hold it, as positions in the source.
    pub(super) columns: Vec<usize>,
    /// The columns it refers to, as positions in the target.
    pub(super) referred: Vec<usize>,
    pub(super) nullable: bool,
    pub(super) on_delete: Option<OnDelete>,
    /// The relation field it belongs to, if any.
    pub(super) relation: Option<usize>,
}

/// All foreign keys of an entity, relation fields first.
pub(super) fn foreign_keys(meta: &'static EntityMeta) -> impl Iterator<Item = ForeignKey> {
    let links = meta.relations.iter().filter_map(|relation| match relation.kind {
        RelationKind::BelongsTo { columns, nullable, on_delete, .. } => {
            let target = (relation.target)();
            let (columns, referred) = (columns.to_vec(), target.key.to_vec());
            // Rows of a table of links go with either end, by a statement of the flush.
            let on_delete = on_delete.or_else(|| is_end_of_pairs(relation).then_some(OnDelete::Cascade));
            let relation = Some(relation.position);
            Some(ForeignKey { target, columns, referred, nullable, on_delete, relation })
        }
        _ => None,
    });
    let plain = meta.columns.iter().enumerate().filter_map(|(at, column)| {
        let reference = column.references?;
        let (columns, referred) = (vec![at], vec![(reference.column)()]);
        let (target, on_delete) = ((reference.target)(), reference.on_delete);
        Some(ForeignKey { target, columns, referred, nullable: column.nullable, on_delete, relation: None })
    });
    links.chain(plain)
}

/// A reference of one row that cannot be written with the row itself, because of a circle: it is written as NULL and
/// set later, or, for a delete, set to NULL before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Deferred {
    pub(super) row: Place,
    /// In order. More than one reference, if several of the row are put off.
    pub(super) columns: Vec<usize>,
}

/// A reference of one of some rows to another one of them.
pub(super) struct Edge {
    /// The row that has the columns.
    pub(super) of: usize,
    /// The row that they refer to.
    pub(super) target: usize,
    /// The row that has to be there, or gone: the target, or what the target goes along with.
    pub(super) to: usize,
    pub(super) nullable: bool,
    pub(super) on_delete: Option<OnDelete>,
    pub(super) columns: Vec<usize>,
    /// The columns that it refers to.
    pub(super) referred: Vec<usize>,
    pub(super) relation: Option<usize>,
}

/// The references among some rows. `from_rows` reads them from the rows as the transaction has them (for deletes),
/// otherwise from the values.
pub(super) fn edges(tracker: &Tracker, rows: &[Place], from_rows: bool) -> Vec<Vec<Edge>> {
    let at: HashMap<Place, usize> = rows.iter().enumerate().map(|(at, &row)| (row, at)).collect();
    let mut by_value = ByValue { tracker, rows, from_rows, known: HashMap::new() };
    let mut edges = Vec::with_capacity(rows.len());
    for (of, &row) in rows.iter().enumerate() {
        let arena = tracker.arena(row.arena);
        let mut own = Vec::new();
        for key in foreign_keys(arena.meta()) {
            let by_handle = key.relation.and_then(|position| {
                let relation = &arena.meta().relations[position];
                let image = if from_rows { arena.image_link(row.slot, position) } else { None };
                let link = image.unwrap_or_else(|| arena.link(row.slot, position));
                tracker.target_of(&link, relation).and_then(|target| at.get(&target).copied())
            });
            // A row that refers to itself is no circle, but for the key that its own INSERT makes.
            let waits = |&to: &usize| rows[to] != row || !(from_rows || arena.is_keyed(row.slot));
            if let Some(to) = by_handle.or_else(|| by_value.find(row, &key)).filter(waits) {
                let ForeignKey { columns, referred, nullable, on_delete, relation, .. } = key;
                own.push(Edge { of, target: to, to, nullable, on_delete, columns, referred, relation });
            }
        }
        edges.push(own);
    }
    edges
}

/// Finds rows by the value of the columns that a foreign key refers to.
struct ByValue<'a> {
    tracker: &'a Tracker,
    rows: &'a [Place],
    from_rows: bool,
    known: HashMap<(usize, Vec<usize>), HashMap<Vec<u8>, usize>>,
}

impl ByValue<'_> {
    fn find(&mut self, row: Place, key: &ForeignKey) -> Option<usize> {
        let target = key.target.index.get();
        if !self.rows.iter().any(|row| row.arena as usize == target) {
            return None;
        }
        let value = self.stored(row, &key.columns)?;
        let (tracker, rows, from_rows) = (self.tracker, self.rows, self.from_rows);
        let known = self.known.entry((target, key.referred.clone())).or_insert_with(|| {
            let of_target = rows.iter().enumerate().filter(|(_, row)| row.arena as usize == target);
            of_target
                .filter_map(|(at, row)| {
                    Some((stored(tracker.arena(row.arena), row.slot, &key.referred, from_rows)?, at))
                })
                .collect()
        });
        known.get(&value).copied()
    }

    fn stored(&self, row: Place, columns: &[usize]) -> Option<Vec<u8>> {
        stored(self.tracker.arena(row.arena), row.slot, columns, self.from_rows)
    }
}

/// The stored form of some columns, to compare; `None` if one of them is NULL or the key is not assigned yet.
pub(super) fn stored(arena: &Arena, slot: u32, columns: &[usize], from_rows: bool) -> Option<Vec<u8>> {
    let mut cells = Cells::default();
    for &column in columns {
        let unassigned = arena.meta().auto_key && arena.meta().key == [column] && !arena.is_keyed(slot);
        if unassigned {
            return None;
        }
        match from_rows {
            true => arena.encode_row(slot, column, &mut cells),
            false => arena.encode(slot, column, &mut cells),
        }
    }
    let has_null = (0..cells.len()).any(|at| cells.value(at) == orm_core::ValueRef::Null);
    if has_null { None } else { Some(cells.fingerprint()) }
}

/// The strongly connected components of a graph, those that are needed before those that need them. `needs[n]` are
/// the nodes that `n` needs. Deterministic: nodes are visited in their order.
///
/// Source: R. Tarjan, "Depth-first search and linear graph algorithms", 1972; with a stack of its own instead of
/// recursion, so that a long chain of rows cannot overflow.
pub(super) fn components(needs: &[Vec<usize>]) -> Vec<Vec<usize>> {
    if needs.len() == 1 {
        return vec![vec![0]];
    }
    const UNSEEN: usize = usize::MAX;
    let mut index = vec![UNSEEN; needs.len()];
    let mut low = vec![0; needs.len()];
    let mut on_stack = vec![false; needs.len()];
    let (mut stack, mut components, mut next) = (Vec::new(), Vec::new(), 0);
    // Nodes under way, each with the place of the next edge to follow.
    let mut path: Vec<(usize, usize)> = Vec::new();
    for root in 0..needs.len() {
        if index[root] != UNSEEN {
            continue;
        }
        path.push((root, 0));
        while let Some(&mut (node, ref mut edge)) = path.last_mut() {
            if *edge == 0 {
                (index[node], low[node]) = (next, next);
                next += 1;
                stack.push(node);
                on_stack[node] = true;
            }
            if let Some(&to) = needs[node].get(*edge) {
                *edge += 1;
                if index[to] == UNSEEN {
                    path.push((to, 0));
                } else if on_stack[to] {
                    low[node] = low[node].min(index[to]);
                }
                continue;
            }
            path.pop();
            if let Some(&(parent, _)) = path.last() {
                low[parent] = low[parent].min(low[node]);
            }
            if low[node] == index[node] {
                let mut members = Vec::new();
                while let Some(member) = stack.pop() {
                    on_stack[member] = false;
                    members.push(member);
                    if member == node {
                        break;
                    }
                }
                components.push(members);
            }
        }
    }
    components
}

#[cfg(test)]
mod tests {
    use super::components;

    #[test]
    fn what_is_needed_comes_first() {
        assert_eq!(components(&[vec![1], vec![2], vec![]]), [[2], [1], [0]]);
    }

    #[test]
    fn a_circle_is_one_component_and_a_loop_too() {
        let mut found = components(&[vec![1], vec![2], vec![0], vec![3, 0]]);
        found[0].sort_unstable();
        assert_eq!(found, [vec![0, 1, 2], vec![3]]);
    }

    #[test]
    fn a_long_chain_does_not_overflow() {
        let chain: Vec<Vec<usize>> =
            (0..200_000).map(|n| if n == 0 { vec![] } else { vec![n - 1] }).collect();
        assert_eq!(components(&chain).len(), 200_000);
    }

    #[test]
    fn equal_input_gives_equal_order() {
        let graph = [vec![3], vec![3], vec![], vec![2], vec![]];
        assert_eq!(components(&graph), components(&graph));
        assert_eq!(components(&graph).concat(), [2, 3, 0, 1, 4]);
    }
}
