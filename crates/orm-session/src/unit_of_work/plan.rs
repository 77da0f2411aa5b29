//! The plan of a flush as a value: a program with, for each step, whose rows it writes.

mod changes;
mod rows;

pub use changes::{Change, Changes, ColumnChange};
pub(crate) use rows::{ReadBack, Returned};

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use orm_core::entity::{EntityMeta, RelationKind, RelationMeta, VersionKind};
use orm_core::program::{Expect, Program, StatementShape, Step};
use orm_core::{Cell, Dialect, Error, Result, ValueRef, shapes};

use super::collect::{Collected, Move, Switch, Unresolved, Update, collect};
use super::delete::{DeleteEffects, effects_of_deletes};
use super::keys::link_of;
use super::link_rows::{Stood, refuse_unfilled};
use super::links::{Pair, Pairs};
use super::operations::{Op, Operations, Reference, columns_of, order_operations};
use super::order::Deferred;
use super::orphans::Unread;
use super::rename::Renames;
use crate::state::State;
use crate::tracker::{Doomed, Expressions, Followed, GivenLinks, Place, Tracker};
use rows::Layout;

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
    pub(super) renames: Renames,
    pub(super) left: Vec<Stood>,
    /// Rows that followed what was renamed.
    pub(super) followed: Vec<Followed>,
    /// Entities whose collections may hold what the flush makes true.
    pub(super) touched: Vec<Place>,
    /// What was pending when the plan was sent, to be pending again if it fails.
    pub(super) taken: (Vec<Place>, Vec<Place>),
    /// What the database fills, by step.
    pub(super) read_backs: Vec<ReadBack>,
    /// The columns that the parameters of a step are written to, where they are not one for each column.
    pub(super) parameters: HashMap<u16, Vec<usize>>,
    /// The SQL expressions that the plan sends, to be pending again if it fails.
    pub(super) expressions: Expressions,
    /// The time of versions that are times.
    pub(super) now: i64,
    /// Links that the plan wrote on behalf of collections.
    pub(super) given: GivenLinks,
    /// What goes for want of a parent.
    pub(super) doomed: Doomed,
    /// Collections that have to be read first: then the rest is empty.
    pub(crate) unread: Unread,
}

/// Whose rows a step writes.
#[derive(Debug)]
pub(crate) enum Origin {
    Insert {
        rows: Vec<Place>,
        generated: bool,
        columns: Vec<usize>,
    },
    Update {
        rows: Vec<Place>,
        columns: Vec<u16>,
    },
    /// New values for the rows of deleted entities.
    Switch {
        rows: Vec<Place>,
        columns: Vec<usize>,
    },
    /// Columns that the database filled in the step before, where that step cannot answer them.
    ReadBack {
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
        let (rows, pairs) = self.subjects();
        rows.get(at).copied().or_else(|| pairs.get(at).map(|pair| pair.source))
    }

    /// How many parameter rows the step has.
    pub(crate) fn rows(&self) -> usize {
        let (rows, pairs) = self.subjects();
        rows.len() + pairs.len()
    }

    /// What the parameter rows are about: entities or pairs.
    fn subjects(&self) -> (&[Place], &[Pair]) {
        match self {
            Self::Insert { rows, .. }
            | Self::Update { rows, .. }
            | Self::Switch { rows, .. }
            | Self::ReadBack { rows }
            | Self::Reference { rows, .. }
            | Self::Delete { rows }
            | Self::NullReferences { rows, .. }
            | Self::UnlinkAll { rows, .. } => (rows, &[]),
            Self::Link { pairs } | Self::Unlink { pairs } => (&[], pairs),
        }
    }
}

impl FlushPlan {
    /// What a statement that deleted these rows amounts to, for settling.
    pub(crate) fn of_deletes(tracker: &Tracker, gone: Vec<Place>) -> Self {
        let gone: Vec<Place> = gone.into_iter().filter(|&place| tracker.state(place).is_live()).collect();
        let effects = effects_of_deletes(tracker, &gone);
        Self { origins: vec![Origin::Delete { rows: gone }], effects, ..Self::default() }
    }

