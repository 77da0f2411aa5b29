//! What must come before what, for operations that are sorted.

use std::collections::HashMap;

use orm_core::entity::{OnDelete, RelationMeta};

use super::collect::{Collected, Switch};
use super::delete::{Nulled, Takers};
use super::operations::{Op, Operations, Reference, columns_of};
use super::order::{Edge, edges};
use super::unique::Handover;
use crate::tracker::{Place, Tracker};

/// One operation waits for another one.
pub(super) struct Wait {
    pub(super) before: usize,
    pub(super) after: usize,
    /// How it can do without.
    pub(super) ways: Vec<WayOut>,
}

/// How an operation can go without waiting.
pub(super) enum WayOut {
    /// Columns of the row that is waited for become NULL first.
    Clear { row: Place, columns: Vec<usize> },
    /// Columns of the row that waits are NULL for now, and written later.
    Later { row: Place, columns: Vec<usize> },
    /// Another operation does what is waited for, too.
    Other { before: usize },
}

impl Wait {
    pub(super) fn plain(before: usize, after: usize) -> Self {
        Self { before, after, ways: Vec::new() }
    }
}

/// All that must come before something else, because of references and of unique values.
pub(super) fn waits(
    tracker: &Tracker,
    collected: &Collected,
    operations: &Operations,
    handovers: Vec<Handover>,
) -> Vec<Wait> {
    let at = Positions::of(collected, operations);
    let takers = Takers::default();
    let mut order = Order { tracker, collected, operations, at, takers, waits: Vec::new() };
    order.values();
    order.rows();
    order.others();
    handovers.into_iter().for_each(|handover| order.handover(handover));
    order.waits
}

/// Where the operations of rows stand in the list.
#[derive(Default)]
struct Positions {
    written: HashMap<Place, usize>,
    deleted: HashMap<Place, usize>,
    /// Deleted entities whose rows get new values.
    switched: HashMap<Place, usize>,
    /// References that become NULL by criteria, by what they lead to.
    nulls: HashMap<(*const RelationMeta, Place), usize>,
    /// References that are written besides their rows, each with its place among those, by row and whether they become
    /// NULL.
    references: HashMap<(Place, bool), Vec<(usize, usize)>>,
}

impl Positions {
    fn of(collected: &Collected, operations: &Operations) -> Self {
        let mut at = Self::default();
        for (position, op) in operations.list.iter().enumerate() {
            match *op {
                Op::Insert { row, .. } | Op::Update { row, .. } => at.written.insert(row, position),
                Op::Switch { switch } => {
                    let Switch { new, old } = collected.switches[switch];
                    at.switched.insert(old, position);
                    at.written.insert(new, position)
                }
                Op::Delete { row } => at.deleted.insert(row, position),
                Op::NullReferences { effect, row } => {
                    let relation: *const RelationMeta = collected.effects.nulled[effect].0;
                    at.nulls.insert((relation, row), position)
                }
                Op::Reference { reference } => {
                    let Reference { deferred, to_null } = &operations.references[reference];
                    at.references.entry((deferred.row, *to_null)).or_default().push((position, reference));
                    None
                }
                _ => None,
            };
        }
        at
    }
}

struct Order<'a> {
    tracker: &'a Tracker,
    collected: &'a Collected,
    operations: &'a Operations,
    at: Positions,
    takers: Takers,
    waits: Vec<Wait>,
}

