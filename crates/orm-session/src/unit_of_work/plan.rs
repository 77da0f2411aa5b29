//! The plan of a flush as a value: a program with, for each step, whose rows it writes.

mod changes;

pub use changes::{Change, Changes};

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use orm_core::entity::{EntityMeta, RelationKind, RelationMeta};
use orm_core::program::{Expect, Program, StatementShape, Step};
use orm_core::{Cell, Dialect, Error, Result, ValueRef, shapes};

use super::collect::{Collected, Move, Switch, Unresolved, Update, collect};
use super::delete::DeleteEffects;
use super::links::{Pair, Pairs};
use super::order::{Deferred, Group, order_tables, rank_rows};
use crate::tracker::{Place, Tracker};

/// What a flush will do, in order, and what settling it needs.
#[derive(Default)]
pub(crate) struct FlushPlan {
    /// The steps; whether they run in a transaction of their own is the session's to say.
    pub(crate) program: Program,
    /// Whose rows each step writes, by step.
    pub(crate) origins: Vec<Origin>,
    pub(super) moves: Vec<Move>,
    pub(super) switches: Vec<Switch>,
    /// Links to entities that the plan inserts, by the entity that has the link.
    pub(super) links: Vec<(Place, Unresolved)>,
    pub(super) effects: DeleteEffects,
    pub(super) pairs: Pairs,
    /// Entities whose collections may hold what the flush makes true.
    pub(super) touched: Vec<Place>,
    /// What was pending when the plan was sent, to be pending again if it fails.
    pub(super) taken: (Vec<Place>, Vec<Place>),
}

/// Whose rows a step writes.
#[derive(Debug)]
pub(crate) enum Origin {
    Insert {
        rows: Vec<Place>,
        generated: bool,
    },
    Update {
        rows: Vec<Place>,
        columns: Vec<u16>,
    },
    /// New values for the rows of deleted entities.
    Switch {
        rows: Vec<Place>,
    },
    /// References that could not be written with their rows, or must go before a delete.
    Reference {
        rows: Vec<Place>,
        columns: Vec<usize>,
    },
    Delete {
        rows: Vec<Place>,
    },
    Link {
        pairs: Vec<Pair>,
    },
    Unlink {
        pairs: Vec<Pair>,
    },
    /// References to deleted rows, set to NULL by criteria.
    NullReferences {
        relation: &'static RelationMeta,
        rows: Vec<Place>,
    },
    /// All links of deleted rows.
    UnlinkAll {
        relation: &'static RelationMeta,
        rows: Vec<Place>,
    },
}

impl Origin {
    /// The entity that a parameter row of the step is about.
    pub(crate) fn row(&self, at: usize) -> Option<Place> {
        match self {
            Self::Insert { rows, .. }
            | Self::Update { rows, .. }
            | Self::Switch { rows }
            | Self::Reference { rows, .. }
            | Self::Delete { rows }
            | Self::NullReferences { rows, .. }
            | Self::UnlinkAll { rows, .. } => rows.get(at).copied(),
            Self::Link { pairs } | Self::Unlink { pairs } => pairs.get(at).map(|pair| pair.source),
        }
    }
}

impl FlushPlan {
    /// Whether there is nothing to send.
    pub(crate) fn is_empty(&self) -> bool {
        self.program.steps.is_empty()
    }

    /// The entities that the plan inserts.
    pub(crate) fn inserted(&self) -> impl Iterator<Item = (&[Place], bool, usize)> {
        self.origins.iter().enumerate().filter_map(|(step, origin)| match origin {
            Origin::Insert { rows, generated } => Some((rows.as_slice(), *generated, step)),
            _ => None,
        })
    }
}