    /// Whether there is nothing to send.
    pub(crate) fn is_empty(&self) -> bool {
        self.program.steps.is_empty()
    }

    /// What takes the answers of the program. `steps` is how many it has.
    pub(crate) fn returned(&self, steps: usize) -> Returned {
        Returned::new(steps, &self.read_backs)
    }

    /// The entities that the plan inserts.
    pub(crate) fn inserted(&self) -> impl Iterator<Item = (&[Place], bool, usize)> {
        self.origins.iter().enumerate().filter_map(|(step, origin)| match origin {
            Origin::Insert { rows, generated, .. } => Some((rows.as_slice(), *generated, step)),
            _ => None,
        })
    }
}

/// Plans a flush of all that is pending. `now`, in microseconds since the Unix epoch, is for versions that are times.
/// `as_known` does without what would have to be read first.
///
/// # Errors
/// A flush error for work that contradicts itself, or [`Error::Circular`]. Nothing is sent, and nothing pending is lost.
pub(crate) fn plan(
    tracker: &mut Tracker,
    dialect: &'static Dialect,
    now: i64,
    as_known: bool,
) -> Result<Box<FlushPlan>> {
    let made = make_plan(tracker, dialect, now, as_known);
    let doomed = tracker.spare();
    let mut plan = made?;
    plan.doomed = doomed;
    Ok(plan)
}

fn make_plan(
    tracker: &mut Tracker,
    dialect: &'static Dialect,
    now: i64,
    as_known: bool,
) -> Result<Box<FlushPlan>> {
    let collected = collect(tracker, as_known)?;
    if !collected.unread.is_empty() && !as_known {
        return Ok(Box::new(FlushPlan { unread: collected.unread, ..FlushPlan::default() }));
    }
    plan_collected(tracker, dialect, now, collected)
}

/// Plans what was collected.
pub(super) fn plan_collected(
    tracker: &Tracker,
    dialect: &'static Dialect,
    now: i64,
    mut collected: Collected,
) -> Result<Box<FlushPlan>> {
    let operations = order_operations(tracker, &mut collected)?;
    let mut builder = Builder::new(tracker, dialect, &collected, &operations);
    builder.plan.now = now;
    for batch in operations.list.chunk_by(|&a, &b| operations.share_a_step(&collected, a, b)) {
        builder.step(batch)?;
    }
    let Builder { mut plan, renames, .. } = builder;
    plan.renames = renames;
    plan.touched = tracker.touched_with_relations();
    let Collected { moves, switches, pairs, effects, unresolved, left, .. } = collected;
    plan.left = left;
    let unresolved = unresolved.into_iter();
    plan.links =
        unresolved.flat_map(|(source, links)| links.into_iter().map(move |link| (source, link))).collect();
    (plan.moves, plan.switches, plan.pairs, plan.effects) = (moves, switches, pairs, effects);
    Ok(plan)
}

/// Where the value of a column comes from.
enum Source {
    /// An earlier step answers it.
    Step(Cell),
    /// A tracked value has it.
    Value(Place, usize),
}

/// Turns operations into steps.
struct Builder<'a> {
    tracker: &'a Tracker,
    dialect: &'static Dialect,
    collected: &'a Collected,
    operations: &'a Operations,
    /// Arenas whose generated keys are referred to by later steps.
    wanted: HashSet<u32>,
    /// Columns that are written later than their rows.
    later: HashMap<Place, Vec<usize>>,
    /// Where the key of a new entity will be: step and row.
    keys: HashMap<Place, (u16, u32)>,
    renames: Renames,
    /// Columns that rows refer to, and that a step so far changes.
    renamed: HashSet<(Place, usize)>,
    /// Boxed, for it is large and goes through many hands.
    plan: Box<FlushPlan>,
}

