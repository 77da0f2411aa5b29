//! Points in time: microseconds, and the calendar that they are written in.

use super::calendar::DAY;
use super::civil;

/// From the Unix epoch to 2000-01-01, where PostgreSQL counts from.
pub const EPOCH: i64 = 946_684_800_000_000;

/// The first point in time that PostgreSQL has, 4714-11-24 00:00 BC, in microseconds since 2000.
pub const FIRST: i64 = -211_813_488_000_000_000;

/// The last that is told by 64 bits since the Unix epoch: in January of 294247. PostgreSQL has 29 years more.
pub const LAST: i64 = i64::MAX - EPOCH - 1;

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
        i64::MAX => out.extend(b"infinity"),
        i64::MIN => out.extend(b"-infinity"),
        micros => {
            let era = civil::write_day(micros.div_euclid(DAY), out);
            out.push(b' ');
            civil::write_time(micros.rem_euclid(DAY), out);
            out.extend(b"+00");
            out.extend(era.as_bytes());
        }
    }
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
    fn the_epochs_are_turned_into_each_other() {
        for micros in [FIRST, -1, 0, 1, LAST, i64::MIN, i64::MAX] {
            assert_eq!(to_unix(micros).and_then(from_unix), Some(micros));
        }
        assert_eq!((to_unix(LAST + 1), from_unix(FIRST + EPOCH - 1)), (None, None));
    }
}
