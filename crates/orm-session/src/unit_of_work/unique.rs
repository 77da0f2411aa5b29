//! Unique values that pass from one row to another in the same flush.

use std::collections::{HashMap, HashSet};

use orm_core::entity::{EntityMeta, RelationKind, RelationMeta};

use super::collect::{Collected, rekeyed};
use super::operations::{Op, Operations, columns_of};
use super::order::{edges, stored};
use super::rename::Renames;
use crate::tracker::{Place, Tracker};

/// One operation gives up a unique value that another one takes.
#[derive(Clone, Debug)]
pub(super) struct Handover {
    /// The operation that gives it up, as a place in the list.
    pub(super) before: usize,
    /// The one that takes it.
    pub(super) after: usize,
    /// The row that gives it up, and the columns of the value.
    pub(super) row: Place,
    pub(super) columns: Vec<usize>,
    /// The columns of the row that takes it.
    pub(super) taken: Vec<usize>,
}

/// All values that change hands. Looks only at tables where some are given up.
pub(super) fn handovers(tracker: &Tracker, collected: &Collected, operations: &Operations) -> Vec<Handover> {
    let mut handovers = Vec::new();
    let arenas = arenas_that_give_up(tracker, collected);
    let renames = if arenas.is_empty() { Renames::default() } else { Renames::of(tracker, collected) };
    let ends = if arenas.is_empty() { Ends::default() } else { Ends::of(collected, operations) };
    for arena in arenas {
        let meta = tracker.arena(arena).meta();
        for columns in unique_values(meta) {
            find(tracker, collected, operations, &ends, &renames, (arena, &columns), &mut handovers);
        }
    }
    after_new_keys(tracker, collected, operations, &mut handovers);
    handovers
}

/// Where rows go, and where references become NULL by criteria, as places in the list.
#[derive(Default)]
struct Ends {
    deletes: HashMap<Place, usize>,
    nulls: HashMap<(*const RelationMeta, Place), usize>,
}

impl Ends {
    fn of(collected: &Collected, operations: &Operations) -> Self {
        let mut ends = Self::default();
        for (at, op) in operations.list.iter().enumerate() {
            match *op {
                Op::Delete { row } => ends.deletes.insert(row, at),
                Op::NullReferences { effect, row } => {
                    let relation: *const RelationMeta = collected.effects.nulled[effect].0;
                    ends.nulls.insert((relation, row), at)
                }
                _ => None,
            };
        }
        ends
    }
}

/// A row that refers to one whose key changes is written after it: it is given the new key.
fn after_new_keys(
    tracker: &Tracker,
    collected: &Collected,
    operations: &Operations,
    handovers: &mut Vec<Handover>,
) {
    let rekeyed: HashSet<Place> = rekeyed(tracker, collected).collect();
    if rekeyed.is_empty() {
        return;
    }
    let updates = operations.list.iter().enumerate().filter_map(|(at, op)| match *op {
        Op::Update { row, .. } if rekeyed.contains(&row) => Some((row, at)),
        _ => None,
    });
    let updates: HashMap<Place, usize> = updates.collect();
    let written = operations.list.iter().enumerate().filter_map(|(at, op)| match *op {
        Op::Insert { row, .. } | Op::Update { row, .. } => Some((row, at)),
        _ => None,
    });
    let written: HashMap<Place, usize> = written.collect();
    let mut rows: Vec<Place> = written.keys().copied().collect();
    rows.sort_by_key(|row| written[row]);
    for edge in edges(tracker, &rows, false).into_iter().flatten() {
        let (row, target) = (rows[edge.of], rows[edge.to]);
        if let (Some(&before), Some(&after)) = (updates.get(&target), written.get(&row))
            && before != after
        {
            // No column of its own may be NULL for a moment.
            handovers.push(Handover { before, after, row, columns: Vec::new(), taken: Vec::new() });
        }
    }
}

fn arenas_that_give_up(tracker: &Tracker, collected: &Collected) -> Vec<u32> {
    let deleted = collected.deletes.iter().map(|row| row.arena);
    let switched = collected.switches.iter().map(|switch| switch.old.arena);
    let changed = collected.alike_updates().map(|updates| &updates[0]).filter(|update| {
        let columns = columns_of(collected, &update.columns);
        let meta = tracker.arena(update.place.arena).meta();
        columns.iter().any(|&column| meta.is_in_unique_value(usize::from(column)))
    });
    let cascaded = collected.effects.cascaded.keys().map(|row| row.arena);
    let emptied = collected.effects.emptied.iter().chain(&collected.effects.emptied_columns);
    let emptied = emptied.map(|emptied| emptied.row.arena);
    let mut arenas: Vec<u32> = deleted
        .chain(cascaded)
        .chain(emptied)
        .chain(switched)
        .chain(changed.map(|update| update.place.arena))
        .collect();
    arenas.sort_unstable();
    arenas.dedup();
    // Without a row that takes a value there is nothing to hand over.
    let takes = |arena: &u32| {
        let inserted = collected.inserts.iter().any(|row| row.arena == *arena);
        let updated = collected.updates.iter().any(|update| update.place.arena == *arena);
        inserted || updated || collected.switches.iter().any(|switch| switch.new.arena == *arena)
    };
    arenas.retain(takes);
    arenas
}