impl<'a> Builder<'a> {
    fn new(
        tracker: &'a Tracker,
        dialect: &'static Dialect,
        collected: &'a Collected,
        operations: &'a Operations,
    ) -> Self {
        let links = collected.unresolved.values().flatten().map(|link| link.target);
        let pairs = collected.pairs.added.iter().flat_map(|pair| [pair.source, pair.target]);
        let deferred = operations.references.iter().filter(|reference| !reference.to_null);
        let deferred = deferred.map(|Reference { deferred, .. }| (deferred.row, deferred.columns.clone()));
        let later: HashMap<Place, Vec<usize>> = deferred.collect();
        let wanted = links.chain(pairs).chain(later.keys().copied()).map(|place| place.arena).collect();
        let renames = Renames::of(tracker, collected);
        let (keys, renamed, plan) = (HashMap::new(), HashSet::new(), Box::default());
        Self { tracker, dialect, collected, operations, wanted, later, keys, renames, renamed, plan }
    }

    /// A step for operations that share one.
    fn step(&mut self, batch: &[Op]) -> Result<()> {
        let collected = self.collected;
        match batch[0] {
            Op::Insert { .. } => self.insert(rows_of(batch)),
            Op::Update { update, .. } => self.update(rows_of(batch), &collected.updates[update]),
            Op::Switch { .. } => self.switch(&picked(batch, &collected.switches)),
            Op::Reference { .. } => {
                let references = indexes(batch).map(|at| &self.operations.references[at]);
                self.reference(references.collect())
            }
            Op::Link { .. } => self.link(&picked(batch, &collected.pairs.added)),
            Op::Unlink { .. } => self.unlink(&picked(batch, &collected.pairs.removed)),
            Op::NullReferences { effect, .. } => {
                self.null_references(rows_of(batch), collected.effects.nulled[effect].0)
            }
            Op::UnlinkAll { effect, .. } => {
                self.unlink_all(rows_of(batch), collected.effects.unlinked[effect].0)
            }
            Op::Delete { .. } => self.delete(rows_of(batch)),
        }
    }

    // Inserts.

    fn insert(&mut self, rows: Vec<Place>) -> Result<()> {
        let arena = self.tracker.arena(rows[0].arena);
        let (meta, (with_key, _)) = (arena.meta(), arena.given(rows[0].slot));
        let (shape, layout, filled) = self.insert_statement(rows[0]);
        let (width, first) = (usize::from(shape.parameters), self.plan.program.input.len());
        let step = self.begin_step(shape, Expect::Any)?;
        self.encode_rows(&rows, &layout);
        let wanted = !with_key && self.wanted.contains(&rows[0].arena);
        let refers = !self.collected.unresolved.is_empty() || !self.operations.references.is_empty();
        let are_final = !wanted && !refers && meta.version_kind != VersionKind::Timestamp;
        for (at, &row) in rows.iter().enumerate().filter(|_| !are_final) {
            let start = first + at * width;
            self.stamp(meta, start, &layout);
            self.write_links(row, |column| Some(start + layout.place_of(column)?));
            self.put_off(row, start, &layout);
            if wanted {
                self.keys.insert(row, (step, at as u32));
            }
        }
        let columns = self.written(&layout, &rows);
        let origin = Origin::Insert { rows: rows.clone(), generated: !with_key, columns };
        self.end_filled_step(step, origin, rows, filled, &layout)
    }

    /// Leaves columns that are written later than their row as NULL.
    fn put_off(&mut self, row: Place, start: usize, layout: &Layout) {
        for &column in self.later.get(&row).into_iter().flatten() {
            if let Some(place) = layout.place_of(column) {
                self.plan.program.input.set(start + place, Cell::Null);
            }
        }
    }

    /// Points the cells of links to the steps that will know their keys. A target whose own INSERT comes later (a
    /// circle) is left as NULL.
    fn write_links(&mut self, row: Place, cell_of: impl Fn(usize) -> Option<usize>) {
        for link in self.collected.unresolved.get(&row).into_iter().flatten() {
            let RelationKind::BelongsTo { columns, .. } = link.relation.kind else { continue };
            let key = self.tracker.arena(link.target.arena).meta().key;
            for (&column, &part) in columns.iter().zip(key) {
                let Some(cell) = cell_of(column) else { continue };
                match self.source(link.target, part) {
                    Source::Step(coming) => self.plan.program.input.set(cell, coming),
                    Source::Value(place, column) if self.is_known(place, column) => {
                        self.tracker.arena(place.arena).encode(
                            place.slot,
                            column,
                            &mut self.plan.program.input,
                        );
                        self.plan.program.input.move_last(cell);
                    }
                    Source::Value(..) => {}
                }
            }
        }
    }