impl Order<'_> {
    fn add(&mut self, before: usize, after: usize, ways: Vec<WayOut>) {
        self.waits.push(Wait { before, after, ways });
    }

    /// A row that refers to another that is new, or has a new key, is written after it; a reference that was put off,
    /// after both.
    fn values(&mut self) {
        let mut rows: Vec<Place> = self.at.written.keys().copied().collect();
        rows.sort_by_key(|row| self.at.written[row]);
        for edge in edges(self.tracker, &rows, false).into_iter().flatten() {
            let row = rows[edge.of];
            let (own, target) = (self.at.written[&row], self.at.written[&rows[edge.to]]);
            if own == target || self.is_there(target, rows[edge.to], &edge) {
                continue;
            }
            match self.put_off(row, &edge.columns, false) {
                Some(later) => self.add(target, later, Vec::new()),
                None => {
                    let columns = self.written_again(row, own, edge.columns);
                    let later = (!columns.is_empty()).then_some(WayOut::Later { row, columns });
                    self.add(target, own, later.into_iter().collect());
                }
            }
        }
    }

    /// Where a reference is written besides its row.
    fn put_off(&self, row: Place, columns: &[usize], to_null: bool) -> Option<usize> {
        let covers = |reference: usize| {
            let own = &self.operations.references[reference].deferred.columns;
            columns.iter().all(|column| own.contains(column))
        };
        let own = self.at.references.get(&(row, to_null))?;
        own.iter().find(|(_, reference)| covers(*reference)).map(|(position, _)| *position)
    }

    /// Whether what is referred to is stored already, with the value that is referred to.
    fn is_there(&self, target: usize, row: Place, edge: &Edge) -> bool {
        match self.operations.list[target] {
            Op::Update { update, .. } => !self.writes(update, &edge.referred),
            Op::Switch { .. } => edge.referred == self.tracker.arena(row.arena).meta().key,
            _ => false,
        }
    }

    fn writes(&self, update: usize, columns: &[usize]) -> bool {
        let written = columns_of(self.collected, &self.collected.updates[update].columns);
        written.iter().any(|&column| columns.contains(&usize::from(column)))
    }

    /// Whether an operation writes all of some columns, or leaves no row.
    fn writes_all(&self, own: usize, columns: &[usize]) -> bool {
        match self.operations.list[own] {
            Op::Update { update, .. } => columns.iter().all(|&column| self.writes(update, &[column])),
            _ => true,
        }
    }

    /// Those of some columns that may be NULL for a moment: the row's own operation writes them, or deletes the row.
    fn written_again(&self, row: Place, own: usize, mut columns: Vec<usize>) -> Vec<usize> {
        let meta = self.tracker.arena(row.arena).meta();
        columns.retain(|&column| {
            let is_written = match self.operations.list[own] {
                Op::Update { row: other, update } => other != row || self.writes(update, &[column]),
                _ => true,
            };
            meta.columns[column].nullable && is_written
        });
        columns
    }

    /// A row that refers to a deleted one is changed or deleted before, and so is one that refers to what goes along.
    fn rows(&mut self) {
        let effects = &self.collected.effects;
        let nulled = Nulled::of(effects);
        let (updates, deleted) = (&self.collected.updates, self.at.deleted.keys());
        let mut rows: Vec<Place> = deleted.chain(effects.cascaded.keys()).copied().collect();
        rows.extend(updates.iter().map(|update| update.place).chain(self.at.switched.keys().copied()));
        rows.sort_unstable_by_key(|row| (self.tracker.arena(row.arena).meta().table, row.slot));
        let edges = edges(self.tracker, &rows, true);
        self.takers = Takers::of(&rows, &edges, &effects.cascaded);
        for edge in edges.into_iter().flatten() {
            let (row, target) = (rows[edge.of], rows[edge.to]);
            let deletes = self.deletes_of(target);
            if deletes.is_empty() {
                continue;
            }
            let own = self.leaves(row, &edge);
            // By the database's own action or a statement of the flush: but what becomes NULL must be written again.
            let nulls = nulled
                .has(self.tracker, row, &edge, target)
                .then(|| self.nulls(row, &edge, target))
                .flatten();
            let is_done = edge.on_delete == Some(OnDelete::SetNull) || nulls.is_some();
            if is_done && own.is_none_or(|own| self.writes_all(own, &edge.columns)) {
                continue;
            }
            let clear = self.put_off(row, &edge.columns, true);
            for end in nulls.map_or(deletes, |nulls| vec![nulls]) {
                match (clear, own.filter(|&own| own != end)) {
                    (Some(clear), _) => self.add(clear, end, Vec::new()),
                    (None, Some(own)) => {
                        let columns = self.written_again(row, own, edge.columns.clone());
                        let clear = (!columns.is_empty()).then_some(WayOut::Clear { row, columns });
                        let ways = clear.into_iter().chain(self.others_that_take(row, own)).collect();
                        self.add(own, end, ways);
                    }
                    (None, None) => {}
                }
            }
        }
    }

    /// The statement that sets a row's reference to NULL before the target is deleted.
    fn nulls(&self, row: Place, edge: &Edge, target: Place) -> Option<usize> {
        let relation: *const RelationMeta = &self.tracker.arena(row.arena).meta().relations[edge.relation?];
        self.at.nulls.get(&(relation, target)).copied()
    }

    /// The operations of which the first deletes a row.
    fn deletes_of(&self, row: Place) -> Vec<usize> {
        let roots = self.takers.of_row(&row).unwrap_or(std::slice::from_ref(&row)).iter();
        roots.filter_map(|root| self.at.deleted.get(root).copied()).collect()
    }

    /// The operation after which a row is gone, itself or along with another.
    fn delete_of(&self, row: Place) -> Option<usize> {
        let root = self.collected.effects.cascaded.get(&row).copied().unwrap_or(row);
        self.at.deleted.get(&root).copied()
    }

    /// The operation after which a row does not refer to another one any more.
    fn leaves(&self, row: Place, edge: &Edge) -> Option<usize> {
        if let Some(&own) = self.at.written.get(&row) {
            return match self.operations.list[own] {
                Op::Update { update, .. } => self.writes(update, &edge.columns).then_some(own),
                _ => None,
            };
        }
        if let Some(&own) = self.at.switched.get(&row) {
            return Some(own);
        }
        // What goes along by the database's own action is not in its way.
        let goes_along = self.collected.effects.cascaded.contains_key(&row);
        if goes_along && edge.on_delete == Some(OnDelete::Cascade) { None } else { self.delete_of(row) }
    }

    /// References that were put off come after their rows, or before; links of a new row come after it, and go before
    /// one that is deleted.
    fn others(&mut self) {
        let pairs = &self.collected.pairs;
        for (position, op) in self.operations.list.iter().enumerate() {
            match *op {
                Op::Reference { reference } => {
                    let reference = &self.operations.references[reference];
                    let row = reference.deferred.row;
                    let own = self.at.written.get(&row).map(|&own| vec![own]);
                    let own = own.unwrap_or_else(|| self.deletes_of(row));
                    self.waits.extend(own.into_iter().map(|own| match reference.to_null {
                        true => Wait::plain(position, own),
                        false => Wait::plain(own, position),
                    }));
                }
                Op::Link { pair } => {
                    let ends = [pairs.added[pair].source, pairs.added[pair].target];
                    for before in ends.iter().filter_map(|end| self.at.written.get(end).copied()) {
                        self.waits.push(Wait::plain(before, position));
                    }
                }
                Op::Unlink { pair } => {
                    let ends = [pairs.removed[pair].source, pairs.removed[pair].target];
                    for after in ends.iter().filter_map(|end| self.at.deleted.get(end).copied()) {
                        self.waits.push(Wait::plain(position, after));
                    }
                }
                Op::NullReferences { row, .. } | Op::UnlinkAll { row, .. } => {
                    let delete = self.at.deleted.get(&row).copied();
                    self.waits.extend(delete.map(|delete| Wait::plain(position, delete)));
                }
                _ => {}
            }
        }
    }

    /// A unique value is given up before it is taken. The row that gives it up can do so for NULL first, in columns that
    /// are written again, and the one that takes it can take NULL first.
    fn handover(&mut self, handover: Handover) {
        let Handover { before, after, row, columns, taken } = handover;
        let clear = match self.emptied_before(row, after) {
            true => columns,
            false => self.written_again(row, before, columns),
        };
        let clear = (!clear.is_empty()).then_some(WayOut::Clear { row, columns: clear });
        let mut ways: Vec<WayOut> = clear.into_iter().chain(self.others_that_take(row, before)).collect();
        let taker = match self.operations.list[after] {
            Op::Insert { row, .. } | Op::Update { row, .. } => Some(row),
            Op::Switch { switch } => Some(self.collected.switches[switch].new),
            _ => None,
        };
        if let Some(row) = taker {
            let columns = self.written_again(row, after, taken);
            ways.extend((!columns.is_empty()).then_some(WayOut::Later { row, columns }));
        }
        self.add(before, after, ways);
    }

    /// Whether a row waits for what becomes of itself: its columns stay NULL.
    fn emptied_before(&self, row: Place, after: usize) -> bool {
        matches!(self.operations.list[after], Op::Update { row: own, .. } if own == row)
    }

    /// A row that goes along may do so with another delete than this one.
    fn others_that_take(&self, row: Place, delete: usize) -> impl Iterator<Item = WayOut> + use<> {
        let is_taken = self.collected.effects.cascaded.contains_key(&row);
        let others = if is_taken { self.deletes_of(row) } else { Vec::new() };
        others.into_iter().filter(move |&other| other != delete).map(|before| WayOut::Other { before })
    }
}
