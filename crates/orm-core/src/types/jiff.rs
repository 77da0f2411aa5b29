//! Dates and times of the crate `jiff`, with the cargo feature of that name.
//!
//! What is finer than a microsecond is cut off, toward the past, as of a [`Timestamp`]. A `Zoned` is stored as its
//! `timestamp()`, and its zone in a column of its own where it is needed: no database keeps both in one.

use jiff::civil::{Date, DateTime, Time};

use super::{ColumnType, SqlType, Timestamp, civil};
use crate::cells::Cells;
use crate::row::Misfit;
use crate::value::ValueRef;
use crate::value::wire::calendar;

fn days(date: Date) -> i64 {
    calendar::days(date.year().into(), date.month().into(), date.day().into())
        .expect("a date is a day of the calendar")
}

fn date(days: i64) -> Option<Date> {
    let (year, month, day) = calendar::date(days);
    Date::new(year.try_into().ok()?, month.try_into().ok()?, day.try_into().ok()?).ok()
}

fn micros(time: Time) -> i64 {
    let seconds = (i64::from(time.hour()) * 60 + i64::from(time.minute())) * 60 + i64::from(time.second());
    seconds * 1_000_000 + i64::from(time.subsec_nanosecond() / 1_000)
}

fn time(micros: i64) -> Option<Time> {
    let seconds = micros / 1_000_000;
    let part = |part: i64| i8::try_from(part).ok();
    let (hour, minute, second) = (part(seconds / 3_600)?, part(seconds / 60 % 60)?, part(seconds % 60)?);
    Time::new(hour, minute, second, i32::try_from(micros % 1_000_000).ok()? * 1_000).ok()
}

impl SqlType for Date {
    type Base = Self;
    const TYPE: ColumnType = ColumnType::Date;

    fn encode(&self, cells: &mut Cells) {
        civil::encode_date(days(*self), cells);
    }

    fn decode(value: ValueRef<'_>) -> Result<Self, Misfit> {
        civil::decode_date(value, date)
    }
}

impl SqlType for Time {
    type Base = Self;
    const TYPE: ColumnType = ColumnType::Time;

    fn encode(&self, cells: &mut Cells) {
        civil::encode_time(micros(*self), cells);
    }

    fn decode(value: ValueRef<'_>) -> Result<Self, Misfit> {
        civil::decode_time(value, time)
    }
}

impl SqlType for DateTime {
    type Base = Self;
    const TYPE: ColumnType = ColumnType::DateTime;

    fn encode(&self, cells: &mut Cells) {
        civil::encode_date_time(days(self.date()), micros(self.time()), cells);
    }

    fn decode(value: ValueRef<'_>) -> Result<Self, Misfit> {
        civil::decode_date_time(value, |days, micros| Some(Self::from_parts(date(days)?, time(micros)?)))
    }
}

/// A point in time.
impl SqlType for jiff::Timestamp {
    type Base = Self;
    const TYPE: ColumnType = ColumnType::Timestamp;

    fn encode(&self, cells: &mut Cells) {
        let micros = i64::try_from(self.as_nanosecond().div_euclid(1_000));
        Timestamp::from_unix_micros(micros.expect("its years have at most four digits")).encode(cells);
    }

    fn decode(value: ValueRef<'_>) -> Result<Self, Misfit> {
        let time = Timestamp::decode(value)?;
        Self::from_microsecond(time.unix_micros())
            .map_err(|_| Misfit { expected: "a time that jiff's `Timestamp` has", found: time.to_string() })
    }
}

list_and_key!(Date Time DateTime jiff::Timestamp);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::edges::{again, refused};

    #[test]
    fn dates_and_times_are_read_as_they_were_written() {
        let last = Time::constant(23, 59, 59, 999_999_000);
        for date in [
            Date::constant(1, 1, 1),
            Date::constant(2024, 2, 29),
            Date::MAX,
            Date::constant(-4713, 11, 24),
            Date::ZERO,
        ] {
            assert_eq!(again(&date), date);
            for time in [Time::midnight(), last] {
                let both = DateTime::from_parts(date, time);
                assert_eq!(again(&both), both);
            }
        }
        assert_eq!((again(&Time::MIN), again(&last)), (Time::MIN, last));
        assert_eq!(again(&jiff::Timestamp::UNIX_EPOCH), jiff::Timestamp::UNIX_EPOCH);
        assert!(refused(&Date::MIN).contains("before 4714-11-24 BC"));
        assert!(refused(&DateTime::MIN).contains("before 4714-11-24 BC"));
        assert!(refused(&jiff::Timestamp::MIN).contains("before 4714-11-24 BC"));
    }

    #[test]
    fn what_is_finer_than_a_microsecond_is_cut_off_toward_the_past() {
        let time = |nanos| jiff::Timestamp::from_nanosecond(nanos).expect("a time");
        assert_eq!(again(&time(-1_001)), time(-2_000));
        assert_eq!(again(&time(1_999)), time(1_000));
        assert_eq!(again(&Time::MAX), Time::constant(23, 59, 59, 999_999_000));
    }

    #[test]
    fn what_jiff_has_not_is_a_misfit() {
        let far = 2_921_940_i32.to_be_bytes();
        let misfit = Date::decode(ValueRef::Wire(crate::WireType::Date, &far)).expect_err("the year 10000");
        assert_eq!(misfit.found, "10000-01-01");
        let misfit = jiff::Timestamp::decode(ValueRef::Int(i64::MIN)).expect_err("infinity");
        assert_eq!(misfit.found, "-infinity");
    }
}
