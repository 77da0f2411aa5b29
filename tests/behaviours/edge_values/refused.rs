//! Values that no column holds: refused before anything is sent, with the place and the reason.

use std::fmt::Debug;

use anyorm::bigdecimal::BigDecimal;
use anyorm::chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, Utc};
use anyorm::prelude::*;
use anyorm::{Error, Result, SqlType, schema};
use orm_testkit::{Behaviour, Database, behaviours};

use crate::support::sent;

pub(crate) const BEHAVIOURS: &[Behaviour] =
    &behaviours![what_no_column_holds_is_refused, in_a_condition_it_is_refused_too];

#[derive(Clone, Debug, Default, PartialEq, Entity)]
#[entity(table = "edge_refused")]
struct Row {
    #[key(auto)]
    id: i64,
    huge: u64,
    text: String,
    clock: NaiveTime,
    both: NaiveDateTime,
    day: NaiveDate,
    point: DateTime<Utc>,
    big: BigDecimal,
}

fn leap() -> NaiveTime {
    NaiveTime::from_hms_milli_opt(23, 59, 59, 1_999).expect("a leap second")
}

async fn what_no_column_holds_is_refused(db: Database) -> Result<()> {
    db.engine.create_all(&schema![Row]).await?;
    let day = NaiveDate::from_ymd_opt(2016, 12, 31).expect("a date");
    let with = |change: fn(&mut Row)| {
        let mut row = Row::default();
        change(&mut row);
        row
    };
    let cases = [
        ("huge", "the integer 9223372036854775808", with(|row| row.huge = 1 << 63)),
        ("huge", "the integer 18446744073709551615", with(|row| row.huge = u64::MAX)),
        ("text", "text with a NUL character", with(|row| row.text = "a\0b".into())),
        ("clock", "a leap second", with(|row| row.clock = leap())),
        ("both", "a leap second", Row { both: day.and_time(leap()), ..Row::default() }),
        ("point", "a leap second", Row { point: day.and_time(leap()).and_utc(), ..Row::default() }),
        ("day", "a date before 4714-11-24 BC", with(|row| row.day = NaiveDate::MIN)),
        ("both", "a date and time before 4714-11-24 BC", with(|row| row.both = NaiveDateTime::MIN)),
        ("point", "a timestamp before 4714-11-24 BC", with(|row| row.point = DateTime::<Utc>::MIN_UTC)),
        (
            "big",
            "131072 digits before the point",
            with(|row| row.big = "1e131072".parse().expect("a number")),
        ),
        ("big", "16383 after it", with(|row| row.big = "1e-16384".parse().expect("a number"))),
    ];
    db.log.clear();
    for (column, reason, row) in cases {
        let mut session = db.engine.session();
        session.add(row.clone());
        let error = session.commit().await.expect_err(reason);
        assert!(matches!(error, Error::Value(_)), "{error:?}");
        let error = error.to_string();
        assert!(error.starts_with(&format!("Row.{column} of a new Row cannot be sent: it is")), "{error}");
        assert!(error.contains(reason), "{error}");
        let error = db.engine.insert_many([Row::default(), row]).await.expect_err(reason).to_string();
        assert!(error.contains("cannot be sent") && error.contains(reason), "{error}");
    }
    assert_eq!(sent(&db), [""; 0], "nothing was sent");
    Ok(())
}

async fn in_a_condition_it_is_refused_too(db: Database) -> Result<()> {
    db.engine.create_all(&schema![Row]).await?;
    db.log.clear();
    is_refused(&db, Row::HUGE, u64::MAX, "9223372036854775807").await;
    is_refused(&db, Row::CLOCK, leap(), "a leap second").await;
    is_refused(&db, Row::DAY, NaiveDate::MIN, "4714-11-24 BC").await;
    let bound = sql("SELECT ?").bind(u64::MAX).returning::<i64>();
    let error = db.engine.one(bound).await.expect_err("too large").to_string();
    assert!(error.contains("9223372036854775807"), "{error}");
    assert_eq!(sent(&db), [""; 0], "nothing was sent");
    Ok(())
}

async fn is_refused<T: SqlType<Base = T> + Clone + Debug>(
    db: &Database,
    column: anyorm::Column<Row, T>,
    value: T,
    reason: &str,
) {
    for filter in [column.eq(value.clone()), column.is_in([value.clone()])] {
        let error = db.engine.all(Row::select().filter(filter)).await.expect_err(reason).to_string();
        assert!(error.contains("cannot be sent") && error.contains(reason), "{value:?}: {error}");
    }
}