/// Plans a flush of all that is pending.
///
/// # Errors
/// A flush error for work that contradicts itself, or [`Error::Circular`]. Nothing is sent, and nothing pending is lost.
pub(crate) fn plan(tracker: &mut Tracker, dialect: &'static Dialect) -> Result<FlushPlan> {
    let collected = collect(tracker)?;
    let tracker = &*tracker;
    let mut builder = Builder::new(tracker, dialect, &collected);
    let groups = order_tables(tracker, involved(&collected));
    for group in &groups {
        builder.inserts(group, &collected)?;
    }
    for group in &groups {
        builder.updates(group, &collected)?;
    }
    builder.switches(&collected)?;
    builder.pairs(&collected.pairs)?;
    builder.effects(&collected.effects)?;
    for group in groups.iter().rev() {
        builder.deletes(group, &collected.deletes)?;
    }
    let mut plan = builder.plan;
    plan.touched = tracker.pending().iter().copied().chain(tracker.dirty()).collect();
    let Collected { moves, switches, pairs, effects, .. } = collected;
    let unresolved = collected.unresolved.into_iter();
    plan.links =
        unresolved.flat_map(|(source, links)| links.into_iter().map(move |link| (source, link))).collect();
    (plan.moves, plan.switches, plan.pairs, plan.effects) = (moves, switches, pairs, effects);
    Ok(plan)
}

/// The arenas with rows to write.
fn involved(collected: &Collected) -> Vec<u32> {
    let rows = collected.inserts.iter().chain(&collected.deletes).map(|place| place.arena);
    let mut arenas: Vec<u32> =
        rows.chain(collected.updates.iter().map(|update| update.place.arena)).collect();
    arenas.sort_unstable();
    arenas.dedup();
    arenas
}

struct Builder<'a> {
    tracker: &'a Tracker,
    dialect: &'static Dialect,
    unresolved: &'a HashMap<Place, Vec<Unresolved>>,
    /// Arenas whose generated keys are referred to by later steps.
    wanted: HashSet<u32>,
    /// Where the key of a new entity will be: step and row.
    keys: HashMap<Place, (u16, u32)>,
    plan: FlushPlan,
}

impl<'a> Builder<'a> {
    fn new(tracker: &'a Tracker, dialect: &'static Dialect, collected: &'a Collected) -> Self {
        let links = collected.unresolved.values().flatten().map(|link| link.target);
        let pairs = collected.pairs.added.iter().flat_map(|pair| [pair.source, pair.target]);
        let wanted = links.chain(pairs).map(|place| place.arena).collect();
        let plan = FlushPlan::default();
        Self { tracker, dialect, unresolved: &collected.unresolved, wanted, keys: HashMap::new(), plan }
    }

    // Inserts.

    fn inserts(&mut self, group: &Group, collected: &Collected) -> Result<()> {
        let mut rows: Vec<Place> =
            collected.inserts.iter().copied().filter(|row| group.arenas.contains(&row.arena)).collect();
        if rows.is_empty() {
            return Ok(());
        }
        if !group.cyclic {
            return self.insert_rows(&rows, &[]);
        }
        let ranked = rank_rows(self.tracker, &rows, false)?;
        if !ranked.deferred.is_empty() {
            self.wanted.extend(rows.iter().map(|row| row.arena));
        }
        let mut order: Vec<usize> = (0..rows.len()).collect();
        let table = |row: Place| group.arenas.iter().position(|&arena| arena == row.arena);
        order.sort_by_key(|&at| (ranked.levels[at], table(rows[at]), at));
        // A level of a table is a batch of its own: its rows refer to none of each other.
        let batches =
            order.chunk_by(|&a, &b| ranked.levels[a] == ranked.levels[b] && rows[a].arena == rows[b].arena);
        for batch in batches {
            let batch: Vec<Place> = batch.iter().map(|&at| rows[at]).collect();
            self.insert_rows(&batch, &ranked.deferred)?;
        }
        rows.clear();
        self.references(&ranked.deferred, false)
    }

