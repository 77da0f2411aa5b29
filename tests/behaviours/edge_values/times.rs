//! Dates and times, of each crate that has them: all store the same.

use anyorm::chrono::{DateTime, Days, FixedOffset, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Utc};
use anyorm::jiff::{self, civil};
use anyorm::prelude::*;
use anyorm::time::{self, OffsetDateTime, PrimitiveDateTime};
use anyorm::{Result, Timestamp, schema};
use anyorm_tests::random::Random;
use orm_testkit::{Behaviour, Capability, Database, behaviours};

use super::are_kept;

pub(crate) const BEHAVIOURS: &[Behaviour] = &behaviours![
    times_are_kept,
    all_crates_store_the_same,
    times_are_ordered_by_the_database,
    times_in_other_forms_are_read,
    what_is_finer_than_a_microsecond_is_cut_off,
    far_years_are_kept_or_refused,
    dates_can_be_keys,
    bound_values_mean_the_same_each_time,
    lists_of_times_are_kept,
];

#[derive(Clone, Debug, PartialEq, Entity)]
#[entity(table = "edge_times")]
struct Times {
    #[key]
    id: i64,
    day: NaiveDate,
    clock: NaiveTime,
    moment: NaiveDateTime,
    point: DateTime<Utc>,
    there: DateTime<FixedOffset>,
    time_day: time::Date,
    time_clock: time::Time,
    time_both: PrimitiveDateTime,
    time_point: OffsetDateTime,
    jiff_day: civil::Date,
    jiff_clock: civil::Time,
    jiff_both: civil::DateTime,
    jiff_point: jiff::Timestamp,
    maybe: Option<NaiveDateTime>,
}

/// The days from 2000-01-01 to the first and the last that all databases have.
const DAYS: (i64, i64) = (-730_119, 2_921_939);
const DAY: i64 = 86_400_000_000;
const EPOCH: i64 = 946_684_800_000_000;

/// The same day and time in each crate, which each crate counts for itself.
fn times(id: i64, days: i64, micros: i64) -> Times {
    let first = NaiveDate::from_ymd_opt(2000, 1, 1).expect("a date");
    let day = match u64::try_from(days) {
        Ok(after) => first + Days::new(after),
        Err(_) => first - Days::new(days.unsigned_abs()),
    };
    let clock = NaiveTime::MIN.overflowing_add_signed(TimeDelta::microseconds(micros)).0;
    let moment = day.and_time(clock);
    let time_first = time::Date::from_calendar_date(2000, time::Month::January, 1).expect("a date");
    let time_day = time_first + time::Duration::days(days);
    let time_clock = time::Time::MIDNIGHT + time::Duration::microseconds(micros);
    let time_both = PrimitiveDateTime::new(time_day, time_clock);
    let span = jiff::Span::new().days(days);
    let jiff_day = civil::Date::constant(2000, 1, 1).checked_add(span).expect("a date");
    let jiff_clock = civil::Time::midnight().wrapping_add(jiff::Span::new().microseconds(micros));
    // Its last is a day earlier.
    let unix = (days.min(DAYS.1 - 2) * DAY + micros) + EPOCH;
    let offset = FixedOffset::east_opt((micros % 50_400) as i32).expect("less than a day");
    let point = DateTime::from_timestamp_micros(unix).expect("a time");
    Times {
        id,
        day,
        clock,
        moment,
        point,
        there: point.with_timezone(&offset),
        time_day,
        time_clock,
        time_both,
        time_point: OffsetDateTime::from_unix_timestamp_nanos(i128::from(unix) * 1_000).expect("a time"),
        jiff_day,
        jiff_clock,
        jiff_both: civil::DateTime::from_parts(jiff_day, jiff_clock),
        jiff_point: jiff::Timestamp::from_microsecond(unix).expect("a time"),
        maybe: (id % 2 > 0).then_some(moment),
    }
}

/// As it is read: a point in time has the offset 0.
fn read(value: &Times) -> Times {
    Times { there: value.point.fixed_offset(), ..value.clone() }
}

fn values() -> Vec<Times> {
    let leap_days = [59, -36_466 + 59, 1_520, -730_119 + 1_154].map(|days| (days, 0));
    let clocks = [0, 1, 999_999, 1_000_000, DAY / 2, DAY - 1_000_000, DAY - 1].map(|micros| (0, micros));
    let ends = [(DAYS.0, 0), (DAYS.0, DAY - 1), (DAYS.1, 0), (DAYS.1, DAY - 1), (-1, DAY - 1), (-10_957, 0)];
    let mut random = Random::new(4);
    let size = (DAYS.1 - DAYS.0 + 1) as u64;
    let random = (0..100).map(|_| (DAYS.0 + random.below(size) as i64, random.below(DAY as u64) as i64));
    let all: Vec<(i64, i64)> = leap_days.into_iter().chain(clocks).chain(ends).chain(random).collect();
    all.into_iter().enumerate().map(|(id, (days, micros))| times(id as i64, days, micros)).collect()
}

