//! Plans of many rows: they come to an end, and cost what was touched.

use std::time::{Duration, Instant};

use super::check;
use super::random::Random;
use super::replay::Done;
use super::schema::{Column, Foreign, Schema, TABLES, Table};
use super::work::{Change, Work};
use crate::unit_of_work::plan::Origin;

/// Rows of t0 may refer to each other, those of t1 to t0; nothing refers to t1.
fn schema() -> Schema {
    let column = |is_nullable| Column { is_nullable, is_unique: false };
    let table = || Table {
        key: 1,
        columns: vec![column(false), column(true), column(true)],
        foreign: vec![Foreign {
            columns: vec![1],
            target: 0,
            action: None,
            is_nullable: true,
            is_relation: true,
        }],
        ..Table::default()
    };
    let schema = Schema { tables: vec![table(), table()] };
    schema.install(&(0..TABLES).collect::<Vec<_>>());
    schema
}

fn row(key: usize, refers_to: Option<usize>) -> Vec<Option<i64>> {
    vec![Some(key as i64), refers_to.map(|key| key as i64), None]
}

fn insert(table: usize, key: usize, refers_to: Option<usize>) -> Change {
    Change { table, before: None, after: Some(row(key, refers_to)), by_handle: true }
}

/// How many rows each statement writes.
fn batches(work: &Work) -> Vec<(&'static str, usize)> {
    let schema = schema();
    let plan = Done::new(&schema, work).plan().expect("there is an order");
    let batch = |origin: &Origin| match origin {
        Origin::Insert { rows, .. } => ("insert", rows.len()),
        Origin::Update { rows, .. } => ("update", rows.len()),
        Origin::Delete { rows, .. } => ("delete", rows.len()),
        Origin::Reference { rows, .. } => ("reference", rows.len()),
        _ => ("other", 0),
    };
    plan.origins.iter().map(batch).collect()
}

#[test]
fn f19_a_long_chain_and_a_large_circle_come_to_an_end() {
    const MANY: usize = 100_000;
    let last_first = (1..=MANY).rev();
    let chain = Work { rows: last_first.map(|key| insert(0, key, (key > 1).then(|| key - 1))).collect() };
    assert_eq!(batches(&chain), [("insert", MANY)]);

    let circle = Work { rows: (1..=MANY).map(|key| insert(0, key, Some(key % MANY + 1))).collect() };
    assert_eq!(batches(&circle), [("insert", MANY), ("reference", 1)]);

    let gone = |key: usize| Change {
        table: 0,
        before: Some(row(key, Some(key % MANY + 1))),
        after: None,
        by_handle: false,
    };
    let gone = Work { rows: (1..=MANY).map(gone).collect() };
    assert_eq!(batches(&gone).last(), Some(&("delete", MANY)));
}

/// The median of several plans.
fn median(done: &mut Done, plans: usize, steps: usize) -> Duration {
    let mut times: Vec<Duration> = (0..plans)
        .map(|_| {
            let start = Instant::now();
            let plan = done.plan().expect("there is an order");
            assert_eq!(plan.origins.len(), steps);
            start.elapsed()
        })
        .collect();
    times.sort_unstable();
    times[times.len() / 2]
}

/// What a plan costs of ten changed, ten new and ten deleted rows among many that are only tracked.
fn cost(tracked: usize) -> Duration {
    let schema = schema();
    let mut rows: Vec<Change> = (1..=tracked)
        .map(|key| {
            let stored = row(key, None);
            let after = match key {
                1..=10 => None,
                11..=20 => Some(vec![stored[0], None, Some(7)]),
                _ => Some(stored.clone()),
            };
            Change { table: 1, before: Some(stored), after, by_handle: false }
        })
        .collect();
    rows.extend((1..=10).map(|key| insert(1, tracked + key, None)));
    let mut done = Done::new(&schema, &Work { rows });
    median(&mut done, 21, 3)
}

#[test]
fn a_plan_costs_what_was_touched_not_what_is_tracked() {
    // Other tests run at the same time: one of three quiet rounds is enough.
    let ratios: Vec<f64> = (0..3).map(|_| cost(100_000).as_secs_f64() / cost(1_000).as_secs_f64()).collect();
    assert!(ratios.iter().any(|&ratio| ratio < 5.0), "100,000 tracked rows against 1,000: {ratios:?} times");
}

/// Rows that pass a unique value on to each other in circles, each by itself: one of each circle is NULL first.
fn circles(rows: usize, size: usize) -> Work {
    let row = |key: usize, value: usize| vec![Some(key as i64), Some(value as i64)];
    let rows = (0..rows).map(|at| {
        let (first, place) = (at - at % size, at % size);
        let (before, after) = (row(at + 1, at + 1), row(at + 1, first + (place + 1) % size + 1));
        Change { table: 0, before: Some(before), after: Some(after), by_handle: false }
    });
    Work { rows: rows.collect() }
}

/// The table of those rows, with as many columns as are passed on.
fn unique_columns(count: usize) -> Schema {
    let unique = (0..count).map(|_| Column { is_nullable: true, is_unique: true });
    let key = Column { is_nullable: false, is_unique: false };
    let table = Table { key: 1, columns: std::iter::once(key).chain(unique).collect(), ..Table::default() };
    let schema = Schema { tables: vec![table] };
    schema.install(&(0..TABLES).collect::<Vec<_>>());
    schema
}

#[test]
fn many_circles_cost_what_their_rows_cost() {
    let schema = unique_columns(1);
    for size in [2, 3] {
        let cost = |rows: usize| median(&mut Done::new(&schema, &circles(rows, size)), 5, 2);
        let ratios: Vec<f64> =
            (0..3).map(|_| cost(9_600).as_secs_f64() / cost(2_400).as_secs_f64()).collect();
        let four_times = "four times the rows in circles of";
        assert!(ratios.iter().any(|&ratio| ratio < 8.0), "{four_times} {size} took {ratios:?} times as long");
    }
}

#[test]
fn one_row_of_each_circle_is_null_first() {
    let schema = unique_columns(1);
    for size in [2, 3] {
        let plan = Done::new(&schema, &circles(6_000, size)).plan().expect("there is an order");
        let rows: Vec<u32> = plan.program.steps.iter().map(|step| step.rows).collect();
        assert_eq!(rows, [6_000 / size as u32, 6_000], "circles of {size}");
    }
}

#[test]
fn a_large_circle_of_many_circles_is_left_by_what_it_takes() {
    const MANY: usize = 600;
    let mut random = Random::new(1);
    let orders = [random.shuffled(MANY), random.shuffled(MANY)];
    let row = |key: usize, a: usize, b: usize| vec![Some(key as i64), Some(a as i64), Some(b as i64)];
    let rows = (0..MANY).map(|at| Change {
        table: 0,
        before: Some(row(at, at, at)),
        after: Some(row(at, orders[0][at], orders[1][at])),
        by_handle: false,
    });
    let work = Work { rows: rows.collect() };
    let schema = unique_columns(2);
    check(&schema, &work).unwrap();
    let plan = Done::new(&schema, &work).plan().expect("there is an order");
    let own = plan.origins.iter().filter_map(|origin| match origin {
        Origin::Reference { rows, .. } => Some(rows.len()),
        _ => None,
    });
    let null_first: usize = own.sum();
    assert!(null_first < MANY / 2, "{null_first} of {MANY} rows are NULL first");
}
