//! Points in time: microseconds, and the calendar that they are written in.

use std::io::Write as _;

/// From the Unix epoch to 2000-01-01, where PostgreSQL counts from.
pub const EPOCH: i64 = 946_684_800_000_000;

/// The first point in time that PostgreSQL has, 4714-11-24 00:00 BC, in microseconds since 2000.
pub const FIRST: i64 = -211_813_488_000_000_000;

/// The last that is told by 64 bits since the Unix epoch: in January of 294247. PostgreSQL has 29 years more.
pub const LAST: i64 = i64::MAX - EPOCH - 1;

const DAY: i64 = 86_400_000_000;

/// Reads the form of the wire.
pub fn read(bytes: &[u8]) -> Option<i64> {
    Some(i64::from_be_bytes(bytes.try_into().ok()?))
}

/// The microseconds since the Unix epoch of those since 2000. The infinities are the largest and the smallest number in
/// both. `None` if they do not fit.
pub fn to_unix(micros: i64) -> Option<i64> {
    match micros {
        i64::MIN | i64::MAX => Some(micros),
        micros => micros.checked_add(EPOCH).filter(|&unix| unix != i64::MAX),
    }
}

/// The opposite of [`to_unix`]. `None` if PostgreSQL has no such time.
pub fn from_unix(unix: i64) -> Option<i64> {
    match unix {
        i64::MIN | i64::MAX => Some(unix),
        unix => unix.checked_sub(EPOCH).filter(|micros| (FIRST..=LAST).contains(micros)),
    }
}

/// Adds a point in time as PostgreSQL writes it, in UTC: `2000-01-01 00:00:00+00`, `0044-03-15 12:00:00.5+00 BC`.
pub fn write_text(micros: i64, out: &mut Vec<u8>) {
    match micros {
        i64::MAX => return out.extend(b"infinity"),
        i64::MIN => return out.extend(b"-infinity"),
        _ => {}
    }
    let (year, month, day) = date(micros.div_euclid(DAY));
    let (seconds, fraction) = (micros.rem_euclid(DAY) / 1_000_000, micros.rem_euclid(1_000_000));
    let (shown, era) = if year > 0 { (year, "") } else { (1 - year, " BC") };
    let (hour, minute, second) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    // Writing to a vector does not fail.
    let _ = write!(out, "{shown:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}");
    if fraction > 0 {
        let digits = format!("{fraction:06}");
        let _ = write!(out, ".{}", digits.trim_end_matches('0'));
    }
    let _ = write!(out, "+00{era}");
}

/// Year, month and day of the Gregorian calendar, by the days since 2000-01-01. The year before 1 is 0.
fn date(days: i64) -> (i64, i64, i64) {
    // From 1 March of the year 0, so that the day that comes and goes is the last of a year. 400 years are 146,097 days.
    let days = days + 730_425;
    let (era, day) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    // Months of 30 and 31 days by turns, five of them 153 days: March to July, August to December.
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (era * 400 + year + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(micros: i64) -> String {
        let mut out = Vec::new();
        write_text(micros, &mut out);
        String::from_utf8(out).expect("ASCII")
    }

    #[test]
    fn points_in_time_are_written_as_postgresql_does() {
        assert_eq!(text(0), "2000-01-01 00:00:00+00");
        assert_eq!(text(-1), "1999-12-31 23:59:59.999999+00");
        assert_eq!(text(-EPOCH), "1970-01-01 00:00:00+00");
        assert_eq!(text(59 * DAY + 500_000), "2000-02-29 00:00:00.5+00");
        assert_eq!(text(FIRST), "4714-11-24 00:00:00+00 BC");
        assert_eq!(text(9_223_371_331_199_999_999), "294276-12-31 23:59:59.999999+00");
        assert_eq!(text(-63_082_281_600_000_000), "0001-01-01 00:00:00+00");
        assert_eq!(text(-63_082_281_600_000_001), "0001-12-31 23:59:59.999999+00 BC");
        assert_eq!((text(i64::MAX), text(i64::MIN)), ("infinity".to_owned(), "-infinity".to_owned()));
    }

    #[test]
    fn each_day_follows_the_one_before() {
        let mut before = date(-2_500_000);
        for day in -2_499_999..300_000 {
            let (year, month, next) = date(day);
            let follows = match before {
                (y, m, d) if (y, m) == (year, month) => next == d + 1,
                (y, 12, 31) => (year, month, next) == (y + 1, 1, 1),
                (y, m, d) => (year, month, next) == (y, m + 1, 1) && d == last_of(y, m),
            };
            assert!(follows, "{before:?} and {:?}", (year, month, next));
            before = (year, month, next);
        }
    }

    fn last_of(year: i64, month: i64) -> i64 {
        let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        match month {
            4 | 6 | 9 | 11 => 30,
            2 => 28 + i64::from(leap),
            _ => 31,
        }
    }

    #[test]
    fn the_epochs_are_turned_into_each_other() {
        for micros in [FIRST, -1, 0, 1, LAST, i64::MIN, i64::MAX] {
            assert_eq!(to_unix(micros).and_then(from_unix), Some(micros));
        }
        assert_eq!((to_unix(LAST + 1), from_unix(FIRST + EPOCH - 1)), (None, None));
    }
}