    /// Where a column of a row comes from: a link without a key stands for the key of its target.
    fn source(&self, place: Place, column: usize) -> Source {
        let meta = |place: Place| self.tracker.arena(place.arena).meta();
        if let Some((target, part)) = link_of(&self.collected.unresolved, place, column) {
            return self.source(target, meta(target).key[part]);
        }
        match self.keys.get(&place) {
            Some(&(step, row)) if meta(place).key == [column] => {
                Source::Step(Cell::From { step, column: 0, row })
            }
            _ => Source::Value(place, column),
        }
    }

    /// Not a key that the database has yet to assign.
    fn is_known(&self, place: Place, column: usize) -> bool {
        let arena = self.tracker.arena(place.arena);
        !(arena.meta().auto_key && arena.meta().key == [column]) || arena.is_keyed(place.slot)
    }

    /// A column that a row has once the steps so far have run, where they write it.
    fn written_cell(&mut self, place: Place, column: usize) {
        match self.source(place, column) {
            Source::Step(cell) => self.plan.program.input.push(cell),
            Source::Value(place, column) => {
                self.tracker.arena(place.arena).encode(place.slot, column, &mut self.plan.program.input);
            }
        }
    }

    /// References that could not be written with their rows, or that must go before something else.
    fn reference(&mut self, references: Vec<&Reference>) -> Result<()> {
        let Deferred { row, columns } = &references[0].deferred;
        let arena = self.tracker.arena(row.arena);
        let computed: &[usize] = arena.meta().generated;
        let returning = if self.dialect.returning { computed } else { &[] };
        let shape = arena.meta().update_columns(self.dialect, columns, false, returning);
        let step = self.begin_step(shape, Expect::OnePerRow)?;
        for reference in &references {
            let row = reference.deferred.row;
            let start = self.plan.program.input.len();
            for &column in columns {
                match reference.to_null {
                    true => self.plan.program.input.null(),
                    false => arena.encode(row.slot, column, &mut self.plan.program.input),
                }
            }
            if !reference.to_null {
                self.write_links(row, |column| Some(start + columns.iter().position(|&own| own == column)?));
            }
            self.row_key(row);
        }
        let rows: Vec<Place> = references.iter().map(|reference| reference.deferred.row).collect();
        let origin = Origin::Reference { rows: rows.clone(), columns: columns.clone() };
        self.end_filled_step(step, origin, rows, computed.to_vec(), &Layout::Plain(Vec::new()))
    }

    /// The key by which the database knows a row after the steps so far.
    fn row_key(&mut self, place: Place) {
        let arena = self.tracker.arena(place.arena);
        if arena.state(place.slot) == State::Pending {
            return self.value_key(place);
        }
        if !self.is_renaming() {
            return arena.encode_row_key(place.slot, &mut self.plan.program.input);
        }
        for &column in arena.meta().key {
            let behind = self.renames.behind(self.tracker, place, column);
            match behind.filter(|behind| self.renamed.contains(behind)) {
                _ if self.renamed.contains(&(place, column)) => self.written_cell(place, column),
                Some((target, column)) => self.written_cell(target, column),
                None => arena.encode_row(place.slot, column, &mut self.plan.program.input),
            }
        }
    }

    // Updates.

    fn update(&mut self, rows: Vec<Place>, first: &Update) -> Result<()> {
        let columns = columns_of(self.collected, &first.columns);
        let written = columns.iter().map(|&column| usize::from(column)).collect();
        let (step, layout, filled) = self.write_rows(written, &rows, &rows)?;
        let origin = Origin::Update { rows: rows.clone(), columns: columns.to_vec() };
        self.end_filled_step(step, origin, rows, filled, &layout)
    }

