//! Dates and times of the crate `chrono`, with the cargo feature of that name.
//!
//! What is finer than a microsecond is cut off, toward the past, as of a [`Timestamp`].

use chrono::{DateTime, Datelike, FixedOffset, NaiveDate, NaiveDateTime, NaiveTime, Timelike, Utc};

use super::{ColumnType, SqlType, Timestamp, civil};
use crate::cells::Cells;
use crate::row::Misfit;
use crate::value::ValueRef;

/// From 0001-01-01, which is day 1 there, to 2000-01-01.
const EPOCH: i64 = 730_120;

/// chrono counts nanoseconds on where a second is inserted.
const LEAP: u32 = 1_000_000_000;
const LEAP_SECOND: &str = "a leap second, which no database stores: round it first, with `with_nanosecond(999_999_999)` or to the next second";

fn days(date: NaiveDate) -> i64 {
    i64::from(date.num_days_from_ce()) - EPOCH
}

fn date(days: i64) -> Option<NaiveDate> {
    NaiveDate::from_num_days_from_ce_opt(i32::try_from(days + EPOCH).ok()?)
}

/// `None` in a leap second.
fn micros(time: NaiveTime) -> Option<i64> {
    let nanos = Some(time.nanosecond()).filter(|&nanos| nanos < LEAP)?;
    Some(i64::from(time.num_seconds_from_midnight()) * 1_000_000 + i64::from(nanos / 1_000))
}

fn time(micros: i64) -> Option<NaiveTime> {
    let seconds = u32::try_from(micros / 1_000_000).ok()?;
    NaiveTime::from_num_seconds_from_midnight_opt(seconds, u32::try_from(micros % 1_000_000).ok()? * 1_000)
}

impl SqlType for NaiveDate {
    type Base = Self;
    const TYPE: ColumnType = ColumnType::Date;

    fn encode(&self, cells: &mut Cells) {
        civil::encode_date(days(*self), cells);
    }

    fn decode(value: ValueRef<'_>) -> Result<Self, Misfit> {
        civil::decode_date(value, date)
    }
}

impl SqlType for NaiveTime {
    type Base = Self;
    const TYPE: ColumnType = ColumnType::Time;

    fn encode(&self, cells: &mut Cells) {
        match micros(*self) {
            Some(micros) => civil::encode_time(micros, cells),
            None => cells.refuse(LEAP_SECOND),
        }
    }

    fn decode(value: ValueRef<'_>) -> Result<Self, Misfit> {
        civil::decode_time(value, time)
    }
}

impl SqlType for NaiveDateTime {
    type Base = Self;
    const TYPE: ColumnType = ColumnType::DateTime;

    fn encode(&self, cells: &mut Cells) {
        match micros(self.time()) {
            Some(micros) => civil::encode_date_time(days(self.date()), micros, cells),
            None => cells.refuse(LEAP_SECOND),
        }
    }

    fn decode(value: ValueRef<'_>) -> Result<Self, Misfit> {
        civil::decode_date_time(value, |days, micros| Some(date(days)?.and_time(time(micros)?)))
    }
}

/// A point in time.
impl SqlType for DateTime<Utc> {
    type Base = Self;
    const TYPE: ColumnType = ColumnType::Timestamp;

    fn encode(&self, cells: &mut Cells) {
        if self.nanosecond() >= LEAP {
            return cells.refuse(LEAP_SECOND);
        }
        Timestamp::from_unix_micros(self.timestamp_micros()).encode(cells);
    }

    fn decode(value: ValueRef<'_>) -> Result<Self, Misfit> {
        let time = Timestamp::decode(value)?;
        Self::from_timestamp_micros(time.unix_micros()).ok_or_else(|| Misfit {
            expected: "a time that chrono's `DateTime` has",
            found: time.to_string(),
        })
    }
}

/// The point in time alone is stored: it is read with the offset 0.
impl SqlType for DateTime<FixedOffset> {
    type Base = Self;
    const TYPE: ColumnType = ColumnType::Timestamp;

    fn encode(&self, cells: &mut Cells) {
        self.to_utc().encode(cells);
    }

