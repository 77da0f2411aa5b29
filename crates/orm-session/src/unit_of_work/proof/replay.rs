//! A plan, made of the work of a program and run step by step on the tables in memory.

use std::collections::BTreeMap;

use orm_core::entity::RelationKind;
use orm_core::outline::Action;
use orm_core::program::Step;
use orm_core::{Cell, POSTGRES, Result as PlanResult, ValueRef};

use super::row::{RowKey, TYPED, ToOne};
use super::schema::{Schema, metadata};
use super::tables::{RowValues, Tables, key_of, values};
use super::work::{Change, Work};
use crate::tracker::{Place, Tracker};
use crate::unit_of_work::plan::{FlushPlan, Origin, plan};

/// A session that has done the work and not flushed it.
pub(super) struct Done {
    pub(super) tracker: Tracker,
    /// Where each change is.
    pub(super) places: Vec<Place>,
}

impl Done {
    pub(super) fn new(schema: &Schema, work: &Work) -> Self {
        let mut tracker = Tracker::new();
        // The session knows all tables.
        (0..schema.tables.len()).for_each(|table| {
            tracker.ensure(metadata(table));
        });
        let places = work.rows.iter().map(|change| match &change.before {
            Some(row) => (TYPED[change.table].adopt)(&mut tracker, stored_values(schema, change.table, row)),
            None => {
                let mut columns = change.after.clone().unwrap_or_default();
                if schema.tables[change.table].is_auto {
                    columns[0] = None;
                }
                let links = empty_links(schema, change.table);
                (TYPED[change.table].add)(&mut tracker, (columns, links))
            }
        });
        let places = places.collect();
        let mut done = Self { tracker, places };
        done.write(schema, work);
        done
    }

    fn write(&mut self, schema: &Schema, work: &Work) {
        let mut live: BTreeMap<(usize, Vec<i64>), usize> = BTreeMap::new();
        for (at, change) in work.rows.iter().enumerate() {
            if let Some(row) = &change.after {
                live.insert((change.table, key_of(schema, change.table, row).expect("it has a key")), at);
            }
        }
        for (at, change) in work.rows.iter().enumerate() {
            let place = self.places[at];
            match &change.after {
                None => {
                    if change.by_handle {
                        // A change of what is deleted is never written.
                        let last = change.before.as_ref().map_or(0, Vec::len) - 1;
                        (TYPED[change.table].write)(&mut self.tracker, place, &[(last, Some(77))]);
                    }
                    self.tracker.delete(place, 0);
                }
                Some(after) if change.before.as_ref() != Some(after) => {
                    self.write_row(schema, change, place, after, &live)
                }
                Some(_) => {}
            }
        }
    }

    fn write_row(
        &mut self,
        schema: &Schema,
        change: &Change,
        place: Place,
        after: &RowValues,
        live: &BTreeMap<(usize, Vec<i64>), usize>,
    ) {
        let about = &schema.tables[change.table];
        let differs =
            |column: usize| change.before.as_ref().is_none_or(|before| before[column] != after[column]);
        let plain = (0..after.len()).filter(|&column| {
            let is_link = about.foreign_of(column).is_some_and(|foreign| foreign.is_relation);
            !is_link && differs(column) && !(about.is_auto && column == 0)
        });
        let plain: Vec<(usize, Option<i64>)> = plain.map(|column| (column, after[column])).collect();
        (TYPED[change.table].write)(&mut self.tracker, place, &plain);
        let links = about.foreign.iter().filter(|foreign| foreign.is_relation).enumerate();
        for (position, foreign) in links {
            if !foreign.columns.iter().any(|&column| differs(column)) {
                continue;
            }
            let key = values(after, &foreign.columns);
            let target = key.as_ref().and_then(|key| live.get(&(foreign.target, key.clone())).copied());
            let is_assigned = schema.tables[foreign.target].is_auto
                && target.is_some_and(|target| {
                    self.tracker.arena(self.places[target].arena).key(self.places[target].slot).is_none()
                });
            let handle = target.filter(|_| change.by_handle || is_assigned);
            let handle = handle.map(|target| self.tracker.handle(self.places[target]));
            if let orm_core::relation::LinkMut::One(link) =
                self.tracker.arena_mut(place.arena).link_mut(place.slot, position)
            {
                match (handle, key) {
                    (Some(handle), _) => link.set_handle(handle, None),
                    (None, Some(key)) => link.set_key(&RowKey(key)),
                    (None, None) => link.set_empty(),
                }
            }
        }
    }

    pub(super) fn plan(&mut self) -> PlanResult<Box<FlushPlan>> {
        // The same steps as for any other, which also say whether the order of their rows matters.
        plan(&mut self.tracker, &POSTGRES, 0, true)
    }
}

fn empty_links(schema: &Schema, table: usize) -> Vec<ToOne> {
    schema.tables[table]
        .foreign
        .iter()
        .filter(|foreign| foreign.is_relation)
        .map(|_| ToOne::default())
        .collect()
}

fn stored_values(schema: &Schema, table: usize, row: &RowValues) -> (RowValues, Vec<ToOne>) {
    let links = schema.tables[table].foreign.iter().filter(|foreign| foreign.is_relation);
    let links = links.map(|foreign| ToOne { handle: None, key: values(row, &foreign.columns).map(RowKey) });
    (row.clone(), links.collect())
}

