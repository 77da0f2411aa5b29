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

/// One of the references may not be left and may be NULL; by the other the row goes.
#[test]
fn a_row_goes_along_once_it_has_left_what_would_refuse_that() {
    let (one, other) = (
        vec![link(&[1], 1, Some(OnDelete::Restrict), true), link(&[2], 1, Some(OnDelete::Cascade), false)],
        vec![link(&[1], 0, None, false)],
    );
    is_right(
        vec![table(1, &[PLAIN, NULLABLE, PLAIN], one), table(1, &[PLAIN, PLAIN], other)],
        vec![delete(1, &[2, 4]), delete(0, &[4, 2, 2])],
    );
}

/// An update of what goes along is not sent, so that it is no way out.
#[test]
fn what_goes_along_is_not_written_before() {
    let cities = vec![link(&[1], 0, None, false), link(&[2], 1, Some(OnDelete::Cascade), false)];
    is_right(
        vec![table(1, &[PLAIN, PLAIN, PLAIN], cities), table(1, &[PLAIN, NULLABLE], Vec::new())],
        vec![update(0, &[5, 4, 3], &[5, 5, 3]), keep(1, &[5, 0]), delete(1, &[3, 0]), delete(0, &[4, 5, 5])],
    );
}

/// The row waits for what it refers to, and something else for the row: one NULL in between is enough.
#[test]
fn a_way_out_that_another_one_makes_needless_is_not_taken() {
    let columns = [PLAIN, NULLABLE, NULLABLE, UNIQUE, UNIQUE];
    let rows = table(1, &columns, vec![link(&[1], 0, Some(OnDelete::Cascade), true)]);
    is_right(
        vec![rows],
        vec![
            delete(0, &[5, 5, 0, 5, 3]),
            update(0, &[2, 5, 0, 4, 2], &[2, 3, 0, 6, 6]),
            insert(0, &[3, 2, 0, 4, 3]),
        ],
    );
}

/// A unique value is free once the row went with either of two; only one of them may go before the row that takes it.
#[test]
fn what_goes_with_either_of_two_gives_up_its_values_with_the_one_that_may_go_first() {
    for other in [2, 3] {
        let cascade = |column| link(&[column], 1, Some(OnDelete::Cascade), false);
        let rows = table(1, &[PLAIN, PLAIN, PLAIN, UNIQUE], vec![cascade(1), cascade(2)]);
        is_right(
            vec![rows, table(1, &[PLAIN, NULLABLE], Vec::new())],
            vec![
                update(0, &[1, 1, 1, 4], &[1, 9, 9, 3]),
                delete(1, &[1, 0]),
                delete(1, &[other, 0]),
                keep(0, &[4, 1, other, 3]),
                keep(0, &[5, other, 1, 7]),
                keep(1, &[9, 0]),
            ],
        );
    }
}

/// Who takes the value is needed by who gives it up: it takes NULL first.
#[test]
fn a_unique_value_is_taken_later_than_its_row() {
    let rows = Table {
        pairs: vec![vec![1, 2]],
        ..table(1, &[PLAIN, PLAIN, NULLABLE], vec![link(&[1], 0, None, false)])
    };
    is_right(vec![rows], vec![update(0, &[3, 3, 2], &[3, 1, 2]), insert(0, &[1, 3, 2])]);
}

/// Half of a unique value is written, the other half becomes NULL: another row has what both would make.
#[test]
fn a_value_that_a_delete_is_about_to_empty_is_not_made_before() {
    for action in [Some(OnDelete::SetNull), None] {
        let rows = Table {
            pairs: vec![vec![2, 1]],
            ..table(1, &[PLAIN, NULLABLE, NULLABLE], vec![link(&[1], 1, action, true)])
        };
        let others = table(1, &[PLAIN, NULLABLE], vec![link(&[1], 1, None, true)]);
        let more = table(1, &[PLAIN, NULLABLE], vec![link(&[1], 1, None, true)]);
        is_right(
            vec![rows, others, more],
            vec![
                update(0, &[2, 1, 1], &[2, 1, 2]),
                update(0, &[1, 1, 2], &[1, 3, 2]),
                insert(1, &[3, 0]),
                delete(1, &[1, 0]),
            ],
        );
        let rows = Table {
            pairs: vec![vec![2, 4]],
            ..table(2, &[PLAIN, PLAIN, NULLABLE, NULLABLE, NULLABLE], vec![link(&[2, 3], 1, action, true)])
        };
        let others = table(1, &[PLAIN, NULLABLE, NULLABLE], vec![link(&[1, 2], 1, None, true)]);
        is_right(
            vec![others, rows],
            vec![delete(1, &[2, 1, 2, 2, 6]), update(1, &[2, 2, 2, 1, 4], &[2, 2, 2, 1, 6])],
        );
    }
}

/// What is emptied first, to let go of a unique value, is the whole reference: SET NULL finds no half of one.
#[test]
fn a_reference_that_a_delete_empties_is_cleared_as_a_whole() {
    let foreign = vec![link(&[1, 2], 1, None, false), link(&[3, 4], 1, Some(OnDelete::SetNull), true)];
    let rows =
        Table { pairs: vec![vec![4, 2]], ..table(1, &[PLAIN, PLAIN, PLAIN, NULLABLE, NULLABLE], foreign) };
    is_right(
        vec![rows, table(2, &[PLAIN, PLAIN, NULLABLE], Vec::new())],
        vec![update(0, &[6, 1, 3, 1, 3], &[6, 1, 2, 1, 3]), delete(1, &[1, 3, 0]), insert(1, &[1, 2, 0])],
    );
}
