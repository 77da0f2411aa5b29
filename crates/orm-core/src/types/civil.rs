//! Dates and times of day, between the cells of a database and the numbers that crates make their own types of.
//!
//! A date is its days since 2000-01-01, a time of day its microseconds since midnight.

use crate::cells::Cells;
use crate::row::Misfit;
use crate::value::ValueRef;
use crate::value::wire::calendar::DAY;
use crate::value::wire::{WireType, civil, timestamp};

/// Adds a date. One that PostgreSQL has not is refused before any I/O; what other databases have not, where it is sent.
pub(super) fn encode_date(days: i64, cells: &mut Cells) {
    match i32::try_from(days) {
        Ok(form) if (civil::FIRST_DAY..=civil::LAST_DAY).contains(&days) => {
            cells.wire(WireType::Date, &form.to_be_bytes());
        }
        _ => cells.refuse("a date before 4714-11-24 BC or after the year 5874897, which no database stores"),
    }
}

/// Adds a time of day.
pub(super) fn encode_time(micros: i64, cells: &mut Cells) {
    cells.wire(WireType::Time, &micros.to_be_bytes());
}

/// Adds a date and time, as [`encode_date`] does.
pub(super) fn encode_date_time(days: i64, micros: i64, cells: &mut Cells) {
    let all = days.checked_mul(DAY).and_then(|date| date.checked_add(micros));
    match all.filter(|all| (timestamp::FIRST..=civil::LAST_MICROS).contains(all)) {
        Some(all) => cells.wire(WireType::DateTime, &all.to_be_bytes()),
        None => cells.refuse(
            "a date and time before 4714-11-24 BC or after the year 294276, which no database stores",
        ),
    }
}

/// A date, of which `make` makes a type that may not have it.
pub(super) fn decode_date<T>(value: ValueRef<'_>, make: impl FnOnce(i64) -> Option<T>) -> Result<T, Misfit> {
    let days = match value {
        ValueRef::Wire(WireType::Date, form) => civil::read_date(form)
            // The infinities.
            .filter(|days| !matches!(days, &i32::MIN | &i32::MAX))
            .map(i64::from),
        ValueRef::Text(text) => civil::parse_date(text),
        other => return Err(Misfit::kind("a date", other)),
    };
    days.and_then(make).ok_or_else(|| misfit("a date that the field's type has, like 2024-02-29", value))
}

/// A time of day.
pub(super) fn decode_time<T>(value: ValueRef<'_>, make: impl FnOnce(i64) -> Option<T>) -> Result<T, Misfit> {
    let micros = match value {
        ValueRef::Wire(WireType::Time, form) => civil::read_time(form).filter(|&micros| micros < DAY),
        ValueRef::Text(text) => civil::parse_time(text),
        other => return Err(Misfit::kind("a time of day", other)),
    };
    micros
        .and_then(make)
        .ok_or_else(|| misfit("a time of day before 24:00, like 13:45:00, to the microsecond", value))
}

/// A date and time: days and microseconds.
pub(super) fn decode_date_time<T>(
    value: ValueRef<'_>,
    make: impl FnOnce(i64, i64) -> Option<T>,
) -> Result<T, Misfit> {
    let micros = match value {
        ValueRef::Wire(WireType::DateTime, form) => {
            civil::read_date_time(form).filter(|micros| !matches!(micros, &i64::MIN | &i64::MAX))
        }
        ValueRef::Text(text) => civil::parse_date_time(text),
        other => return Err(Misfit::kind("a date and time without a zone", other)),
    };
    micros.and_then(|micros| make(micros.div_euclid(DAY), micros.rem_euclid(DAY))).ok_or_else(|| {
        misfit("a date and time that the field's type has, like 2024-02-29 13:45:00, without a zone", value)
    })
}

fn misfit(expected: &'static str, value: ValueRef<'_>) -> Misfit {
    Misfit { expected, found: value.to_value().to_string() }
}