async fn times_are_kept(db: Database) -> Result<()> {
    db.engine.create_all(&schema![Times]).await?;
    let values = values();
    assert_eq!(values[0].day.to_string(), "2000-02-29");
    are_kept(&db, &values.iter().map(read).collect::<Vec<_>>()).await
}

async fn all_crates_store_the_same(db: Database) -> Result<()> {
    db.engine.create_all(&schema![Times]).await?;
    let values = values();
    db.engine.insert_many(values.clone()).await?;
    let same = "day = time_day AND day = jiff_day AND clock = time_clock AND clock = jiff_clock AND moment = time_both \
                AND moment = jiff_both AND point = there AND point = time_point AND point = jiff_point";
    let count = format!("SELECT count(*) FROM edge_times WHERE {same}");
    assert_eq!(db.engine.one(sql(anyorm::Trusted(count)).returning::<i64>()).await?, values.len() as i64);
    // And what one has stored, the others read; a point in time as ours too.
    let columns = "SELECT time_day, jiff_clock, time_both, jiff_point, there FROM edge_times ORDER BY id";
    let others =
        sql(columns).returning::<(NaiveDate, NaiveTime, civil::DateTime, Timestamp, OffsetDateTime)>();
    for ((day, clock, moment, point, there), value) in db.engine.all(others).await?.into_iter().zip(&values) {
        assert_eq!((day, clock, moment), (value.day, value.clock, value.jiff_both));
        assert_eq!((point.unix_micros(), there), (value.point.timestamp_micros(), value.time_point));
    }
    let texts = "SELECT CAST(day AS TEXT), CAST(moment AS TEXT) FROM edge_times WHERE id = 0";
    let (day, moment) = db.engine.one(sql(texts).returning::<(String, String)>()).await?;
    assert!(day == "2000-02-29" && moment.starts_with("2000-02-29 00:00:00"), "{day}, {moment}");
    Ok(())
}

async fn times_are_ordered_by_the_database(db: Database) -> Result<()> {
    db.engine.create_all(&schema![Times]).await?;
    let mut values = values();
    db.engine.insert_many(values.clone()).await?;
    for value in values.iter().step_by(7) {
        let same = Times::DAY.eq(value.day)
            & Times::CLOCK.eq(value.clock)
            & Times::MOMENT.eq(value.moment)
            & Times::POINT.eq(value.point)
            & Times::THERE.eq(value.there)
            & Times::TIME_DAY.eq(value.time_day)
            & Times::JIFF_BOTH.eq(value.jiff_both)
            & Times::JIFF_POINT.is_in([value.jiff_point])
            & Times::DAY.is_in([value.day, values[0].day]);
        assert!(db.engine.exists(Times::select().filter(same)).await?, "{value:?}");
        let before = values.iter().filter(|other| other.moment < value.moment).count();
        let found = Times::select().filter(Times::MOMENT.lt(value.moment));
        assert_eq!(db.engine.count(found).await?, before as u64);
        let later = values.iter().filter(|other| other.clock >= value.clock).count();
        let found = Times::select().filter(Times::CLOCK.ge(value.clock));
        assert_eq!(db.engine.count(found).await?, later as u64);
    }
    values.sort_by_key(|value| (value.day, value.clock, value.id));
    let ordered = Times::select().columns(Times::ID).order_by((Times::DAY, Times::CLOCK, Times::ID));
    let ids: Vec<i64> = values.iter().map(|value| value.id).collect();
    assert_eq!(db.engine.all(ordered).await?, ids);
    let ends = Times::select().columns((min(Times::TIME_BOTH), max(Times::JIFF_DAY)));
    let ends = db.engine.one(ends).await?;
    let earliest = values.iter().map(|value| value.time_both).min();
    assert_eq!(ends, (earliest, values.iter().map(|value| value.jiff_day).max()));
    Ok(())
}

