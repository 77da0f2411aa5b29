//! What a calendar and a clock on the wall show, without a zone: dates, times of day, and both together.
//!
//! PostgreSQL counts from 2000-01-01: days, or microseconds. SQLite stores text, in a form that is ordered as what it means.

use std::io::Write as _;

use super::WireType;
use super::calendar::{self, DAY};
use super::timestamp;

/// The first day that PostgreSQL has, 4714-11-24 BC, in days since 2000-01-01.
pub const FIRST_DAY: i64 = timestamp::FIRST / DAY;

/// The last, 5874897-12-31.
pub const LAST_DAY: i64 = 2_145_031_948;

/// The last date and time that it has, 294276-12-31 23:59:59.999999, in microseconds since 2000-01-01.
pub const LAST_MICROS: i64 = 9_223_371_331_199_999_999;

/// Reads a date in the form of the wire: days since 2000-01-01.
pub fn read_date(form: &[u8]) -> Option<i32> {
    Some(i32::from_be_bytes(form.try_into().ok()?))
}

/// Reads a time of day in the form of the wire: microseconds since midnight. PostgreSQL has 24:00 too.
pub fn read_time(form: &[u8]) -> Option<i64> {
    let micros = i64::from_be_bytes(form.try_into().ok()?);
    (0..=DAY).contains(&micros).then_some(micros)
}

/// Reads a date and time in the form of the wire: microseconds since 2000-01-01 00:00.
pub fn read_date_time(form: &[u8]) -> Option<i64> {
    Some(i64::from_be_bytes(form.try_into().ok()?))
}

/// Adds a date as PostgreSQL writes it: `2024-02-29`, `0044-03-15 BC`, `infinity`.
pub fn write_date(days: i32, out: &mut Vec<u8>) {
    match days {
        i32::MAX => out.extend(b"infinity"),
        i32::MIN => out.extend(b"-infinity"),
        days => {
            let era = write_day(days.into(), out);
            out.extend(era.as_bytes());
        }
    }
}

/// Adds a time of day as PostgreSQL writes it: `13:45:00`, `13:45:00.5`.
pub fn write_time(micros: i64, out: &mut Vec<u8>) {
    write_clock(micros, out);
    let fraction = micros % 1_000_000;
    if fraction > 0 {
        let digits = format!("{fraction:06}");
        out.push(b'.');
        out.extend(digits.trim_end_matches('0').as_bytes());
    }
}

/// Adds a date and time as PostgreSQL writes it: `2024-02-29 13:45:00`.
pub fn write_date_time(micros: i64, out: &mut Vec<u8>) {
    match micros {
        i64::MAX => out.extend(b"infinity"),
        i64::MIN => out.extend(b"-infinity"),
        micros => {
            let era = write_day(micros.div_euclid(DAY), out);
            out.push(b' ');
            write_time(micros.rem_euclid(DAY), out);
            out.extend(era.as_bytes());
        }
    }
}

/// Adds year, month and day, and answers what is to follow at the end.
pub(super) fn write_day(days: i64, out: &mut Vec<u8>) -> &'static str {
    let (year, month, day) = calendar::date(days);
    let (shown, era) = if year > 0 { (year, "") } else { (1 - year, " BC") };
    // Writing to a vector does not fail.
    let _ = write!(out, "{shown:04}-{month:02}-{day:02}");
    era
}

fn write_clock(micros: i64, out: &mut Vec<u8>) {
    let seconds = micros / 1_000_000;
    let (hour, minute, second) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    let _ = write!(out, "{hour:02}:{minute:02}:{second:02}");
}

