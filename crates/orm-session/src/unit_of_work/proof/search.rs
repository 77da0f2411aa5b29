//! Whether there is any order at all: all of them are tried.

use std::collections::HashSet;

use super::schema::Schema;
use super::tables::{RowValues, Tables, key_of};
use super::work::{Change, Work};

/// As many rows as are searched to the end.
const MOST: usize = 7;

/// How far a row has come.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Stage {
    Untouched,
    /// What may be NULL is NULL.
    Cleared,
    /// Written, but for what may be NULL.
    Begun,
    Done,
}

/// Whether the rows can be written one by one, each once, with NULL in between where that is allowed. `None` where
/// there are too many.
pub(super) fn has_order(schema: &Schema, work: &Work, wanted: &Tables) -> Option<bool> {
    let mut rows = written_rows(schema, work);
    // What goes along with another row is not written before.
    rows.retain(|row| {
        let values = row.before.as_ref().filter(|_| !row.is_deleted());
        let key = values.and_then(|values| key_of(schema, row.table, values).ok());
        key.is_none_or(|key| wanted.0[row.table].contains_key(&key))
    });
    if rows.len() > MOST {
        return None;
    }
    let mut search = Search { schema, rows, wanted, seen: HashSet::new() };
    let stages = vec![Stage::Untouched; search.rows.len()];
    Some(search.goes_on(work.before(schema), stages))
}

/// One change for each row: a deleted one whose key is taken is one that changes.
fn written_rows(schema: &Schema, work: &Work) -> Vec<Change> {
    let mut rows: Vec<Change> = work.rows.iter().filter(|row| row.before != row.after).cloned().collect();
    let key = |row: &Change| {
        let values = row.before.as_ref().or(row.after.as_ref());
        values.and_then(|values| key_of(schema, row.table, values).ok())
    };
    let mut at = 0;
    while at < rows.len() {
        let old = (0..rows.len()).find(|&old| {
            let same = rows[old].table == rows[at].table && key(&rows[old]) == key(&rows[at]);
            same && rows[old].is_deleted() && rows[at].is_new()
        });
        if let Some(old) = old {
            rows[at].before = rows[old].before.take();
            rows.remove(old);
            at = 0;
        } else {
            at += 1;
        }
    }
    rows
}

struct Search<'a> {
    schema: &'a Schema,
    rows: Vec<Change>,
    wanted: &'a Tables,
    seen: HashSet<(Vec<Stage>, String)>,
}

impl Search<'_> {
    fn goes_on(&mut self, tables: Tables, stages: Vec<Stage>) -> bool {
        if stages.iter().all(|&stage| stage == Stage::Done) {
            return tables == *self.wanted;
        }
        if !self.seen.insert((stages.clone(), format!("{tables:?}"))) {
            return false;
        }
        for at in 0..self.rows.len() {
            for next in [Stage::Cleared, Stage::Begun, Stage::Done] {
                let mut after = tables.clone();
                if self.step(&mut after, at, stages[at], next) {
                    let mut stages = stages.clone();
                    stages[at] = next;
                    if self.goes_on(after, stages) {
                        return true;
                    }
                }
            }
        }
        false
    }

    /// Whether a row can go on to a stage; does it.
    fn step(&self, tables: &mut Tables, at: usize, now: Stage, next: Stage) -> bool {
        let row = &self.rows[at];
        let about = &self.schema.tables[row.table];
        let may_be_null: Vec<usize> =
            (0..about.columns.len()).filter(|&column| about.columns[column].is_nullable).collect();
        let cleared = || may_be_null.iter().map(|&column| (column, None));
        let key = row.before.as_ref().or(row.after.as_ref());
        let Some(key) = key.and_then(|values| key_of(self.schema, row.table, values).ok()) else {
            return false;
        };
        let (schema, table) = (self.schema, row.table);
        let result = match (&row.before, &row.after, now, next) {
            (Some(_), None, Stage::Untouched, Stage::Cleared) => {
                tables.update(schema, table, &key, &cleared().collect::<Vec<_>>())
            }
            (Some(_), None, Stage::Untouched | Stage::Cleared, Stage::Done) => {
                self.delete(tables, table, &key)
            }
            (None, Some(after), Stage::Untouched, Stage::Begun | Stage::Done) => {
                let mut after = after.clone();
                if next == Stage::Begun {
                    may_be_null.iter().for_each(|&column| after[column] = None);
                }
                // The key that the database is about to assign is not known to the INSERT itself.
                let knows = !about.is_auto || !self.refers_to_itself(row, &after);
                if knows { tables.insert(schema, table, after).map(|()| true) } else { Ok(false) }
            }
            (Some(_), Some(_), Stage::Untouched, Stage::Cleared) => {
                let changed = row.changed();
                let cleared: Vec<_> = cleared().filter(|(column, _)| changed.contains(column)).collect();
                if cleared.is_empty() { Ok(false) } else { tables.update(schema, table, &key, &cleared) }
            }
            (Some(_), Some(after), Stage::Untouched | Stage::Cleared, Stage::Begun) => {
                let values = row
                    .changed()
                    .into_iter()
                    .map(|column| (column, after[column].filter(|_| !may_be_null.contains(&column))));
                tables.update(schema, table, &key, &values.collect::<Vec<_>>())
            }
            (_, Some(after), Stage::Begun, Stage::Done)
            | (Some(_), Some(after), Stage::Untouched | Stage::Cleared, Stage::Done) => {
                let all: Vec<_> = (0..after.len()).map(|column| (column, after[column])).collect();
                let changed = row.changed();
                let is_new = row.is_new();
                let all: Vec<_> =
                    all.into_iter().filter(|(column, _)| is_new || changed.contains(column)).collect();
                // What went along with another is not there any more.
                let is_there = tables.0[table].contains_key(&key) || !self.wanted.0[table].contains_key(&key);
                tables.update(schema, table, &key, &all).map(|_| is_there)
            }
            _ => Ok(false),
        };
        result.unwrap_or(false)
    }

    fn refers_to_itself(&self, row: &Change, after: &RowValues) -> bool {
        let mut foreign = self.schema.tables[row.table].foreign.iter();
        foreign.any(|foreign| foreign.target == row.table && after[foreign.columns[0]] == after[0])
    }

    /// A delete, with the references that become NULL before it.
    fn delete(&self, tables: &mut Tables, table: usize, key: &[i64]) -> Result<bool, String> {
        for (from, about) in self.schema.tables.iter().enumerate() {
            for foreign in about.foreign.iter().filter(|foreign| foreign.target == table) {
                if foreign.is_relation && foreign.is_nullable && foreign.action.is_none() {
                    tables.null_references(self.schema, from, &foreign.columns, key)?;
                }
            }
        }
        tables.delete(self.schema, table, key).map(|_| true)
    }
}
