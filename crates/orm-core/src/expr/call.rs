//! The functions that every dialect writes in its own way.

use crate::types::ColumnType;

/// A function of values. How it is written is said in the file of each dialect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Function {
    /// The first argument that is not NULL.
    Coalesce,
    /// NULL if both are equal, else the first.
    NullIf,
    /// Whether both are equal, two NULLs among them.
    Same,
    /// The number without its sign.
    Abs,
    /// The nearest whole number, halves away from zero.
    Round,
    /// The next whole number below.
    Floor,
    /// The next whole number above.
    Ceiling,
    /// The number without its fraction.
    WholePart,
    /// The nearest whole decimal.
    RoundDecimal,
    /// What is left of a division of floats, with the sign of the first.
    RemainderOfFloats,
    /// The text in lower case.
    Lower,
    /// The text in upper case.
    Upper,
    /// How many characters the text has.
    Length,
    /// The text without spaces at its ends.
    Trim,
    /// The text without spaces at its start.
    TrimStart,
    /// The text without spaces at its end.
    TrimEnd,
    /// So many characters of the text, from a place on that is counted from 1.
    Substring,
    /// The text with each place of another replaced by a third.
    Replace,
    /// Two texts in a row.
    Concatenate,
    /// Where a text begins in another, from 1; 0 if nowhere.
    Position,
    /// The time of the statement.
    Now,
    /// A part of a time, of this type.
    Part(TimePart, TimeType),
    /// The time at which a part began that it lies in.
    Truncate(TimePart, TimeType),
    /// A point in time and so many microseconds.
    Plus,
    /// How many microseconds lie between two points in time.
    Microseconds,
}

/// A part of a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TimePart {
    /// The year.
    Year,
    /// The month, from 1.
    Month,
    /// The day of the month, from 1.
    Day,
    /// The day of the week: Monday is 1, Sunday is 7.
    Weekday,
    /// The hour, from 0.
    Hour,
    /// The minute.
    Minute,
    /// The whole second.
    Second,
}

/// How a time is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TimeType {
    /// A point in time, in UTC.
    Instant,
    /// A date, a time of day, or both, of no zone.
    Civil,
}

impl TimeType {
    pub(crate) fn of(ty: ColumnType) -> Self {
        match ty {
            ColumnType::Timestamp => Self::Instant,
            _ => Self::Civil,
        }
    }
}