    /// Rows of one table, in batches of consecutive rows with the same columns.
    fn insert_rows(&mut self, rows: &[Place], deferred: &[Deferred]) -> Result<()> {
        let arena = self.tracker.arena(rows[0].arena);
        let meta = arena.meta();
        for batch in rows.chunk_by(|a, b| arena.is_keyed(a.slot) == arena.is_keyed(b.slot)) {
            let with_key = arena.is_keyed(batch[0].slot);
            let step = self.begin_step(shapes::insert(meta, self.dialect, with_key), Expect::Any)?;
            let skipped = if with_key { None } else { meta.key.first().copied() };
            for (at, &row) in batch.iter().enumerate() {
                let start = self.plan.program.input.len();
                for column in (0..meta.columns.len()).filter(|&column| Some(column) != skipped) {
                    arena.encode(row.slot, column, &mut self.plan.program.input);
                }
                let cell_of =
                    |column: usize| start + column - usize::from(skipped.is_some_and(|key| key < column));
                self.write_links(row, |column| Some(cell_of(column)));
                for later in deferred.iter().filter(|later| later.row == row) {
                    for &column in &later.columns {
                        self.plan.program.input.set(cell_of(column), Cell::Null);
                    }
                }
                if !with_key && self.wanted.contains(&row.arena) {
                    self.keys.insert(row, (step, at as u32));
                }
            }
            self.end_step(batch.len(), Origin::Insert { rows: batch.to_vec(), generated: !with_key });
        }
        Ok(())
    }

    /// Points the cells of links to the steps that will know their keys. A target whose own INSERT comes later (a
    /// circle) is left as NULL.
    fn write_links(&mut self, row: Place, cell_of: impl Fn(usize) -> Option<usize>) {
        for link in self.unresolved.get(&row).into_iter().flatten() {
            let RelationKind::BelongsTo { columns, .. } = link.relation.kind else { continue };
            let Some(&(step, at)) = self.keys.get(&link.target) else { continue };
            for &column in columns {
                if let Some(cell) = cell_of(column) {
                    self.plan.program.input.set(cell, Cell::From { step, column: 0, row: at });
                }
            }
        }
    }

    /// Sets references that could not be written with their rows; `to_null` takes references out before a delete.
    fn references(&mut self, deferred: &[Deferred], to_null: bool) -> Result<()> {
        for Deferred { row, columns, relation } in deferred {
            let arena = self.tracker.arena(row.arena);
            let shape = shapes::update(arena.meta(), self.dialect, columns, false);
            self.begin_step(shape, Expect::OnePerRow)?;
            let start = self.plan.program.input.len();
            for &column in columns {
                match to_null {
                    true => self.plan.program.input.null(),
                    false => arena.encode(row.slot, column, &mut self.plan.program.input),
                }
            }
            if !to_null && relation.is_some() {
                self.write_links(*row, |column| Some(start + columns.iter().position(|&own| own == column)?));
            }
            self.row_key(*row);
            self.end_step(1, Origin::Reference { rows: vec![*row], columns: columns.clone() });
        }
        Ok(())
    }

    /// The key of a row, wherever it is known from.
    fn row_key(&mut self, place: Place) {
        let arena = self.tracker.arena(place.arena);
        match self.keys.get(&place) {
            Some(&(step, row)) => self.plan.program.input.push(Cell::From { step, column: 0, row }),
            None => arena.encode_row_key(place.slot, &mut self.plan.program.input),
        }
    }

    // Updates.

    fn updates(&mut self, group: &Group, collected: &Collected) -> Result<()> {
        for &index in &group.arenas {
            let arena = self.tracker.arena(index);
            let own: Vec<&Update> =
                collected.updates.iter().filter(|update| update.place.arena == index).collect();
            if own.is_empty() {
                continue;
            }
            // Grouped by the columns written, in the order of the first of each, then by key.
            let mut shapes: Vec<(&[u16], Vec<u32>)> = Vec::new();
            let mut known: HashMap<&[u16], usize> = HashMap::new();
            for update in own {
                let columns = &collected.columns[update.columns.clone()];
                let at = *known.entry(columns).or_insert_with(|| {
                    shapes.push((columns, Vec::new()));
                    shapes.len() - 1
                });
                shapes[at].1.push(update.place.slot);
            }
            for (columns, mut slots) in shapes {
                arena.sort_by_row_key(&mut slots);
                let rows: Vec<Place> = slots.into_iter().map(|slot| Place { arena: index, slot }).collect();
                let written = columns.iter().map(|&column| usize::from(column)).collect();
                self.update_rows(arena.meta(), written, rows.iter().map(|&row| (row, row)))?;
                self.end_step(rows.len(), Origin::Update { rows, columns: columns.to_vec() });
            }
        }
        Ok(())
    }

