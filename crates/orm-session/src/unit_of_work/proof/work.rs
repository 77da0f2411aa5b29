//! Random rows and random changes of them, with what the database must hold afterwards.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use orm_core::entity::OnDelete;

use super::random::Random;
use super::schema::{Foreign, Schema};
use super::tables::{RowValues, Tables, key_of, values};

/// What is to be done to all rows of a database.
#[derive(Clone)]
pub(super) struct Work {
    pub(super) rows: Vec<Change>,
}

/// One row before and after. A new one has no before, a deleted one no after.
#[derive(Clone, PartialEq)]
pub(super) struct Change {
    pub(super) table: usize,
    pub(super) before: Option<RowValues>,
    pub(super) after: Option<RowValues>,
    /// Whether its links are written as handles where they may be keys.
    pub(super) by_handle: bool,
}

impl Change {
    pub(super) fn is_deleted(&self) -> bool {
        self.after.is_none()
    }

    pub(super) fn is_new(&self) -> bool {
        self.before.is_none()
    }

    /// The columns in which it changes.
    pub(super) fn changed(&self) -> Vec<usize> {
        match (&self.before, &self.after) {
            (Some(before), Some(after)) => (0..after.len()).filter(|&at| before[at] != after[at]).collect(),
            _ => Vec::new(),
        }
    }

    /// What the program has not done yet.
    fn revert(&mut self) {
        self.after.clone_from(&self.before);
    }
}

impl Work {
    /// Rows that break no constraint, and changes after which that is so again.
    pub(super) fn random(schema: &Schema, random: &mut Random) -> Self {
        let before = stored_rows(schema, random);
        let mut rows = Vec::new();
        for (table, stored) in before.0.iter().enumerate() {
            for row in stored.values() {
                let by_handle = random.percent(70);
                rows.push(Change { table, before: Some(row.clone()), after: Some(row.clone()), by_handle });
            }
        }
        let order = random.shuffled(rows.len());
        let mut work = Self { rows: order.into_iter().map(|at| rows[at].clone()).collect() };
        work.change(schema, random);
        work.repair(schema);
        work
    }

    fn change(&mut self, schema: &Schema, random: &mut Random) {
        let (deletes, adds) = (random.below(60), random.below(4));
        for row in &mut self.rows {
            if random.percent(deletes) {
                row.after = None;
            }
        }
        for (table, about) in schema.tables.iter().enumerate() {
            for n in 0..random.below(adds + 1) {
                let mut row: RowValues = vec![None; about.columns.len()];
                let key =
                    |random: &mut Random| Some(1 + random.below(if about.key > 1 { 3 } else { 6 }) as i64);
                match about.is_auto {
                    true => row[0] = Some(100 + n as i64),
                    false => row[..about.key].iter_mut().for_each(|part| *part = key(random)),
                }
                let by_handle = random.percent(70);
                self.rows.push(Change { table, before: None, after: Some(row), by_handle });
            }
        }
        // New values, once it is known what there is to refer to.
        let keys: Vec<Vec<(Vec<i64>, bool)>> = (0..schema.tables.len())
            .map(|table| {
                let own = self.rows.iter().filter(|row| row.table == table);
                let key = |row: &Change| {
                    let is_assigned = schema.tables[table].is_auto && row.is_new();
                    Some((key_of(schema, table, row.after.as_ref()?).ok()?, is_assigned))
                };
                own.filter_map(key).collect()
            })
            .collect();
        let updates = random.below(80);
        for row in &mut self.rows {
            let about = &schema.tables[row.table];
            let (is_new, is_updated) = (row.is_new(), random.percent(updates));
            let Some(after) = &mut row.after else { continue };
            if !is_new && !is_updated {
                continue;
            }
            for foreign in &about.foreign {
                if is_new || random.percent(50) {
                    let known: Vec<&Vec<i64>> = keys[foreign.target]
                        .iter()
                        .filter(|(_, is_assigned)| foreign.is_relation || !is_assigned)
                        .map(|(key, _)| key)
                        .collect();
                    refer(after, foreign, &known, random);
                }
            }
            for column in about.plain_columns() {
                if is_new || random.percent(50) {
                    after[column] = value(about.columns[column].is_nullable, random);
                }
            }
        }
    }

