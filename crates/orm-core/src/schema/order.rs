//! Tables in the order in which they can be created.

use super::model::Table;

/// A table with what must wait until the tables of its circle exist.
#[derive(Debug)]
pub(super) struct Ordered {
    pub(super) table: Table,
    /// Positions of the foreign keys that refer to a table further down.
    pub(super) forward: Vec<usize>,
}

/// Those that are referred to first, and as listed where nothing decides. In a circle of references the first one
/// listed comes first, and its references to the others are marked.
pub(super) fn sorted(tables: Vec<Table>) -> Vec<Ordered> {
    let mut waiting: Vec<Table> = tables;
    let mut sorted: Vec<Ordered> = Vec::with_capacity(waiting.len());
    while !waiting.is_empty() {
        let next = (0..waiting.len()).find(|&at| is_ready(&waiting[at], &waiting)).unwrap_or_else(|| {
            // Only those in the circle itself: one that merely refers to it comes after it.
            (0..waiting.len()).find(|&at| reaches(at, at, &waiting)).unwrap_or(0)
        });
        let table = waiting.remove(next);
        let forward = (0..table.foreign_keys.len())
            .filter(|&at| waiting.iter().any(|other| other.name == table.foreign_keys[at].target))
            .collect();
        sorted.push(Ordered { table, forward });
    }
    sorted
}

fn is_ready(table: &Table, waiting: &[Table]) -> bool {
    !references(table, waiting).any(|at| waiting[at].name != table.name)
}

/// Whether following references from `from` ends at `to`.
fn reaches(from: usize, to: usize, tables: &[Table]) -> bool {
    let mut seen = vec![false; tables.len()];
    let mut next = vec![from];
    while let Some(at) = next.pop() {
        for referred in references(&tables[at], tables) {
            if referred == to && referred != at {
                return true;
            }
            if !std::mem::replace(&mut seen[referred], true) {
                next.push(referred);
            }
        }
    }
    false
}

fn references<'a>(table: &'a Table, tables: &'a [Table]) -> impl Iterator<Item = usize> + 'a {
    table.foreign_keys.iter().filter_map(|key| tables.iter().position(|other| other.name == key.target))
}