/// Adds a value of one of these types as text that is ordered as what it means, for a database that has no such type:
/// `2024-02-29`, `13:45:00.000000`, `2024-02-29 13:45:00.000000`. `None` for other types, and outside of the years 1 to
/// 9999, whose text would be ordered otherwise.
pub fn write_sortable(ty: WireType, form: &[u8], out: &mut Vec<u8>) -> Option<()> {
    if is_far(ty, form) {
        return None;
    }
    let micros = match ty {
        WireType::Date => {
            write_day(read_date(form)?.into(), out);
            return Some(());
        }
        WireType::Time => read_time(form)?,
        WireType::DateTime => {
            let micros = read_date_time(form)?;
            write_day(micros.div_euclid(DAY), out);
            out.push(b' ');
            micros.rem_euclid(DAY)
        }
        _ => return None,
    };
    write_clock(micros, out);
    let _ = write!(out, ".{:06}", micros % 1_000_000);
    Some(())
}

/// Whether it is a date, or a date and time, that is not in the years 1 to 9999: the years whose digits are four.
pub fn is_far(ty: WireType, form: &[u8]) -> bool {
    /// 0001-01-01 and 10000-01-01.
    const NEAR: std::ops::Range<i64> = -730_119..2_921_940;
    let days = match ty {
        WireType::Date => read_date(form).map(i64::from),
        WireType::DateTime => read_date_time(form).map(|micros| micros.div_euclid(DAY)),
        _ => return false,
    };
    days.is_none_or(|days| !NEAR.contains(&days))
}

/// The days since 2000-01-01 of a date like `2024-02-29`, of the years 1 to 9999.
pub fn parse_date(text: &[u8]) -> Option<i64> {
    let &[a, b, c, d, b'-', e, f, b'-', g, h] = text else { return None };
    let year = number(&[a, b, c, d]).filter(|&year| year > 0)?;
    calendar::days(year, number(&[e, f])?, number(&[g, h])?)
}

/// The microseconds since midnight of a time like `13:45`, `13:45:00` or `13:45:00.5`. What is finer must be zero.
pub fn parse_time(text: &[u8]) -> Option<i64> {
    let (&[a, b, b':', c, d], rest) = text.split_first_chunk()? else { return None };
    let (hour, minute) = (number(&[a, b])?, number(&[c, d])?);
    let (second, micros) = match rest {
        [] => (0, 0),
        &[b':', e, f] => (number(&[e, f])?, 0),
        &[b':', e, f, b'.', ref fraction @ ..] => (number(&[e, f])?, parse_fraction(fraction)?),
        _ => return None,
    };
    (hour < 24 && minute < 60 && second < 60)
        .then(|| ((hour * 60 + minute) * 60 + second) * 1_000_000 + micros)
}

/// The microseconds since 2000-01-01 00:00 of a date and a time, with a space or a `T` between them.
pub fn parse_date_time(text: &[u8]) -> Option<i64> {
    let (date, rest) = text.split_at_checked(10)?;
    let (b' ' | b'T' | b't', time) = rest.split_first()? else { return None };
    Some(parse_date(date)? * DAY + parse_time(time)?)
}

fn parse_fraction(digits: &[u8]) -> Option<i64> {
    let (micros, finer) = digits.split_at(digits.len().min(6));
    if micros.is_empty() || finer.iter().any(|&digit| digit != b'0') {
        return None;
    }
    Some(number(micros)? * 10_i64.pow(6 - micros.len() as u32))
}

