//! The Gregorian calendar, for the time before it was introduced too: days as a number, and as year, month and day.

/// The microseconds of a day.
pub const DAY: i64 = 86_400_000_000;

/// From 1 March of the year 0 to 2000-01-01. Years begin in March here, so that the day that comes and goes is the last.
const FROM_MARCH: i64 = 730_425;

/// The days of 400 years, after which the calendar repeats itself.
const ERA: i64 = 146_097;

/// Year, month and day, by the days since 2000-01-01. The year before 1 is 0.
pub fn date(days: i64) -> (i64, i64, i64) {
    let days = days + FROM_MARCH;
    let (era, day) = (days.div_euclid(ERA), days.rem_euclid(ERA));
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    // Months of 30 and 31 days by turns, five of them 153 days: March to July, August to December.
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (era * 400 + year + i64::from(month <= 2), month, day)
}

/// The opposite of [`date`]. `None` if there is no such day. Years of up to twelve digits.
pub fn days(year: i64, month: i64, day: i64) -> Option<i64> {
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) || year.unsigned_abs() >= 1_000_000_000_000 {
        return None;
    }
    let (march_year, from_march) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let (era, of_era) = (march_year.div_euclid(400), march_year.rem_euclid(400));
    let of_year = (153 * from_march + 2) / 5 + day - 1;
    let days = era * ERA + 365 * of_era + of_era / 4 - of_era / 100 + of_year - FROM_MARCH;
    // The 31st of a month of 30 days is the first of the next.
    (date(days) == (year, month, day)).then_some(days)
}

#[cfg(test)]
mod tests {
    use super::*;

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
            assert_eq!(days(year, month, next), Some(day));
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
    fn days_that_are_not_there_have_no_number() {
        for (year, month, day) in [
            (2023, 2, 29),
            (1900, 2, 29),
            (2024, 2, 30),
            (2024, 4, 31),
            (2024, 0, 1),
            (2024, 13, 1),
            (1, 1, 0),
        ] {
            assert_eq!(days(year, month, day), None, "{year}-{month}-{day}");
        }
        assert_eq!((days(2000, 1, 1), days(2000, 2, 29), days(1, 1, 1)), (Some(0), Some(59), Some(-730_119)));
    }
}