async fn times_in_other_forms_are_read(db: Database) -> Result<()> {
    let moment =
        NaiveDate::from_ymd_opt(2024, 2, 29).and_then(|day| day.and_hms_opt(13, 45, 0)).expect("a time");
    for text in
        ["2024-02-29T13:45", "2024-02-29 13:45:00", "2024-02-29 13:45:00.0", "2024-02-29 13:45:00.000000000"]
    {
        let raw = sql(anyorm::Trusted(format!("SELECT '{text}'")));
        assert_eq!(db.engine.one(raw.returning::<NaiveDateTime>()).await?, moment, "{text}");
    }
    let raw = sql("SELECT '13:45'").returning::<time::Time>();
    assert_eq!(db.engine.one(raw).await?, time::Time::from_hms(13, 45, 0).expect("a time"));
    let raw = sql("SELECT CURRENT_TIMESTAMP");
    if db.has(Capability::AnyTypeInAColumn) {
        let now = db.engine.one(raw.returning::<NaiveDateTime>()).await?;
        assert!((Utc::from_now() - now).abs() < TimeDelta::hours(1), "as SQLite writes it");
    } else {
        let now = db.engine.one(raw.returning::<DateTime<Utc>>()).await?;
        assert!((Utc::from_now() - now.naive_utc()).abs() < TimeDelta::hours(1));
        // Without a zone, it is in UTC; but not the other way: a point in time has no date without a zone.
        let raw = sql("SELECT TIMESTAMP '2024-02-29 13:45:00'").returning::<DateTime<Utc>>();
        assert_eq!(db.engine.one(raw).await?, moment.and_utc());
        let raw = sql("SELECT TIMESTAMPTZ '2024-02-29 13:45:00+00'").returning::<NaiveDateTime>();
        let error = db.engine.one(raw).await.expect_err("it has a zone").to_string();
        assert!(error.contains("expected a date and time without a zone, found a timestamp"), "{error}");
    }
    Ok(())
}

/// The clock of chrono is behind a feature.
trait Now {
    fn from_now() -> NaiveDateTime;
}

impl Now for Utc {
    fn from_now() -> NaiveDateTime {
        DateTime::<Utc>::from(std::time::SystemTime::now()).naive_utc()
    }
}

async fn what_is_finer_than_a_microsecond_is_cut_off(db: Database) -> Result<()> {
    db.engine.create_all(&schema![Times]).await?;
    let exact = read(&times(1, -20_000, DAY - 1));
    let nanos = TimeDelta::nanoseconds(999);
    let finer = Times {
        clock: exact.clock + nanos,
        moment: exact.moment + nanos,
        point: exact.point + nanos,
        there: exact.there + nanos,
        time_clock: exact.time_clock + time::Duration::nanoseconds(999),
        time_point: exact.time_point + time::Duration::nanoseconds(999),
        jiff_clock: exact.jiff_clock.wrapping_add(jiff::Span::new().nanoseconds(999)),
        jiff_point: jiff::Timestamp::from_nanosecond(exact.jiff_point.as_nanosecond() + 999).expect("a time"),
        ..exact.clone()
    };
    assert_ne!(finer, exact);
    let mut session = db.engine.session();
    let row = session.add(finer);
    session.commit().await?;
    assert_eq!(db.engine.one(Times::select()).await?, exact);
    db.log.clear();
    session[row].point += TimeDelta::nanoseconds(-1);
    session.commit().await?;
    assert_eq!(crate::support::sent(&db), [""; 0], "it would be stored the same");
    Ok(())
}

#[derive(Clone, Debug, Default, PartialEq, Entity)]
#[entity(table = "edge_far")]
struct Far {
    #[key]
    id: i64,
    day: NaiveDate,
    moment: NaiveDateTime,
}

async fn far_years_are_kept_or_refused(db: Database) -> Result<()> {
    db.engine.create_all(&schema![Far]).await?;
    let day = |year, month, day| NaiveDate::from_ymd_opt(year, month, day).expect("a date");
    let days = [day(0, 12, 31), day(-43, 3, 15), day(-4713, 11, 24), day(10_000, 1, 1), day(262_142, 12, 31)];
    if db.engine.dialect().far_years {
        let far = |(id, day): (usize, NaiveDate)| Far {
            id: id as i64,
            day,
            moment: day.and_hms_micro_opt(23, 59, 59, 999_999).expect("a time"),
        };
        return are_kept(&db, &days.into_iter().enumerate().map(far).collect::<Vec<_>>()).await;
    }
    db.log.clear();
    for far in days {
        let moment = far.and_hms_opt(0, 0, 0).expect("a time");
        for (column, far) in
            [("day", Far { day: far, ..Far::default() }), ("moment", Far { moment, ..Far::default() })]
        {
            let mut session = db.engine.session();
            session.add(far.clone());
            let error = session.commit().await.expect_err("it has no text that is ordered").to_string();
            assert!(error.contains(&format!("Far.{column} of Far 0 cannot be sent")), "{error}");
            let name = db.engine.dialect().name;
            let reason = format!("outside of the years 1 to 9999, which is all that {name} stores");
            assert!(error.contains(&reason), "{error}");
            db.engine.insert_many([far]).await.expect_err("nor past a session");
        }
        db.engine.count(Far::select().filter(Far::DAY.gt(far))).await.expect_err("nor in a condition");
    }
    assert_eq!(crate::support::sent(&db), [""; 0], "nothing was sent");
    Ok(())
}

