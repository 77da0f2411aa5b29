//! Calculations mean the same on every database, or are refused.

use anyorm::expr::{abs, partition_by};
use anyorm::prelude::*;
use anyorm::rust_decimal::Decimal;
use anyorm::{Numeric, Result, avg, count_all, max, min, sum, values};
use anyorm_tests::{User, blog, user};
use orm_testkit::{Behaviour, Capability, Database, behaviours};

pub(crate) const BEHAVIOURS: &[Behaviour] = &behaviours![
    casts_are_those_of_rust,
    remainders_and_whole_numbers,
    all_and_any_of_booleans,
    decimals_are_calculated_or_refused,
    what_rows_are_grouped_by_is_known_again,
];

async fn casts_are_those_of_rust(db: Database) -> Result<()> {
    let numbers = values([2.7_f64, -2.7, 0.0, 0.4]);
    let number = numbers.columns();
    let query =
        numbers.select().columns((number.cast::<i64>(), number.cast::<bool>(), number.eq(0.0).cast::<i32>()));
    let rows = db.engine.all(query).await?;
    let expected =
        [2.7_f64, -2.7, 0.0, 0.4].map(|number| (number as i64, number != 0.0, i32::from(number == 0.0)));
    assert_eq!(rows, expected);
    let numbers = values([Some(2), None]);
    let number = numbers.columns();
    let query = numbers.select().columns((number.cast::<Option<bool>>(), number.eq(2).cast::<Option<i64>>()));
    assert_eq!(db.engine.all(query).await?, [(Some(true), Some(1)), (None, None)]);
    Ok(())
}

async fn remainders_and_whole_numbers(db: Database) -> Result<()> {
    let floats = [(5.5_f64, 2.0_f64), (-5.5, 2.0), (5.5, -2.0), (0.25, 1.0)];
    let numbers = values(floats);
    let (left, right) = numbers.columns();
    let rows = db
        .engine
        .all(numbers.select().columns((left % right, left.round(), left.floor(), left.ceil())))
        .await?;
    assert_eq!(rows, floats.map(|(left, right)| (left % right, left.round(), left.floor(), left.ceil())));
    let numbers = values([7_i32, -7]);
    let number = numbers.columns();
    let rows =
        db.engine.all(numbers.select().columns((number % 3, number.round(), (number + 1).floor()))).await?;
    assert_eq!(rows, [(1, 7, 8), (-1, -7, -6)]);
    Ok(())
}

async fn all_and_any_of_booleans(db: Database) -> Result<()> {
    let flags = values([Some(true), Some(false), None]);
    let flag = flags.columns();
    assert_eq!(
        db.engine.one(flags.select().columns((min(flag), max(flag)))).await?,
        (Some(false), Some(true))
    );
    Ok(())
}

async fn decimals_are_calculated_or_refused(db: Database) -> Result<()> {
    let prices = values(["19.90", "0.10", "5.00"].map(|price| price.parse::<Decimal>().expect("a number")));
    let price = prices.columns();
    let totals = prices.select().columns((sum(price), avg(price), sum(price * Decimal::from(2))));
    let decimal = |text: &str| Some(text.parse::<Decimal>().expect("a number"));
    if db.has(Capability::AnyTypeInAColumn) {
        let error = db.engine.one(totals).await.expect_err("text").to_string();
        assert!(
            error.contains("no decimals to calculate with") && error.contains("nothing was sent"),
            "{error}"
        );
        assert_eq!(db.log.hops(), 0);
        return Ok(());
    }
    let (total, average, twice) = db.engine.one(totals).await?;
    assert_eq!(
        (total, average.map(|of| of.round_dp(2)), twice),
        (decimal("25"), decimal("8.33"), decimal("50"))
    );
    let rounded =
        prices.select().order_by(price).columns((price.round(), -price, abs(-price), price.cast::<i64>()));
    let rounded = db.engine.all(rounded).await?;
    assert_eq!(
        rounded.last().map(|row| (Some(row.0), Some(row.1), row.3)),
        Some((decimal("20"), decimal("-19.90"), 19))
    );
    let running = sum(price).over(partition_by(price).order_by(price));
    let running = db.engine.all(prices.select().order_by(price).columns(running)).await?;
    assert_eq!(running, [decimal("0.10"), decimal("5"), decimal("19.90")]);
    let numbers = values(["1.5".parse::<Numeric>().expect("a number")]);
    let sums = numbers.select().columns(sum(numbers.columns() + Numeric::from(1)));
    assert_eq!(db.engine.scalar(sums).await?, Some("2.5".parse().expect("a number")));
    Ok(())
}

/// Also inside of a larger expression, in HAVING and in the order, with values of its own in between.
async fn what_rows_are_grouped_by_is_known_again(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let ages = [12, 18, 25, 31, 39];
    let people = ages.map(|age| User { age: Some(age), ..user(&format!("Person {age}")) });
    db.engine.execute(User::insert().values(people)).await?;
    let decade = || User::AGE / 10;
    let query = User::select()
        .filter(User::AGE.gt(12))
        .group_by(decade())
        .having(decade().ge(2))
        .order_by((decade() * -1).asc())
        .columns((decade() * 10, count_all()));
    assert_eq!(db.engine.all(query).await?, [(Some(30), 2), (Some(20), 1)]);
    let distinct = User::select().distinct().order_by(decade().desc()).columns(decade());
    assert_eq!(db.engine.all(distinct).await?, [Some(3), Some(2), Some(1)]);
    let oldest =
        User::select().distinct_on(decade()).order_by((decade(), User::AGE.desc())).columns(User::AGE);
    if !db.has(Capability::AnyTypeInAColumn) {
        assert_eq!(db.engine.all(oldest).await?, [Some(18), Some(25), Some(39)]);
    }
    Ok(())
}