    /// Rows whose entity was deleted and another one added: all columns but the key.
    fn switch(&mut self, switches: &[Switch]) -> Result<()> {
        let meta = self.tracker.arena(switches[0].new.arena).meta();
        let kept = |column: &usize| {
            !meta.key.contains(column) && meta.version != Some(*column) && !meta.generated.contains(column)
        };
        let written: Vec<usize> = (0..meta.columns.len()).filter(kept).collect();
        if written.is_empty() && meta.version.is_none() {
            return Ok(());
        }
        let columns = written.clone();
        let rows: Vec<Place> = switches.iter().map(|switch| switch.new).collect();
        let old: Vec<Place> = switches.iter().map(|switch| switch.old).collect();
        let (step, layout, filled) = self.write_rows(written, &rows, &old)?;
        let origin = Origin::Switch { rows: rows.clone(), columns };
        self.end_filled_step(step, origin, rows, filled, &layout)
    }

    /// Begins a step that writes columns of values to rows, raising their versions.
    fn write_rows(
        &mut self,
        mut written: Vec<usize>,
        values: &[Place],
        rows: &[Place],
    ) -> Result<(u16, Layout, Vec<usize>)> {
        let meta = self.tracker.arena(rows[0].arena).meta();
        let is_referred = |column: &usize| {
            meta.key.contains(column) || (!self.renames.is_empty() && meta.is_in_unique_value(*column))
        };
        let referred: Vec<usize> = written.iter().copied().filter(is_referred).collect();
        written.extend(meta.version);
        let (shape, layout, filled) = self.update_statement(values[0], written, meta.version.is_some());
        let is_apart = referred.is_empty() && !self.operations.hand_over;
        let shape = if is_apart { Arc::unwrap_or_clone(shape).in_any_order().into() } else { shape };
        let step = self.begin_step(shape, Expect::OnePerRow)?;
        let renames = self.is_renaming() || !referred.is_empty();
        if let Layout::Plain(columns) = &layout
            && meta.version.is_none()
            && self.collected.unresolved.is_empty()
            && self.later.is_empty()
            && !renames
        {
            let arena = self.tracker.arena(rows[0].arena);
            arena.encode_updates(values, rows, columns, &mut self.plan.program.input);
            return Ok((step, layout, filled));
        }
        for (&value, &row) in values.iter().zip(rows) {
            let start = self.plan.program.input.len();
            self.encode(value, &layout);
            self.write_links(value, |column| Some(start + layout.place_of(column)?));
            self.put_off(value, start, &layout);
            let version = version_of(self.tracker, row);
            if let (Some(version), Some(place)) = (version, meta.version.and_then(|own| layout.place_of(own)))
            {
                let next = meta.version_kind.next(version, self.plan.now);
                self.plan.program.input.set(start + place, Cell::Int(next));
            }
            self.row_key(row);
            if let Some(version) = version {
                self.plan.program.input.int(version);
            }
            self.renamed.extend(referred.iter().map(|&column| (row, column)));
        }
        Ok((step, layout, filled))
    }

    /// Whether a step so far changed what rows may be known by.
    fn is_renaming(&self) -> bool {
        !self.renames.is_empty() || !self.renamed.is_empty()
    }

    /// The columns of the rows that a layout has values or expressions of.
    fn written(&self, layout: &Layout, rows: &[Place]) -> Vec<usize> {
        let mut columns = match layout {
            Layout::Plain(columns) => return columns.clone(),
            Layout::Mixed(statement) => {
                statement.parameters.iter().map(|parameter| parameter.column).collect()
            }
        };
        let expressed = self.collected.expressed.get(&rows[0]).into_iter().flatten();
        Vec::extend(&mut columns, expressed.map(|(column, _)| usize::from(*column)));
        columns.sort_unstable();
        columns.dedup();
        columns
    }

    // Links.

    fn link(&mut self, pairs: &[Pair]) -> Result<()> {
        refuse_unfilled(self.tracker, pairs[0])?;
        let ends = self.ends(pairs[0]);
        self.begin_step(shapes::insert_link(self.dialect, pairs[0].through, ends), Expect::Any)?;
        for pair in pairs {
            self.value_key(pair.source);
            self.value_key(pair.target);
        }
        self.end_step(pairs.len(), Origin::Link { pairs: pairs.to_vec() });
        Ok(())
    }

