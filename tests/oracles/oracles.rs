//! What two questions to one database must agree in.

use anyorm::expr::Expr;
use anyorm::{count_all, max, min, sum, values};
use anyorm_tests::random::Random;

use crate::database::{Ask, Asked, normal, text};
use crate::expression::Maker;
use crate::names::{Names, Row};
use crate::select::{AnyQuery, AnySelect};

/// Rows that a filter keeps, and rows whose condition is true when it is selected: where it is not a filter, no database
/// can optimise it.
pub(crate) fn filtered_as_selected(number: u64, database: &dyn Ask) -> Result<(), String> {
    let mut random = Random::new(number);
    let mut maker = Maker::new(&mut random);
    let (select, names) = maker.source(2);
    let condition = maker.flag(&names, 3);
    let (integer, text_, float, _) = maker.without_queries(|maker| maker.columns(&names));
    let columns = (integer, text_, float, condition.clone().optional());
    let filtered = select.clone().filter(condition).columns(columns.clone());
    let selected = select.columns(columns);
    let both = || format!("{}\nand\n{}", database.text(filtered.clone()), database.text(selected.clone()));
    let found = database.rows(filtered.clone()).map_err(|error| format!("{error}\n{}", both()))?;
    let rows = database.values(selected.clone()).map_err(|error| format!("{error}\n{}", both()))?;
    let expected = normal(rows.into_iter().filter(|row| row.3 == Some(true)).collect());
    same(&found, &expected, both)
}

/// How many rows a query has, and whether it has any, as the database is asked for it and as a value of another query.
pub(crate) fn counted_as_read(number: u64, database: &Asked) -> Result<(), String> {
    let mut random = Random::new(number);
    let query = Maker::new(&mut random).query(2);
    let rows = asked(database, query.clone())?.len() as u64;
    let (counted, exists) = database.counted(query.clone())?;
    if (counted, exists) != (rows, rows > 0) {
        return Err(format!("{rows} rows, counted as {counted}, {exists}\n{}", database.text(query)));
    }
    let inner = query.clone();
    let one = values([(None::<i64>, Some(String::new()), Some(0.0), None::<bool>)]);
    let (_, text, float, _) = one.columns();
    let outer =
        one.select().columns((inner.clone().count().optional(), text, float, inner.exists().optional()));
    let found: Vec<Row> = asked(database, AnyQuery::Rows(outer))?;
    let expected = (Some(rows as i64), Some(String::new()), Some(0.0), Some(rows > 0));
    match found == [expected] {
        true => Ok(()),
        false => Err(format!("{rows} rows, in another query {found:?}\n{}", database.text(query))),
    }
}

/// All rows, and those for which a condition is true, false, and NULL.
pub(crate) fn in_three_parts(number: u64, database: &dyn Ask) -> Result<(), String> {
    let mut random = Random::new(number);
    let mut maker = Maker::new(&mut random);
    let (select, names) = maker.source(2);
    match maker.below(4) {
        0 => rows_in_parts(&mut maker, select, &names, database),
        1 => distinct_in_parts(&mut maker, select, &names, database),
        2 => aggregates_in_parts(&mut maker, select, &names, database),
        _ => groups_in_parts(&mut maker, select, &names, database),
    }
}

/// A condition, its negation, and the question whether it is NULL.
fn parts(condition: Expr<bool>) -> [Expr<bool>; 3] {
    [condition.clone(), !condition.clone(), condition.is_null()]
}

fn rows_in_parts(
    maker: &mut Maker<'_>,
    select: AnySelect,
    names: &Names,
    database: &dyn Ask,
) -> Result<(), String> {
    let columns = maker.columns(names);
    let condition = maker.flag(names, 3);
    let all = select.clone().columns(columns.clone());
    let mut found = Vec::new();
    for part in parts(condition) {
        let query = select.clone().filter(part).columns(columns.clone());
        found.extend(asked(database, query)?);
    }
    let expected = asked(database, all.clone())?;
    same(&normal(found), &normal(expected), || database.text(all))
}

/// Each row once, however many parts have it.
fn distinct_in_parts(
    maker: &mut Maker<'_>,
    select: AnySelect,
    names: &Names,
    database: &dyn Ask,
) -> Result<(), String> {
    let columns = maker.without_queries(|maker| maker.columns(names));
    let condition = maker.flag(names, 3);
    let all = select.clone().distinct().columns(columns.clone());
    let mut found = Vec::new();
    for part in parts(condition) {
        let query = select.clone().filter(part).distinct().columns(columns.clone());
        found.extend(asked(database, query)?);
    }
    let mut found = normal(found);
    found.dedup();
    let expected = asked(database, all.clone())?;
    same(&found, &normal(expected), || database.text(all))
}

/// Counts and sums add up; of minima and maxima, the smallest and greatest.
fn aggregates_in_parts(
    maker: &mut Maker<'_>,
    select: AnySelect,
    names: &Names,
    database: &dyn Ask,
) -> Result<(), String> {
    let (integer, text_, float, _) = maker.without_queries(|maker| maker.columns(names));
    let condition = maker.flag(names, 3);
    let lowest = maker.once_in(2);
    let columns = (
        if maker.once_in(2) { count_all().optional() } else { sum(integer).into() },
        if lowest { min(text_).into() } else { max(text_).into() },
        sum(float).into(),
        count_all().ge(0).optional(),
    );
    let all = select.clone().columns(columns.clone());
    let mut found: Row = (None, None, None, Some(true));
    for part in parts(condition) {
        for row in asked(database, select.clone().filter(part).columns(columns.clone()))? {
            found.0 = row.0.map(|more| more + found.0.unwrap_or(0)).or(found.0);
            found.2 = row.2.map(|more| more + found.2.unwrap_or(0.0)).or(found.2);
            let texts = [found.1.take(), row.1].into_iter().flatten();
            found.1 = if lowest { texts.min() } else { texts.max() };
        }
    }
    let expected = asked(database, all.clone())?;
    same(&[text(found)], &normal(expected), || database.text(all))
}

/// Groups, by a condition on them.
fn groups_in_parts(
    maker: &mut Maker<'_>,
    select: AnySelect,
    names: &Names,
    database: &dyn Ask,
) -> Result<(), String> {
    let (key, other) = (maker.pick(&names.integers), maker.pick(&names.texts));
    let flag = maker.pick(&names.flags);
    let select = select.group_by((key.clone(), other.clone(), flag.clone()));
    let columns = (key, other, sum(maker.pick(&names.floats)).into(), flag);
    let condition = maker.having(names);
    let all = select.clone().columns(columns.clone());
    let mut found = Vec::new();
    for part in parts(condition) {
        found.extend(asked(database, select.clone().having(part).columns(columns.clone()))?);
    }
    let expected = asked(database, all.clone())?;
    same(&normal(found), &normal(expected), || database.text(all))
}

fn asked(database: &dyn Ask, query: AnyQuery) -> Result<Vec<Row>, String> {
    database.values(query.clone()).map_err(|error| format!("{error}\n{}", database.text(query)))
}

/// That two lists of rows are the same, or how they differ.
pub(crate) fn same(found: &[String], expected: &[String], of: impl FnOnce() -> String) -> Result<(), String> {
    if found == expected {
        return Ok(());
    }
    let first = found.iter().zip(expected).position(|(one, other)| one != other);
    let at = first.unwrap_or(found.len().min(expected.len()));
    Err(format!(
        "{} rows against {}; the first that differ: {:?} against {:?}\n{}",
        found.len(),
        expected.len(),
        found.get(at),
        expected.get(at),
        of()
    ))
}
