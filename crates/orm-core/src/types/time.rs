//! Dates and times of the crate `time`, with the cargo feature of that name.
//!
//! What is finer than a microsecond is cut off, toward the past, as of a [`Timestamp`].

use time::{Date, OffsetDateTime, PrimitiveDateTime, Time};

use super::{ColumnType, SqlType, Timestamp, civil};
use crate::cells::Cells;
use crate::row::Misfit;
use crate::value::ValueRef;

/// The number of 2000-01-01 where days are counted from 4714-11-24 BC.
const EPOCH: i64 = 2_451_545;

fn days(date: Date) -> i64 {
    i64::from(date.to_julian_day()) - EPOCH
}

fn date(days: i64) -> Option<Date> {
    Date::from_julian_day(i32::try_from(days + EPOCH).ok()?).ok()
}

fn micros(time: Time) -> i64 {
    let (hour, minute, second, micros) = time.as_hms_micro();
    let seconds = (i64::from(hour) * 60 + i64::from(minute)) * 60 + i64::from(second);
    seconds * 1_000_000 + i64::from(micros)
}

fn time(micros: i64) -> Option<Time> {
    let seconds = micros / 1_000_000;
    let part = |part: i64| u8::try_from(part).ok();
    let (hour, minute, second) = (part(seconds / 3_600)?, part(seconds / 60 % 60)?, part(seconds % 60)?);
    Time::from_hms_micro(hour, minute, second, u32::try_from(micros % 1_000_000).ok()?).ok()
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

impl SqlType for PrimitiveDateTime {
    type Base = Self;
    const TYPE: ColumnType = ColumnType::DateTime;

    fn encode(&self, cells: &mut Cells) {
        civil::encode_date_time(days(self.date()), micros(self.time()), cells);
    }

    fn decode(value: ValueRef<'_>) -> Result<Self, Misfit> {
        civil::decode_date_time(value, |days, micros| Some(Self::new(date(days)?, time(micros)?)))
    }
}

/// The point in time alone is stored: it is read with the offset 0.
impl SqlType for OffsetDateTime {
    type Base = Self;
    const TYPE: ColumnType = ColumnType::Timestamp;

    fn encode(&self, cells: &mut Cells) {
        match i64::try_from(self.unix_timestamp_nanos().div_euclid(1_000)) {
            Ok(micros) => Timestamp::from_unix_micros(micros).encode(cells),
            Err(_) => {
                cells.refuse("a time before 4714-11-24 BC or after 294246, which no database stores");
            }
        }
    }

    fn decode(value: ValueRef<'_>) -> Result<Self, Misfit> {
        let time = Timestamp::decode(value)?;
        Self::from_unix_timestamp_nanos(i128::from(time.unix_micros()) * 1_000)
            .map_err(|_| Misfit { expected: "a time that `OffsetDateTime` has", found: time.to_string() })
    }
}

list_and_key!(Date Time PrimitiveDateTime OffsetDateTime);

#[cfg(test)]
mod tests {
    use time::{Month, UtcOffset};

    use super::*;
    use crate::types::edges::{again, refused};

    #[test]
    fn dates_and_times_are_read_as_they_were_written() {
        let date = |year, month, day| Date::from_calendar_date(year, month, day).expect("a date");
        let last = Time::from_hms_micro(23, 59, 59, 999_999).expect("a time");
        for date in [
            date(1, Month::January, 1),
            date(2024, Month::February, 29),
            date(9999, Month::December, 31),
            date(-4713, Month::November, 24),
        ] {
            assert_eq!(again(&date), date);
            for time in [Time::MIDNIGHT, last] {
                let both = PrimitiveDateTime::new(date, time);
                assert_eq!(again(&both), both);
                assert_eq!(again(&both.assume_utc()), both.assume_utc());
            }
        }
        assert_eq!((again(&Time::MIDNIGHT), again(&last)), (Time::MIDNIGHT, last));
        let offset = UtcOffset::from_hms(5, 30, 0).expect("an offset");
        let there = OffsetDateTime::UNIX_EPOCH.to_offset(offset);
        assert_eq!((again(&there), again(&there).offset()), (there, UtcOffset::UTC));
        assert!(refused(&Date::MIN).contains("before 4714-11-24 BC"));
        assert!(refused(&PrimitiveDateTime::MIN).contains("before 4714-11-24 BC"));
    }

    #[test]
    fn what_is_finer_than_a_microsecond_is_cut_off_toward_the_past() {
        let time = |nanos| OffsetDateTime::from_unix_timestamp_nanos(nanos).expect("a time");
        assert_eq!(again(&time(-1_001)), time(-2_000));
        assert_eq!(again(&time(1_999)), time(1_000));
        assert_eq!(again(&time(1_999).time()), time(1_000).time());
    }

    #[test]
    fn what_the_crate_has_not_is_a_misfit() {
        let far = 2_921_940_i32.to_be_bytes();
        let misfit = Date::decode(ValueRef::Wire(crate::WireType::Date, &far)).expect_err("the year 10000");
        assert_eq!(misfit.found, "10000-01-01");
        let misfit = OffsetDateTime::decode(ValueRef::Int(i64::MIN)).expect_err("infinity");
        assert_eq!(misfit.found, "-infinity");
    }
}