    fn unlink(&mut self, pairs: &[Pair]) -> Result<()> {
        let ends = self.ends(pairs[0]);
        self.begin_step(shapes::delete_link(self.dialect, pairs[0].through, ends), Expect::Any)?;
        for pair in pairs {
            self.row_key(pair.source);
            self.row_key(pair.target);
        }
        self.end_step(pairs.len(), Origin::Unlink { pairs: pairs.to_vec() });
        Ok(())
    }

    /// The entities of a pair.
    fn ends(&self, pair: Pair) -> [&'static EntityMeta; 2] {
        [pair.source, pair.target].map(|place| self.tracker.arena(place.arena).meta())
    }

    /// The key in a value, once all its links know theirs.
    fn value_key(&mut self, place: Place) {
        for &column in self.tracker.arena(place.arena).meta().key {
            self.written_cell(place, column);
        }
    }

    // Deletes.

    fn null_references(&mut self, rows: Vec<Place>, relation: &'static RelationMeta) -> Result<()> {
        let RelationKind::BelongsTo { columns, .. } = relation.kind else { return Ok(()) };
        let shape = shapes::null_foreign_key((relation.source)(), self.dialect, columns);
        self.begin_step(shape, Expect::Any)?;
        rows.iter().for_each(|&row| self.row_key(row));
        self.end_step(rows.len(), Origin::NullReferences { relation, rows });
        Ok(())
    }

    fn unlink_all(&mut self, rows: Vec<Place>, relation: &'static RelationMeta) -> Result<()> {
        let RelationKind::ManyToMany { through } = &relation.kind else { return Ok(()) };
        let shape = shapes::delete_links_of(self.dialect, through, (relation.source)());
        self.begin_step(shape, Expect::Any)?;
        rows.iter().for_each(|&row| self.row_key(row));
        self.end_step(rows.len(), Origin::UnlinkAll { relation, rows });
        Ok(())
    }

    fn delete(&mut self, rows: Vec<Place>) -> Result<()> {
        let meta = self.tracker.arena(rows[0].arena).meta();
        let shape = meta.delete_row(self.dialect, meta.version.is_some());
        self.begin_step(shape, Expect::OnePerRow)?;
        for &row in &rows {
            self.row_key(row);
            if let Some(version) = version_of(self.tracker, row) {
                self.plan.program.input.int(version);
            }
        }
        self.end_step(rows.len(), Origin::Delete { rows });
        Ok(())
    }

    // Steps.

    fn begin_step(&mut self, shape: impl Into<Arc<StatementShape>>, expect: Expect) -> Result<u16> {
        let steps = &mut self.plan.program.steps;
        let Ok(at) = u16::try_from(steps.len()) else {
            return Err(Error::build("a flush of more than 65,536 statements: flush more often"));
        };
        let start = self.plan.program.input.len() as u32;
        steps.push(Step {
            shape: shape.into(),
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

/// Where the operations that point into a list point. Neighbours in a batch need not be neighbours in that list: some
/// between them may have to wait.
fn indexes(batch: &[Op]) -> impl Iterator<Item = usize> + use<'_> {
    batch.iter().filter_map(|op| match *op {
        Op::Switch { switch: at }
        | Op::Reference { reference: at }
        | Op::Link { pair: at }
        | Op::Unlink { pair: at } => Some(at),
        _ => None,
    })
}

fn picked<T: Copy>(batch: &[Op], from: &[T]) -> Vec<T> {
    indexes(batch).map(|at| from[at]).collect()
}

/// The rows of operations that have one each.
fn rows_of(batch: &[Op]) -> Vec<Place> {
    let row = |op: &Op| match *op {
        Op::Insert { row, .. }
        | Op::Update { row, .. }
        | Op::NullReferences { row, .. }
        | Op::UnlinkAll { row, .. }
        | Op::Delete { row } => Some(row),
        _ => None,
    };
    let mut rows = Vec::with_capacity(batch.len());
    rows.extend(batch.iter().filter_map(row));
    rows
}