/// Of at most six digits.
fn number(digits: &[u8]) -> Option<i64> {
    digits
        .iter()
        .try_fold(0, |number, digit| digit.is_ascii_digit().then(|| number * 10 + i64::from(digit - b'0')))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).expect("ASCII")
    }

    fn sortable(ty: WireType, form: &[u8]) -> Option<String> {
        let mut out = Vec::new();
        write_sortable(ty, form, &mut out).map(|()| String::from_utf8(out).expect("ASCII"))
    }

    #[test]
    fn values_are_written_as_postgresql_does() {
        let date = |days| written(|out| write_date(days, out));
        assert_eq!((&*date(0), &*date(59)), ("2000-01-01", "2000-02-29"));
        assert_eq!((&*date(FIRST_DAY as i32), &*date(LAST_DAY as i32)), ("4714-11-24 BC", "5874897-12-31"));
        assert_eq!((&*date(i32::MAX), &*date(i32::MIN)), ("infinity", "-infinity"));
        let time = |micros| written(|out| write_time(micros, out));
        assert_eq!((&*time(0), &*time(DAY - 1), &*time(DAY)), ("00:00:00", "23:59:59.999999", "24:00:00"));
        assert_eq!(time(49_500_500_000), "13:45:00.5");
        let both = |micros| written(|out| write_date_time(micros, out));
        assert_eq!(both(-1), "1999-12-31 23:59:59.999999");
        assert_eq!(both(timestamp::FIRST), "4714-11-24 00:00:00 BC");
        assert_eq!(both(LAST_MICROS), "294276-12-31 23:59:59.999999");
        assert_eq!(both(i64::MIN), "-infinity");
    }

    #[test]
    fn text_is_ordered_as_what_it_means() {
        let days = [-730_119, -1, 0, 59, 2_921_939];
        let dates = days.map(|days: i32| sortable(WireType::Date, &days.to_be_bytes()).expect("near"));
        assert_eq!(dates, ["0001-01-01", "1999-12-31", "2000-01-01", "2000-02-29", "9999-12-31"]);
        let times = [0, 1, 100_000, 1_000_000, DAY - 1].map(|micros: i64| micros.to_be_bytes());
        let times = times.map(|form| sortable(WireType::Time, &form).expect("a time"));
        assert!(times.is_sorted(), "{times:?}");
        assert_eq!((&*times[0], &*times[4]), ("00:00:00.000000", "23:59:59.999999"));
        let micros = [-730_119 * DAY, -1, 0, 1, 2_921_940 * DAY - 1];
        let both = micros.map(|micros| sortable(WireType::DateTime, &micros.to_be_bytes()).expect("near"));
        assert!(both.is_sorted(), "{both:?}");
        assert_eq!((&*both[1], &*both[4]), ("1999-12-31 23:59:59.999999", "9999-12-31 23:59:59.999999"));
        for (text, micros) in both.iter().zip(micros) {
            assert_eq!(parse_date_time(text.as_bytes()), Some(micros));
        }
    }

    #[test]
    fn far_years_have_no_text_that_is_ordered() {
        for days in [-730_120_i32, 2_921_940, i32::MIN, i32::MAX] {
            assert_eq!(sortable(WireType::Date, &days.to_be_bytes()), None);
            let micros = i64::from(days).saturating_mul(DAY);
            assert_eq!(sortable(WireType::DateTime, &micros.to_be_bytes()), None);
        }
        assert_eq!(sortable(WireType::DateTime, &i64::MAX.to_be_bytes()), None);
    }

    #[test]
    fn text_is_read_in_its_other_forms_too() {
        let time = |text: &str| parse_time(text.as_bytes());
        assert_eq!(time("13:45"), Some(49_500_000_000));
        assert_eq!(time("13:45:01"), time("13:45:01.000000"));
        assert_eq!(time("00:00:00.5"), Some(500_000));
        assert_eq!(time("00:00:00.000001000"), Some(1));
        for wrong in
            ["", "1:00", "24:00", "23:60", "23:59:60", "13:45:00.", "13:45:00.0000001", "13:45Z", "١3:45"]
        {
            assert_eq!(time(wrong), None, "{wrong}");
        }
        let both = |text: &str| parse_date_time(text.as_bytes());
        assert_eq!(both("2000-01-01T00:00:01"), Some(1_000_000));
        assert_eq!(both("2000-01-01T00:00:01"), both("2000-01-01 00:00:01.0"));
        for wrong in [
            "2000-01-01",
            "2000-01-01 ",
            "2000-01-01 00:00:00+00",
            "2000-01-01T00:00:00Z",
            "0000-01-01 00:00",
        ] {
            assert_eq!(both(wrong), None, "{wrong}");
        }
        for wrong in
            ["2023-02-29", "0000-01-01", "-001-01-01", "10000-01-01", "2000-1-1", "20000101", "2000-01-01 BC"]
        {
            assert_eq!(parse_date(wrong.as_bytes()), None, "{wrong}");
        }
    }
}