    /// Takes changes back until what is left breaks no constraint.
    fn repair(&mut self, schema: &Schema) {
        while let Err(culprit) = self.outcome(schema) {
            let row = &mut self.rows[culprit];
            assert!(row.before != row.after, "rows that nobody changed break no constraint");
            row.revert();
            self.rows.retain(|row| row.before.is_some() || row.after.is_some());
        }
    }

    pub(super) fn before(&self, schema: &Schema) -> Tables {
        let mut tables = Tables::new(schema);
        for Change { table, before, .. } in &self.rows {
            if let Some(row) = before {
                let key = key_of(schema, *table, row).expect("stored rows have keys");
                tables.0[*table].insert(key, row.clone());
            }
        }
        tables
    }

    /// What the database holds afterwards; or a change to be taken back, because a constraint would be broken.
    pub(super) fn outcome(&self, schema: &Schema) -> Result<Tables, usize> {
        let mut tables = Tables::new(schema);
        let mut owners: BTreeMap<(usize, Vec<i64>), usize> = BTreeMap::new();
        for (at, change) in self.rows.iter().enumerate() {
            let Some(row) = &change.after else { continue };
            let key = key_of(schema, change.table, row).map_err(|_| at)?;
            if let Some(&other) = owners.get(&(change.table, key.clone())) {
                return Err(if change.is_new() { at } else { other });
            }
            owners.insert((change.table, key.clone()), at);
            tables.0[change.table].insert(key, row.clone());
        }
        self.follow_deletes(schema, &mut tables, &owners)?;
        for (table, rows) in tables.0.iter().enumerate() {
            for key in rows.keys() {
                if let Err(_why) = tables.check_row(schema, table, key) {
                    return Err(self.changed_one(schema, table, key, &owners, &tables));
                }
            }
        }
        Ok(tables)
    }

    /// Rows go along with those that they refer to, or lose the reference.
    fn follow_deletes(
        &self,
        schema: &Schema,
        tables: &mut Tables,
        owners: &BTreeMap<(usize, Vec<i64>), usize>,
    ) -> Result<(), usize> {
        let mut gone: BTreeMap<(usize, Vec<i64>), usize> = BTreeMap::new();
        for (at, change) in self.rows.iter().enumerate().filter(|(_, change)| change.is_deleted()) {
            let row = change.before.as_ref().ok_or(at)?;
            let key = key_of(schema, change.table, row).map_err(|_| at)?;
            if !tables.0[change.table].contains_key(&key) {
                gone.insert((change.table, key), at);
            }
        }
        let explicit: BTreeSet<(usize, Vec<i64>)> = gone.keys().cloned().collect();
        loop {
            let mut more = BTreeMap::new();
            for (table, about) in schema.tables.iter().enumerate() {
                for foreign in &about.foreign {
                    let keys: Vec<Vec<i64>> = tables.0[table].keys().cloned().collect();
                    for key in keys {
                        let row = tables.0[table].get_mut(&key).expect("it is there");
                        let Some(value) = values(row, &foreign.columns) else { continue };
                        let value_id = (foreign.target, value.clone());
                        let Some(&root) = gone.get(&value_id) else { continue };
                        let own = owners[&(table, key.clone())];
                        let was =
                            self.rows[own].before.as_ref().and_then(|row| values(row, &foreign.columns));
                        if was != Some(value) {
                            return Err(own);
                        }
                        match foreign.action {
                            Some(OnDelete::Cascade) => {
                                more.insert((table, key.clone()), root);
                            }
                            Some(OnDelete::SetNull) => {
                                foreign.columns.iter().for_each(|&column| row[column] = None);
                            }
                            // By a statement of the flush, but for what goes along.
                            None if foreign.is_nullable
                                && foreign.is_relation
                                && explicit.contains(&value_id) =>
                            {
                                foreign.columns.iter().for_each(|&column| row[column] = None);
                            }
                            _ => return Err(root),
                        }
                    }
                }
            }
            if more.is_empty() {
                return self.check_restricted(schema, &gone);
            }
            for ((table, key), root) in more {
                tables.0[table].remove(&key);
                gone.insert((table, key), root);
            }
        }
    }

