//! Work that went wrong once, each as small as it gets.

use orm_core::entity::OnDelete;

use super::check;
use super::schema::{Column, Foreign, Schema, Table};
use super::tables::RowValues;
use super::work::{Change, Work};

const PLAIN: (bool, bool) = (false, false);
const NULLABLE: (bool, bool) = (true, false);
const UNIQUE: (bool, bool) = (false, true);

/// A table with so many columns in its key, and columns that may be NULL or are unique.
fn table(key: usize, columns: &[(bool, bool)], foreign: Vec<Foreign>) -> Table {
    let columns = columns.iter().map(|&(is_nullable, is_unique)| Column { is_nullable, is_unique });
    Table { key, columns: columns.collect(), foreign, ..Table::default() }
}

fn link(columns: &[usize], target: usize, action: Option<OnDelete>, is_nullable: bool) -> Foreign {
    Foreign { columns: columns.to_vec(), target, action, is_nullable, is_relation: true }
}

/// A row; 0 is NULL.
fn row(values: &[i64]) -> Option<RowValues> {
    Some(values.iter().map(|&value| Some(value).filter(|&value| value != 0)).collect())
}

fn keep(table: usize, values: &[i64]) -> Change {
    update(table, values, values)
}

fn update(table: usize, before: &[i64], after: &[i64]) -> Change {
    Change { table, before: row(before), after: row(after), by_handle: true }
}

fn insert(table: usize, values: &[i64]) -> Change {
    Change { table, before: None, after: row(values), by_handle: true }
}

fn delete(table: usize, values: &[i64]) -> Change {
    Change { table, before: row(values), after: None, by_handle: true }
}

fn is_right(tables: Vec<Table>, rows: Vec<Change>) {
    let (schema, work) = (Schema { tables }, Work { rows });
    if let Err(why) = check(&schema, &work) {
        panic!("{why}\n{schema}\n{work}");
    }
}

/// The new row waits for the unique value, the reference for the new row: NULL by criteria must not come in between.
#[test]
fn half_of_a_reference_is_written_before_the_rest_becomes_null() {
    let children = table(1, &[PLAIN, NULLABLE, NULLABLE], vec![link(&[1, 2], 1, None, true)]);
    let parents = table(2, &[PLAIN, PLAIN, UNIQUE], Vec::new());
    is_right(
        vec![children, parents],
        vec![
            delete(1, &[1, 3, 5]),
            delete(1, &[1, 1, 1]),
            insert(1, &[2, 3, 1]),
            update(0, &[4, 1, 3], &[4, 2, 3]),
        ],
    );
}

/// Whichever of two deleted rows goes first takes a third along, and that one the other.
#[test]
fn a_row_that_goes_with_one_or_another_holds_both() {
    let rows = || {
        let cascade = |column| link(&[column], 0, Some(OnDelete::Cascade), true);
        table(1, &[PLAIN, NULLABLE, NULLABLE], vec![cascade(1), cascade(2)])
    };
    is_right(vec![rows()], vec![delete(0, &[5, 0, 2]), keep(0, &[2, 5, 4]), delete(0, &[4, 0, 5])]);
    is_right(vec![rows()], vec![delete(0, &[5, 2, 0]), keep(0, &[2, 5, 4]), delete(0, &[4, 0, 0])]);
}

/// One of two deleted rows goes along with the other, and what goes with it gives up a unique value.
#[test]
fn what_goes_along_twice_gives_up_its_values() {
    let parents = table(1, &[PLAIN, PLAIN], vec![link(&[1], 0, Some(OnDelete::Cascade), false)]);
    let children = table(1, &[PLAIN, NULLABLE, UNIQUE], vec![link(&[1], 0, Some(OnDelete::Cascade), true)]);
    is_right(
        vec![parents, children],
        vec![
            keep(1, &[5, 1, 4]),
            update(1, &[6, 0, 6], &[6, 0, 4]),
            delete(0, &[1, 2]),
            delete(0, &[2, 1]),
            keep(1, &[7, 2, 7]),
            update(1, &[8, 0, 8], &[8, 0, 7]),
        ],
    );
}