/// The sets of columns in which no two rows agree, the key first.
fn unique_values(meta: &'static EntityMeta) -> impl Iterator<Item = Vec<usize>> {
    let columns = meta.columns.iter().enumerate().filter(|(_, column)| column.unique).map(|(at, _)| vec![at]);
    let indexes = meta.indexes.iter().filter(|index| index.unique).map(|index| index.columns.to_vec());
    let one_to_one = one_to_one(meta).map(<[usize]>::to_vec);
    std::iter::once(meta.key.to_vec()).chain(columns).chain(indexes).chain(one_to_one)
}

/// Foreign keys that are unique by the other side of their relation, and by nothing else.
fn one_to_one(meta: &'static EntityMeta) -> impl Iterator<Item = &'static [usize]> {
    meta.relations.iter().filter_map(move |relation| match relation.kind {
        RelationKind::BelongsTo { columns, .. } if relation.is_one_to_one() => {
            let said = matches!(columns, [only] if meta.columns[*only].unique)
                || meta.indexes.iter().any(|index| index.unique && index.columns == columns)
                || meta.key == columns;
            (!said).then_some(columns)
        }
        _ => None,
    })
}

fn find(
    tracker: &Tracker,
    collected: &Collected,
    operations: &Operations,
    ends: &Ends,
    renames: &Renames,
    (arena, columns): (u32, &[usize]),
    handovers: &mut Vec<Handover>,
) {
    let stored = |row: Place, from_row| stored(tracker.arena(row.arena), row.slot, columns, from_row);
    let writes = |written: &[u16]| written.iter().any(|&column| columns.contains(&usize::from(column)));
    // Where it is given up, whose it is, and the columns in which it ends.
    let mut given: HashMap<Vec<u8>, (usize, Place, Vec<usize>)> = HashMap::new();
    let mut taken: Vec<(Vec<u8>, usize)> = Vec::new();
    let mut updated: HashMap<Place, (usize, &[u16])> = HashMap::new();
    for (at, op) in operations.list.iter().enumerate() {
        let (gives, takes) = match *op {
            Op::Insert { row, .. } => (None, Some(row)),
            Op::Delete { row } => (Some(row), None),
            Op::Update { row, update }
                if writes(columns_of(collected, &collected.updates[update].columns)) =>
            {
                updated.insert(row, (at, columns_of(collected, &collected.updates[update].columns)));
                (Some(row), Some(row))
            }
            Op::Switch { switch } => {
                let switch = collected.switches[switch];
                (Some(switch.old), Some(switch.new))
            }
            _ => continue,
        };
        if let Some(row) = gives.filter(|row| row.arena == arena)
            && let Some(value) = stored(row, true)
        {
            given.insert(value, (at, row, columns.to_vec()));
            if let Some(value) = renames.followed(tracker, row, columns) {
                given.entry(value).or_insert((at, row, columns.to_vec()));
            }
        }
        if let Some(row) = takes.filter(|row| row.arena == arena)
            && let Some(value) = stored(row, false)
        {
            taken.push((value, at));
        }
    }
    // What goes along with a deleted row gives its values up with it.
    for (&row, root) in collected.effects.cascaded.iter().filter(|(row, _)| row.arena == arena) {
        if let Some((&at, value)) = ends.deletes.get(root).zip(stored(row, true)) {
            given.entry(value).or_insert((at, row, columns.to_vec()));
        }
    }
    // So does what loses a reference by a delete, or by the statement before it.
    let mut superseded: HashSet<usize> = HashSet::new();
    let effects = &collected.effects;
    let links = effects.emptied.iter().map(|emptied| (emptied, true));
    let plain = effects.emptied_columns.iter().map(|emptied| (emptied, false));
    for (emptied, is_link) in links.chain(plain).filter(|(emptied, _)| emptied.row.arena == arena) {
        let meta = tracker.arena(arena).meta();
        let relation = is_link.then(|| &meta.relations[emptied.at]);
        let (lost, statement) = match relation.map(|relation| (&relation.kind, relation)) {
            Some((RelationKind::BelongsTo { columns: lost, on_delete, .. }, relation)) => {
                (lost.to_vec(), on_delete.is_none().then_some(relation))
            }
            _ => (vec![emptied.at], None),
        };
        // All of them: a reference of which only half is NULL already is not found by who sets it to NULL.
        let is_in_value = lost.iter().any(|column| columns.contains(column));
        let gives = match statement {
            Some(relation) => ends.nulls.get(&(std::ptr::from_ref(relation), emptied.target)),
            None => ends.deletes.get(&emptied.root),
        };
        let at = gives.copied().filter(|_| is_in_value);
        if let Some((at, value)) = at.zip(stored(emptied.row, true)) {
            given.entry(value).or_insert((at, emptied.row, lost.clone()));
        }
        // Its own update would make a value of the new columns and of those that are about to become NULL.
        if let Some((before, &(after, written))) = at.zip(updated.get(&emptied.row))
            && !lost.iter().any(|&column| written.contains(&(column as u16)))
        {
            superseded.insert(after);
            handovers.push(Handover { before, after, row: emptied.row, columns: lost, taken: Vec::new() });
        }
    }
    for (value, after) in taken.into_iter().filter(|(_, after)| !superseded.contains(after)) {
        if let Some((before, row, given)) = given.get(&value).filter(|(before, ..)| *before != after) {
            let (columns, taken) = (given.clone(), columns.to_vec());
            handovers.push(Handover { before: *before, after, row: *row, columns, taken });
        }
    }
}