#[derive(Clone, Debug, PartialEq, Entity)]
#[entity(table = "edge_days")]
struct Day {
    #[key]
    day: NaiveDate,
    #[key]
    clock: civil::Time,
    note: String,
}

async fn dates_can_be_keys(db: Database) -> Result<()> {
    db.engine.create_all(&schema![Day]).await?;
    let keys = values().into_iter().step_by(5).map(|value| (value.day, value.jiff_clock));
    let keys: std::collections::BTreeSet<_> = keys.collect();
    let mut session = db.engine.session();
    session.add_all(keys.iter().map(|&(day, clock)| Day { day, clock, note: day.to_string() }));
    session.commit().await?;
    let mut session = db.engine.session();
    for &key in &keys {
        let row = session.get_one::<Day>(key).await?;
        assert_eq!(session[row].note, key.0.to_string());
        assert_eq!(session.get::<Day>(key).await?, Some(row), "it is the same");
        session[row].note.clear();
    }
    session.commit().await?;
    assert_eq!(db.engine.count(Day::select().filter(Day::NOTE.eq(""))).await?, keys.len() as u64);
    Ok(())
}

/// A server is told the statement the first time, and prepares it later.
async fn bound_values_mean_the_same_each_time(db: Database) -> Result<()> {
    let value = times(1, 59, 49_500_000_000);
    for _ in 0..5 {
        assert_eq!(
            db.engine.one(sql("SELECT ? AS day").bind(value.day).returning::<NaiveDate>()).await?,
            value.day
        );
        assert_eq!(
            db.engine.one(sql("SELECT ? AS clock").bind(value.clock).returning::<NaiveTime>()).await?,
            value.clock
        );
        assert_eq!(
            db.engine.one(sql("SELECT ? AS moment").bind(value.moment).returning::<NaiveDateTime>()).await?,
            value.moment
        );
        if !db.has(Capability::AnyTypeInAColumn) {
            let compared = sql("SELECT TIMESTAMPTZ '2000-02-29 13:45:00' = ?").bind(value.moment);
            assert!(db.engine.one(compared.returning::<bool>()).await?, "in the zone of the connection");
            let listed = sql("SELECT DATE '2000-02-29' = ?").bind(value.moment);
            assert!(!db.engine.one(listed.returning::<bool>()).await?, "midnight is another time");
        }
    }
    Ok(())
}

#[derive(Clone, Debug, Default, PartialEq, Entity)]
#[entity(table = "edge_lists")]
struct Lists {
    #[key]
    id: i64,
    days: Vec<NaiveDate>,
    clocks: Vec<Option<NaiveTime>>,
    moments: Vec<NaiveDateTime>,
    points: Vec<DateTime<Utc>>,
    time_days: Vec<time::Date>,
    time_moments: Vec<Option<PrimitiveDateTime>>,
    time_points: Vec<OffsetDateTime>,
    jiff_clocks: Vec<civil::Time>,
    jiff_points: Vec<jiff::Timestamp>,
    huge: Vec<u64>,
}

async fn lists_of_times_are_kept(db: Database) -> Result<()> {
    if !db.engine.dialect().arrays {
        return db.engine.create_all(&schema![Lists]).await.map(|()| panic!("no arrays")).or(Ok(()));
    }
    db.engine.create_all(&schema![Lists]).await?;
    let values = values();
    let some = |value: &Times| (value.id % 3 > 0).then_some(value.clock);
    let lists = Lists {
        id: 1,
        days: values.iter().map(|value| value.day).collect(),
        clocks: values.iter().map(some).collect(),
        moments: values.iter().map(|value| value.moment).collect(),
        points: values.iter().map(|value| value.point).collect(),
        time_days: values.iter().map(|value| value.time_day).collect(),
        time_moments: vec![None, Some(values[0].time_both)],
        time_points: values.iter().map(|value| value.time_point).collect(),
        jiff_clocks: values.iter().map(|value| value.jiff_clock).collect(),
        jiff_points: values.iter().map(|value| value.jiff_point).collect(),
        huge: vec![0, i64::MAX as u64],
    };
    are_kept(&db, &[Lists::default(), lists.clone()]).await?;
    let found = Lists::select().filter(Lists::DAYS.eq(lists.days) & Lists::CLOCKS.eq(lists.clocks));
    assert_eq!(db.engine.count(found).await?, 1);
    Ok(())
}