    /// A row that goes along and may not leave another that goes along: which is first, the database decides.
    fn check_restricted(
        &self,
        schema: &Schema,
        gone: &BTreeMap<(usize, Vec<i64>), usize>,
    ) -> Result<(), usize> {
        for change in &self.rows {
            let Some(row) = &change.before else { continue };
            let key = key_of(schema, change.table, row).expect("stored rows have keys");
            let Some(&root) = gone.get(&(change.table, key)) else { continue };
            // As it is stored, and as it would be written.
            for row in [row, change.after.as_ref().unwrap_or(row)] {
                for foreign in &schema.tables[change.table].foreign {
                    let target = values(row, &foreign.columns).map(|value| (foreign.target, value));
                    let leads_to_gone = target.is_some_and(|target| gone.contains_key(&target));
                    if foreign.action == Some(OnDelete::Restrict) && leads_to_gone && !change.is_deleted() {
                        return Err(root);
                    }
                }
            }
        }
        Ok(())
    }

    /// The change that is to blame for a row that breaks a constraint: its own, or another's.
    fn changed_one(
        &self,
        schema: &Schema,
        table: usize,
        key: &[i64],
        owners: &BTreeMap<(usize, Vec<i64>), usize>,
        tables: &Tables,
    ) -> usize {
        let own = owners[&(table, key.to_vec())];
        if self.rows[own].before != self.rows[own].after {
            return own;
        }
        // A row that is as it was agrees with one that is not.
        let about = &schema.tables[table];
        for columns in about.unique_values() {
            let value = values(&tables.0[table][key], &columns);
            for (other, row) in &tables.0[table] {
                let other = owners[&(table, other.clone())];
                if value.is_some()
                    && values(row, &columns) == value
                    && self.rows[other].before != self.rows[other].after
                {
                    return other;
                }
            }
        }
        own
    }
}

fn stored_rows(schema: &Schema, random: &mut Random) -> Tables {
    let mut tables = Tables::new(schema);
    for (table, about) in schema.tables.iter().enumerate() {
        for n in 0..random.below(5) {
            let mut row: RowValues = vec![None; about.columns.len()];
            for part in &mut row[..about.key] {
                let key =
                    if about.is_auto { 1 + n } else { 1 + random.below(if about.key > 1 { 3 } else { 6 }) };
                *part = Some(key as i64);
            }
            let key = key_of(schema, table, &row).expect("it was just written");
            tables.0[table].insert(key, row);
        }
    }
    let keys: Vec<Vec<Vec<i64>>> = tables.0.iter().map(|rows| rows.keys().cloned().collect()).collect();
    for (table, about) in schema.tables.iter().enumerate() {
        for row in tables.0[table].values_mut() {
            for foreign in &about.foreign {
                refer(row, foreign, &keys[foreign.target].iter().collect::<Vec<_>>(), random);
            }
            for column in about.plain_columns() {
                row[column] = value(about.columns[column].is_nullable, random);
            }
        }
    }
    while let Some((table, key)) = broken(schema, &tables) {
        tables.0[table].remove(&key);
    }
    tables
}

fn broken(schema: &Schema, tables: &Tables) -> Option<(usize, Vec<i64>)> {
    let mut rows =
        tables.0.iter().enumerate().flat_map(|(table, rows)| rows.keys().map(move |key| (table, key)));
    let found = rows.find(|(table, key)| tables.check_row(schema, *table, key).is_err());
    found.map(|(table, key)| (table, key.clone()))
}

fn refer(row: &mut RowValues, foreign: &Foreign, known: &[&Vec<i64>], random: &mut Random) {
    let to = if foreign.is_nullable && random.percent(30) { None } else { random.one_of(known) };
    if to.is_none() && !foreign.is_nullable {
        return;
    }
    for (part, &column) in foreign.columns.iter().enumerate() {
        row[column] = to.map(|key| key[part]);
    }
}

fn value(is_nullable: bool, random: &mut Random) -> Option<i64> {
    if is_nullable && random.percent(25) { None } else { Some(1 + random.below(6) as i64) }
}

impl fmt::Display for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = |row: &Option<RowValues>| match row {
            Some(row) => {
                let columns: Vec<String> =
                    row.iter().map(|value| value.map_or("-".into(), |value| value.to_string())).collect();
                columns.join(" ")
            }
            None => "(none)".into(),
        };
        for row in &self.rows {
            let verb = match (&row.before, &row.after) {
                (Some(before), Some(after)) if before == after => "keep  ",
                (None, _) => "insert",
                (_, None) => "delete",
                _ => "update",
            };
            writeln!(f, "{verb} t{}: {} -> {}", row.table, text(&row.before), text(&row.after))?;
        }
        Ok(())
    }
}