    /// Rows whose entity was deleted and another one added: all columns but the key.
    fn switches(&mut self, collected: &Collected) -> Result<()> {
        for batch in collected.switches.chunk_by(|a, b| a.new.arena == b.new.arena) {
            let meta = self.tracker.arena(batch[0].new.arena).meta();
            let kept = |column: &usize| !meta.key.contains(column) && meta.version != Some(*column);
            let written: Vec<usize> = (0..meta.columns.len()).filter(kept).collect();
            if written.is_empty() && meta.version.is_none() {
                continue;
            }
            self.update_rows(meta, written, batch.iter().map(|switch| (switch.new, switch.old)))?;
            self.end_step(
                batch.len(),
                Origin::Switch { rows: batch.iter().map(|switch| switch.new).collect() },
            );
        }
        Ok(())
    }

    /// Begins a step that writes columns of `value` to the row of `row`, counting its version.
    fn update_rows(
        &mut self,
        meta: &'static EntityMeta,
        mut written: Vec<usize>,
        rows: impl Iterator<Item = (Place, Place)>,
    ) -> Result<()> {
        let plain = written.len();
        written.extend(meta.version);
        let shape = shapes::update(meta, self.dialect, &written, meta.version.is_some());
        self.begin_step(shape, Expect::OnePerRow)?;
        for (value, row) in rows {
            let arena = self.tracker.arena(value.arena);
            let start = self.plan.program.input.len();
            for &column in &written[..plain] {
                arena.encode(value.slot, column, &mut self.plan.program.input);
            }
            self.write_links(value, |column| {
                Some(start + written[..plain].iter().position(|&own| own == column)?)
            });
            let version = self.version(row);
            if let Some(version) = version {
                self.plan.program.input.int(version + 1);
            }
            self.row_key(row);
            if let Some(version) = version {
                self.plan.program.input.int(version);
            }
        }
        Ok(())
    }

    fn version(&self, row: Place) -> Option<i64> {
        version_of(self.tracker, row)
    }

    // Links.

    fn pairs(&mut self, pairs: &Pairs) -> Result<()> {
        for batch in pairs.removed.chunk_by(same_table) {
            self.begin_step(shapes::delete_link(self.dialect, batch[0].through), Expect::Any)?;
            for pair in batch {
                self.row_key(pair.source);
                self.row_key(pair.target);
            }
            self.end_step(batch.len(), Origin::Unlink { pairs: batch.to_vec() });
        }
        for batch in pairs.added.chunk_by(same_table) {
            self.begin_step(shapes::insert_link(self.dialect, batch[0].through), Expect::Any)?;
            for pair in batch {
                self.value_key(pair.source);
                self.value_key(pair.target);
            }
            self.end_step(batch.len(), Origin::Link { pairs: batch.to_vec() });
        }
        Ok(())
    }

    /// The key that an entity has once the steps so far have run.
    fn value_key(&mut self, place: Place) {
        match self.keys.get(&place) {
            Some(&(step, row)) => self.plan.program.input.push(Cell::From { step, column: 0, row }),
            None => self.tracker.arena(place.arena).encode_key(place.slot, &mut self.plan.program.input),
        }
    }

    // Deletes.