/// Runs plans.
pub(super) struct Replay<'a> {
    schema: &'a Schema,
    work: &'a Work,
    done: &'a Done,
    plan: &'a FlushPlan,
    /// Whether updates go from the last row to the first, where the plan says that they may.
    backwards: bool,
    generated: Vec<Vec<i64>>,
    pub(super) tables: Tables,
    /// How often a row is written, by whether only to break a circle.
    pub(super) writes: BTreeMap<(Place, bool), usize>,
}

impl<'a> Replay<'a> {
    /// Runs a whole plan.
    pub(super) fn run(
        schema: &'a Schema,
        work: &'a Work,
        done: &'a Done,
        plan: &'a FlushPlan,
        backwards: bool,
    ) -> Result<Self, String> {
        let tables = work.before(schema);
        let (generated, writes) = (Vec::new(), BTreeMap::new());
        let mut replay = Self { schema, work, done, plan, backwards, generated, tables, writes };
        for step in 0..plan.origins.len() {
            replay.step(step).map_err(|why| format!("step {step}: {why}"))?;
        }
        Ok(replay)
    }

    fn step(&mut self, at: usize) -> Result<(), String> {
        let (step, origin) = (&self.plan.program.steps[at], &self.plan.origins[at]);
        self.generated.push(Vec::new());
        let width = usize::from(step.shape.parameters);
        let mut rows: Vec<usize> = (0..step.rows as usize).collect();
        if self.backwards && is_update_in_any_order(step) {
            rows.reverse();
        }
        for row in rows {
            let start = step.cells.start as usize + row * width;
            let cells: Vec<Option<i64>> = (start..start + width).map(|cell| self.cell(cell)).collect();
            self.row(origin, row, cells)?;
        }
        Ok(())
    }

    fn cell(&self, at: usize) -> Option<i64> {
        let input = &self.plan.program.input;
        if let Cell::From { step, row, .. } = input.as_slice()[at] {
            return Some(self.generated[usize::from(step)][row as usize]);
        }
        match input.value(at) {
            ValueRef::Int(value) => Some(value),
            _ => None,
        }
    }

    fn row(&mut self, origin: &Origin, at: usize, mut cells: Vec<Option<i64>>) -> Result<(), String> {
        let place = origin.row(at).ok_or("a row of nobody")?;
        let change =
            self.done.places.iter().position(|&other| other == place).ok_or("a row that is not tracked")?;
        let change = &self.work.rows[change];
        let (schema, table) = (self.schema, change.table);
        let only_breaks = matches!(origin, Origin::Reference { .. });
        if !matches!(origin, Origin::NullReferences { .. }) {
            *self.writes.entry((place, only_breaks)).or_default() += 1;
        }
        let all = || 0..schema.tables[table].columns.len();
        let found = match origin {
            Origin::Insert { generated: true, .. } => {
                let key = change.after.as_ref().and_then(|row| row[0]).ok_or("an insert of nothing")?;
                self.generated.last_mut().expect("a step is under way").push(key);
                cells.insert(0, Some(key));
                self.tables.insert(schema, table, cells).map(|()| true)
            }
            Origin::Insert { .. } => self.tables.insert(schema, table, cells).map(|()| true),
            Origin::Update { columns, .. } => {
                let unchanged =
                    columns.iter().find(|&&column| !change.changed().contains(&usize::from(column)));
                if let Some(column) = unchanged {
                    return Err(format!("c{column} of t{table} is written though it did not change"));
                }
                self.update(table, columns.iter().map(|&column| usize::from(column)).collect(), cells)
            }
            Origin::Reference { columns, .. } => self.update(table, columns.clone(), cells),
            Origin::Switch { .. } => {
                self.update(table, all().skip(schema.tables[table].key).collect(), cells)
            }
            Origin::Delete { .. } => self.tables.delete(schema, table, &whole(cells)?),
            Origin::NullReferences { relation, .. } => {
                let RelationKind::BelongsTo { columns, .. } = relation.kind else {
                    return Err("no link".into());
                };
                let from = (0..schema.tables.len()).find(|&from| metadata(from).is((relation.source)()));
                let from = from.ok_or("a table that is not there")?;
                self.tables.null_references(schema, from, columns, &whole(cells)?).map(|()| true)
            }
            Origin::Link { .. }
            | Origin::Unlink { .. }
            | Origin::UnlinkAll { .. }
            | Origin::ReadBack { .. } => Err("there are no pairs".into()),
        };
        if found? { Ok(()) } else { Err(format!("a row of t{table} is not there: {origin:?}")) }
    }

    fn update(&mut self, table: usize, columns: Vec<usize>, cells: Vec<Option<i64>>) -> Result<bool, String> {
        let key = whole(cells[columns.len()..].to_vec())?;
        let changes: Vec<(usize, Option<i64>)> = columns.into_iter().zip(cells).collect();
        self.tables.update(self.schema, table, &key, &changes)
    }
}

fn is_update_in_any_order(step: &Step) -> bool {
    let outline = step.shape.outline.as_ref().expect("no step has expressions");
    outline.action == Action::Update && !outline.in_order
}

fn whole(cells: Vec<Option<i64>>) -> Result<Vec<i64>, String> {
    cells.into_iter().collect::<Option<Vec<i64>>>().ok_or_else(|| "a key that is NULL".into())
}
