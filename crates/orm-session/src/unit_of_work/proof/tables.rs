//! A database in memory that checks every constraint after each row, as none of ours may put a check off.

use std::collections::{BTreeMap, BTreeSet};

use orm_core::entity::OnDelete;

use super::schema::{Foreign, Schema};

pub(super) type RowValues = Vec<Option<i64>>;
type Id = (usize, Vec<i64>);

/// The rows of each table by key.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Tables(pub(super) Vec<BTreeMap<Vec<i64>, RowValues>>);

impl Tables {
    pub(super) fn new(schema: &Schema) -> Self {
        Self(vec![BTreeMap::new(); schema.tables.len()])
    }

    /// Inserts a row.
    pub(super) fn insert(&mut self, schema: &Schema, table: usize, row: RowValues) -> Result<(), String> {
        let key = key_of(schema, table, &row)?;
        if self.0[table].insert(key.clone(), row).is_some() {
            return Err(format!("t{table} {key:?} is there already"));
        }
        self.check_row(schema, table, &key)
    }

    /// Changes columns of a row; answers whether there is one.
    pub(super) fn update(
        &mut self,
        schema: &Schema,
        table: usize,
        key: &[i64],
        changes: &[(usize, Option<i64>)],
    ) -> Result<bool, String> {
        let Some(mut row) = self.0[table].get(key).cloned() else { return Ok(false) };
        changes.iter().for_each(|&(column, value)| row[column] = value);
        let new = key_of(schema, table, &row)?;
        if new != key {
            return self.rekey(schema, table, key, new, row).map(|()| true);
        }
        self.0[table].insert(new.clone(), row);
        self.check_row(schema, table, &new)?;
        Ok(true)
    }

    /// Those that refer to the row follow it, ON UPDATE CASCADE.
    fn rekey(
        &mut self,
        schema: &Schema,
        table: usize,
        old: &[i64],
        new: Vec<i64>,
        row: RowValues,
    ) -> Result<(), String> {
        self.0[table].remove(old);
        if self.0[table].insert(new.clone(), row).is_some() {
            return Err(format!("t{table} {new:?} is there already"));
        }
        for (from, foreign) in references_to(schema, table) {
            for referring in self.0[from].values_mut() {
                if values(referring, &foreign.columns).as_deref() == Some(old) {
                    for (&column, &part) in foreign.columns.iter().zip(&new) {
                        referring[column] = Some(part);
                    }
                }
            }
        }
        self.check_all(schema)
    }

    /// Deletes a row with all that goes along; answers whether there was one.
    pub(super) fn delete(&mut self, schema: &Schema, table: usize, key: &[i64]) -> Result<bool, String> {
        if !self.0[table].contains_key(key) {
            return Ok(false);
        }
        let mut gone: BTreeSet<Id> = BTreeSet::from([(table, key.to_vec())]);
        let mut work: Vec<Id> = gone.iter().cloned().collect();
        let mut seen: BTreeSet<Id> = BTreeSet::new();
        while let Some((target, key)) = work.pop() {
            seen.insert((target, key.clone()));
            for (from, foreign) in references_to(schema, target) {
                let referring: Vec<Vec<i64>> = self.0[from]
                    .iter()
                    .filter(|(_, row)| values(row, &foreign.columns).as_deref() == Some(&key))
                    .map(|(own, _)| own.clone())
                    .collect();
                for own in referring {
                    match foreign.action {
                        Some(OnDelete::Cascade) if gone.insert((from, own.clone())) => work.push((from, own)),
                        Some(OnDelete::SetNull) => {
                            let row = self.0[from].get_mut(&own).expect("it was just found");
                            foreign.columns.iter().for_each(|&column| row[column] = None);
                        }
                        // What is gone already may refer to it, and to itself.
                        Some(OnDelete::Restrict) if !seen.contains(&(from, own.clone())) => {
                            return Err(format!(
                                "t{from} {own:?} refers to t{target} {key:?}, which may not go"
                            ));
                        }
                        _ => {}
                    }
                }
            }
        }
        for (table, key) in &gone {
            self.0[*table].remove(key);
        }
        self.check_all(schema)?;
        Ok(true)
    }

    /// Sets a foreign key to NULL wherever it has this value.
    pub(super) fn null_references(
        &mut self,
        schema: &Schema,
        table: usize,
        columns: &[usize],
        key: &[i64],
    ) -> Result<(), String> {
        let rows = self.0[table].iter();
        let own: Vec<Vec<i64>> = rows
            .filter(|(_, row)| values(row, columns).as_deref() == Some(key))
            .map(|(own, _)| own.clone())
            .collect();
        let changes: Vec<(usize, Option<i64>)> = columns.iter().map(|&column| (column, None)).collect();
        own.iter().try_for_each(|own| self.update(schema, table, own, &changes).map(|_| ()))
    }

    /// Checks every row.
    pub(super) fn check_all(&self, schema: &Schema) -> Result<(), String> {
        let mut rows =
            self.0.iter().enumerate().flat_map(|(table, rows)| rows.keys().map(move |key| (table, key)));
        rows.try_for_each(|(table, key)| self.check_row(schema, table, key))
    }

    pub(super) fn check_row(&self, schema: &Schema, table: usize, key: &[i64]) -> Result<(), String> {
        let (about, row) = (&schema.tables[table], &self.0[table][key]);
        if let Some(column) = (0..row.len()).find(|&at| row[at].is_none() && !about.columns[at].is_nullable) {
            return Err(format!("t{table} {key:?}: c{column} is NULL"));
        }
        for columns in about.unique_values().skip(1) {
            let Some(own) = values(row, &columns) else { continue };
            let others = self.0[table].iter().filter(|(other, _)| *other != key);
            if let Some((other, _)) =
                others.into_iter().find(|(_, row)| values(row, &columns).as_ref() == Some(&own))
            {
                return Err(format!("t{table} {key:?} and {other:?} agree in {columns:?}"));
            }
        }
        for foreign in &about.foreign {
            let Some(value) = values(row, &foreign.columns) else { continue };
            if !self.0[foreign.target].contains_key(&value) {
                return Err(format!(
                    "t{table} {key:?} refers to t{} {value:?}, which is not there",
                    foreign.target
                ));
            }
        }
        Ok(())
    }
}

/// The foreign keys that lead to a table, each with the table that has it.
fn references_to(schema: &Schema, table: usize) -> impl Iterator<Item = (usize, &Foreign)> {
    let all = schema.tables.iter().enumerate();
    all.flat_map(|(from, table)| table.foreign.iter().map(move |foreign| (from, foreign)))
        .filter(move |(_, foreign)| foreign.target == table)
}

/// Some columns, unless one of them is NULL.
pub(super) fn values(row: &RowValues, columns: &[usize]) -> Option<Vec<i64>> {
    columns.iter().map(|&column| row[column]).collect()
}

pub(super) fn key_of(schema: &Schema, table: usize, row: &RowValues) -> Result<Vec<i64>, String> {
    let key: Option<Vec<i64>> = row[..schema.tables[table].key].iter().copied().collect();
    key.ok_or_else(|| format!("a row of t{table} without a key"))
}