    fn effects(&mut self, effects: &DeleteEffects) -> Result<()> {
        for (relation, rows) in &effects.nulled {
            let RelationKind::BelongsTo { columns, .. } = relation.kind else { continue };
            let shape = shapes::null_foreign_key((relation.source)(), self.dialect, columns);
            self.begin_step(shape, Expect::Any)?;
            rows.iter().for_each(|&row| self.row_key(row));
            self.end_step(rows.len(), Origin::NullReferences { relation, rows: rows.clone() });
        }
        for (relation, rows) in &effects.unlinked {
            let RelationKind::ManyToMany { through } = &relation.kind else { continue };
            self.begin_step(shapes::delete_links_of(self.dialect, through), Expect::Any)?;
            rows.iter().for_each(|&row| self.row_key(row));
            self.end_step(rows.len(), Origin::UnlinkAll { relation, rows: rows.clone() });
        }
        Ok(())
    }

    fn deletes(&mut self, group: &Group, deletes: &[Place]) -> Result<()> {
        let rows: Vec<Place> =
            deletes.iter().copied().filter(|row| group.arenas.contains(&row.arena)).collect();
        if rows.is_empty() {
            return Ok(());
        }
        if !group.cyclic {
            return self.delete_rows(rows[0].arena, rows.iter().map(|row| row.slot).collect());
        }
        let ranked = rank_rows(self.tracker, &rows, true)?;
        self.references(&ranked.deferred, true)?;
        let mut order: Vec<usize> = (0..rows.len()).collect();
        order.sort_by_key(|&at| (std::cmp::Reverse(ranked.levels[at]), rows[at].arena));
        let batches =
            order.chunk_by(|&a, &b| ranked.levels[a] == ranked.levels[b] && rows[a].arena == rows[b].arena);
        for batch in batches {
            self.delete_rows(rows[batch[0]].arena, batch.iter().map(|&at| rows[at].slot).collect())?;
        }
        Ok(())
    }

    fn delete_rows(&mut self, index: u32, mut slots: Vec<u32>) -> Result<()> {
        let arena = self.tracker.arena(index);
        arena.sort_by_row_key(&mut slots);
        let versioned = arena.meta().version.is_some();
        self.begin_step(shapes::delete(arena.meta(), self.dialect, versioned), Expect::OnePerRow)?;
        let rows: Vec<Place> = slots.into_iter().map(|slot| Place { arena: index, slot }).collect();
        for &row in &rows {
            self.row_key(row);
            if let Some(version) = self.version(row) {
                self.plan.program.input.int(version);
            }
        }
        self.end_step(rows.len(), Origin::Delete { rows });
        Ok(())
    }

    // Steps.

    fn begin_step(&mut self, shape: StatementShape, expect: Expect) -> Result<u16> {
        let steps = &mut self.plan.program.steps;
        let Ok(at) = u16::try_from(steps.len()) else {
            return Err(Error::build("a flush of more than 65,536 statements: flush more often"));
        };
        let start = self.plan.program.input.len() as u32;
        steps.push(Step {
            shape: Arc::new(shape),
            rows: 0,
            cells: start..start,
            expect,
            after: Vec::new(),
            origin: u32::from(at),
        });
        Ok(at)
    }

    fn end_step(&mut self, rows: usize, origin: Origin) {
        if let Some(step) = self.plan.program.steps.last_mut() {
            step.rows = rows as u32;
            step.cells.end = self.plan.program.input.len() as u32;
        }
        self.plan.origins.push(origin);
    }
}

/// The version that a row has, as the transaction sees it.
pub(super) fn version_of(tracker: &Tracker, row: Place) -> Option<i64> {
    let arena = tracker.arena(row.arena);
    let column = arena.meta().version?;
    let mut cells = orm_core::Cells::default();
    arena.encode_row(row.slot, column, &mut cells);
    match cells.value(0) {
        ValueRef::Int(version) => Some(version),
        _ => None,
    }
}

fn same_table(a: &Pair, b: &Pair) -> bool {
    std::ptr::eq(a.relation, b.relation)
}