    fn decode(value: ValueRef<'_>) -> Result<Self, Misfit> {
        DateTime::<Utc>::decode(value).map(|time| time.fixed_offset())
    }
}

list_and_key!(NaiveDate NaiveTime NaiveDateTime DateTime<Utc> DateTime<FixedOffset>);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::edges::{again, refused};

    #[test]
    fn dates_and_times_are_read_as_they_were_written() {
        let date = |year, month, day| NaiveDate::from_ymd_opt(year, month, day).expect("a date");
        let last = NaiveTime::from_hms_micro_opt(23, 59, 59, 999_999).expect("a time");
        for date in [
            date(1, 1, 1),
            date(2024, 2, 29),
            date(9999, 12, 31),
            date(-4713, 11, 24),
            date(262_142, 12, 31),
            NaiveDate::MAX,
        ] {
            assert_eq!(again(&date), date);
            for time in [NaiveTime::MIN, last] {
                let both = date.and_time(time);
                assert_eq!(again(&both), both);
                assert_eq!(again(&both.and_utc()), both.and_utc());
                let offset = FixedOffset::east_opt(19_800).expect("an offset");
                let there = both.and_utc().with_timezone(&offset);
                let read = again(&there);
                assert_eq!((read, read.offset().local_minus_utc()), (there, 0));
            }
        }
        assert_eq!((again(&NaiveTime::MIN), again(&last)), (NaiveTime::MIN, last));
        for days in (-2_400_000..200_000).step_by(997) {
            let text = |date: NaiveDate| date.format("%Y-%m-%d").to_string();
            let date = super::date(days).expect("a date");
            if (1..=9999).contains(&date.year()) {
                assert_eq!(NaiveDate::decode(ValueRef::Text(text(date).as_bytes())), Ok(date));
            }
            assert_eq!(super::days(date), days);
        }
    }

    #[test]
    fn what_no_database_has_is_refused() {
        let leap = NaiveTime::from_hms_milli_opt(23, 59, 59, 1_500).expect("a leap second");
        let day = NaiveDate::from_ymd_opt(2016, 12, 31).expect("a date");
        assert!(refused(&leap).contains("leap second"));
        assert!(refused(&day.and_time(leap)).contains("leap second"));
        assert!(refused(&day.and_time(leap).and_utc()).contains("leap second"));
        assert!(refused(&NaiveDate::MIN).contains("before 4714-11-24 BC"));
        assert!(refused(&NaiveDateTime::MIN).contains("before 4714-11-24 BC"));
        assert!(refused(&DateTime::<Utc>::MIN_UTC).contains("before 4714-11-24 BC"));
    }

    #[test]
    fn what_is_finer_than_a_microsecond_is_cut_off_toward_the_past() {
        let time = |nanos| DateTime::from_timestamp(-1, nanos).expect("a time");
        assert_eq!(again(&time(1_999)), time(1_000));
        assert!(time(1_999).same(&time(1_000)), "they are stored the same");
        assert_eq!(again(&time(1_999).naive_utc()), time(1_000).naive_utc());
        assert_eq!(again(&time(1_999).time()), time(1_000).time());
    }

    #[test]
    fn what_chrono_has_not_is_a_misfit() {
        let wire = |days: i32| NaiveDate::decode(ValueRef::Wire(crate::WireType::Date, &days.to_be_bytes()));
        assert_eq!(wire(i32::MAX).expect_err("infinity").found, "infinity");
        assert_eq!(wire(2_145_031_948).expect_err("far").found, "5874897-12-31");
        let midnight = 86_400_000_000_i64.to_be_bytes();
        let misfit =
            NaiveTime::decode(ValueRef::Wire(crate::WireType::Time, &midnight)).expect_err("no time");
        assert_eq!(misfit.found, "24:00:00");
        let misfit = DateTime::<Utc>::decode(ValueRef::Int(i64::MAX)).expect_err("no time");
        assert_eq!(misfit.found, "infinity");
        assert_eq!(NaiveDate::decode(ValueRef::Text(b"soon")).expect_err("no date").found, "soon");
    }
}
