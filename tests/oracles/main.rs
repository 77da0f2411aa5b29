//! Random queries of the builder, against what is known of their rows without knowing them.
//!
//! | test | what must agree |
//! |---|---|
//! | a filter keeps what its condition selects | `filter(p)`, and the rows for which `p`, selected as a value, is true |
//! | three parts are the whole | all rows, and those for which `p`, `!p` and `p.is_null()` hold; aggregates, groups, distinct rows too |
//! | rows are counted as they are read | the rows of a query, `count` and `exists` of it, and both as values of another |
//! | databases agree | the same query on SQLite, PostgreSQL (with the feature `postgres`) and MariaDB |
//!
//! `ANYORM_ORACLES_RUNS=20000 ANYORM_ORACLES_SEED=7 cargo test -p anyorm-tests --test oracles` runs more, or others;
//! `ANYORM_ORACLES_ONE=<number>` the one query that a failure names.

mod database;
mod expression;
mod mariadb;
mod names;
mod oracles;
mod query;
mod schema;
mod select;

use anyorm_tests::random::Random;
use database::{Ask, Asked, OF_SAME_ROWS};
use expression::Maker;
use mariadb::MariaDb;
use select::AnyQuery;

/// As many as take a few seconds where nothing is optimised.
const RUNS: u64 = 200;

#[test]
fn a_filter_keeps_what_its_condition_selects() {
    each_database(|number, database| oracles::filtered_as_selected(number, database));
    by_client(oracles::filtered_as_selected);
}

#[test]
fn three_parts_are_the_whole() {
    each_database(|number, database| oracles::in_three_parts(number, database));
    by_client(oracles::in_three_parts);
}

#[test]
fn rows_are_counted_as_they_are_read() {
    each_database(oracles::counted_as_read);
}

fn each_database(agrees: fn(u64, &Asked) -> Result<(), String>) {
    let mut failures = Failures::default();
    for mut database in Asked::all() {
        for number in numbers() {
            database.fill(number);
            if let Err(why) = agrees(number, &database) {
                failures.add(number, format!("{}: {why}", database.name()));
            }
        }
    }
    failures.panic_if_any();
}

/// The same on MariaDB, if there is a server.
fn by_client(oracle: fn(u64, &dyn Ask) -> Result<(), String>) {
    let Some(mariadb) = MariaDb::open() else { return };
    let mut failures = Failures::default();
    let numbers: Vec<u64> = numbers().collect();
    for of_same_rows in numbers.chunk_by(|one, next| one / OF_SAME_ROWS == next / OF_SAME_ROWS) {
        let verdicts = mariadb.agrees(of_same_rows[0] / OF_SAME_ROWS, of_same_rows, oracle);
        for (number, verdict) in of_same_rows.iter().zip(verdicts) {
            if let Err(why) = verdict {
                failures.add(*number, format!("MariaDB: {why}"));
            }
        }
    }
    failures.panic_if_any();
}

/// SQLite is in this process. The servers are asked where there are any.
#[test]
fn databases_agree() {
    let mut failures = Failures::default();
    let mut databases = Asked::all();
    let mariadb = MariaDb::open();
    let numbers: Vec<u64> = numbers().collect();
    for of_same_rows in numbers.chunk_by(|one, next| one / OF_SAME_ROWS == next / OF_SAME_ROWS) {
        let seed = of_same_rows[0] / OF_SAME_ROWS;
        let queries: Vec<AnyQuery> = of_same_rows.iter().map(|number| query(*number)).collect();
        let by_client = mariadb.as_ref().map(|mariadb| mariadb.rows(seed, &queries));
        databases.iter_mut().for_each(|database| database.fill(of_same_rows[0]));
        for (at, (number, query)) in of_same_rows.iter().zip(&queries).enumerate() {
            if let Err(why) = agree(&databases, query, by_client.as_ref().map(|answers| &answers[at])) {
                failures.add(*number, why);
            }
        }
    }
    failures.panic_if_any();
}

fn query(number: u64) -> AnyQuery {
    Maker::new(&mut Random::new(number)).query(2)
}

fn agree(
    databases: &[Asked],
    query: &AnyQuery,
    by_client: Option<&Result<Vec<names::Row>, String>>,
) -> Result<(), String> {
    let (first, others) = databases.split_first().expect("SQLite is always there");
    let said = |name: &str, error: String, text: String| format!("{name}: {error}\n{text}");
    let expected =
        first.rows(query.clone()).map_err(|error| said(first.name(), error, first.text(query.clone())))?;
    for other in others {
        let text = || other.text(query.clone());
        let found = other.rows(query.clone()).map_err(|error| said(other.name(), error, text()))?;
        oracles::same(&found, &expected, text)
            .map_err(|why| format!("{} and SQLite: {why}", other.name()))?;
    }
    if let Some(answer) = by_client {
        let text = || MariaDb::text(query.clone());
        let found = answer.clone().map_err(|error| said("MariaDB", error, text()))?;
        oracles::same(&database::normal(found), &expected, text)
            .map_err(|why| format!("MariaDB and SQLite: {why}"))?;
    }
    Ok(())
}

/// The numbers of the queries, each of which is all that its query depends on.
fn numbers() -> impl Iterator<Item = u64> + Clone {
    let setting = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let first = setting("ANYORM_ORACLES_SEED").unwrap_or(1).wrapping_mul(1_000_000_000);
    match setting("ANYORM_ORACLES_ONE") {
        Some(number) => number..number + 1,
        None => first..first + setting("ANYORM_ORACLES_RUNS").unwrap_or(RUNS),
    }
}

/// What did not agree: a run goes on, so that one tells more than the first.
#[derive(Debug, Default)]
struct Failures {
    all: Vec<(u64, String)>,
}

impl Failures {
    fn add(&mut self, number: u64, why: String) {
        self.all.push((number, why));
    }

    /// # Panics
    /// If there are any: with the first ones.
    fn panic_if_any(self) {
        let shown = self.all.iter().take(5);
        let shown: Vec<String> =
            shown.map(|(number, why)| format!("ANYORM_ORACLES_ONE={number}: {why}")).collect();
        assert!(self.all.is_empty(), "{} disagree:\n{}", self.all.len(), shown.join("\n\n"));
    }
}
