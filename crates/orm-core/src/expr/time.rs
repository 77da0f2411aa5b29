//! Dates and times: their parts, arithmetic, now.

use std::time::{Duration, SystemTime};

use super::call::{TimePart, TimeType};
use super::{Aggregate, Expr, Field, Function, Kind, Node, Operand};
use crate::column::Column;
use crate::entity::Entity;
use crate::types::{SqlType, Timestamp};
use crate::value::Value;

/// Types with a date: year, month, day.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no date",
    label = "no column of dates",
    note = "years, months and days are those of `Timestamp`, `SystemTime` and the date types of `chrono`, `time` and `jiff`"
)]
pub trait HasDate: SqlType {}

/// Types with a time of day: hour, minute, second.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no time of day",
    label = "no column of times",
    note = "hours, minutes and seconds are those of `Timestamp`, `SystemTime` and the time types of `chrono`, `time` and `jiff`"
)]
pub trait HasTime: SqlType {}

/// Points in time.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no point in time",
    label = "no column of points in time",
    note = "durations are added to `Timestamp`, `SystemTime`, and the types of `chrono`, `time` and `jiff` that have a zone"
)]
pub trait Instant: HasDate + HasTime {}

macro_rules! instants {
    ($($type:ty),*) => {$(
        impl HasDate for $type {}
        impl HasTime for $type {}
        impl Instant for $type {}
    )*};
}

#[cfg(any(feature = "chrono", feature = "time", feature = "jiff"))]
macro_rules! implement {
    ($($trait:ident for $type:ty;)*) => {$(
        impl $trait for $type {}
    )*};
}

instants!(Timestamp, SystemTime);

#[cfg(feature = "chrono")]
mod of_chrono {
    use chrono::{DateTime, FixedOffset, NaiveDate, NaiveDateTime, NaiveTime, Utc};

    use super::{HasDate, HasTime, Instant};

    instants!(DateTime<Utc>, DateTime<FixedOffset>);
    implement!(HasDate for NaiveDate; HasTime for NaiveTime; HasDate for NaiveDateTime; HasTime for NaiveDateTime;);
}

#[cfg(feature = "time")]
mod of_time {
    use time::{Date, OffsetDateTime, PrimitiveDateTime, Time};

    use super::{HasDate, HasTime, Instant};

    instants!(OffsetDateTime);
    implement!(HasDate for Date; HasTime for Time; HasDate for PrimitiveDateTime; HasTime for PrimitiveDateTime;);
}

#[cfg(feature = "jiff")]
mod of_jiff {
    use jiff::civil::{Date, DateTime, Time};

    use super::{HasDate, HasTime, Instant};

    instants!(jiff::Timestamp);
    implement!(HasDate for Date; HasTime for Time; HasDate for DateTime; HasTime for DateTime;);
}

/// The type of a part of a time: nullable where the time is.
pub trait PartOf {
    /// `i64` or `Option<i64>`.
    type Part: SqlType;
}

impl<T: SqlType<Base = T>> PartOf for T {
    type Part = i64;
}

impl<T: SqlType<Base = T>> PartOf for Option<T> {
    type Part = Option<i64>;
}

/// The time of the statement, or where the database says so, of its transaction.
///
/// # Example
/// ```
/// # use orm_blog::*;
/// # run(async |engine| {
/// use anyorm::prelude::*;
///
/// use anyorm::expr::now;
///
/// let year = engine.scalar(User::select().limit(1).columns(now().year())).await?;
/// assert!(year >= 2024);
/// # Ok(()) });
/// ```
pub fn now() -> Expr<Timestamp> {
    Expr::of(Kind::Call { function: Function::Now, arguments: Vec::new() })
}

fn part<T: SqlType + PartOf>(of: Node, part: TimePart) -> Expr<T::Part> {
    let function = Function::Part(part, TimeType::of(T::TYPE));
    Expr::of(Kind::Call { function, arguments: vec![of] })
}

fn plus<T>(of: Node, micros: i64) -> Expr<T> {
    let micros = Node(Kind::Value(Value::Int(micros)));
    Expr::of(Kind::Call { function: Function::Plus, arguments: vec![of, micros] })
}

/// As many microseconds as fit.
fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

macro_rules! times {
    ([$($generics:tt)*] $of:ty) => {
        impl<$($generics)*> $of {
            /// The year, in UTC for a point in time.
            ///
            /// # Example
            /// ```
            /// # use orm_blog::*;
            /// # run(async |engine| {
            /// use anyorm::prelude::*;
            ///
            /// use anyorm::{Timestamp, values};
            ///
            /// let days = values([Timestamp::UNIX_EPOCH]);
            /// let day = days.columns();
            /// let parts = days.select().columns((day.year(), day.month(), day.day(), day.weekday()));
            /// assert_eq!(engine.one(parts).await?, (1970, 1, 1, 4));
            /// # Ok(()) });
            /// ```
            pub fn year(self) -> Expr<T::Part>
            where
                T: SqlType<Base: HasDate> + PartOf,
            {
                part::<T>(self.into_node(), TimePart::Year)
            }

            /// The month, from 1.
            pub fn month(self) -> Expr<T::Part>
            where
                T: SqlType<Base: HasDate> + PartOf,
            {
                part::<T>(self.into_node(), TimePart::Month)
            }

            /// The day of the month, from 1.
            pub fn day(self) -> Expr<T::Part>
            where
                T: SqlType<Base: HasDate> + PartOf,
            {
                part::<T>(self.into_node(), TimePart::Day)
            }

            /// The day of the week: Monday is 1, Sunday is 7.
            pub fn weekday(self) -> Expr<T::Part>
            where
                T: SqlType<Base: HasDate> + PartOf,
            {
                part::<T>(self.into_node(), TimePart::Weekday)
            }
        }

        impl<$($generics)*> $of {
            /// The hour, from 0, in UTC for a point in time.
            pub fn hour(self) -> Expr<T::Part>
            where
                T: SqlType<Base: HasTime> + PartOf,
            {
                part::<T>(self.into_node(), TimePart::Hour)
            }

            /// The minute.
            pub fn minute(self) -> Expr<T::Part>
            where
                T: SqlType<Base: HasTime> + PartOf,
            {
                part::<T>(self.into_node(), TimePart::Minute)
            }

            /// The whole second.
            pub fn second(self) -> Expr<T::Part>
            where
                T: SqlType<Base: HasTime> + PartOf,
            {
                part::<T>(self.into_node(), TimePart::Second)
            }
        }

        impl<$($generics)*> $of {
            /// The point in time at which the year, month, day, hour, minute or second began, in UTC.
            ///
            /// # Example
            /// ```
            /// # use orm_blog::*;
            /// # run(async |engine| {
            /// use anyorm::prelude::*;
            ///
            /// use anyorm::expr::TimePart;
            /// use anyorm::{Timestamp, values};
            ///
            /// let times = values([Timestamp::from_unix_micros(3_599_000_001)]);
            /// let hours = times.select().columns(times.columns().truncate(TimePart::Hour));
            /// assert_eq!(engine.one(hours).await?, Timestamp::UNIX_EPOCH);
            /// # Ok(()) });
            /// ```
            pub fn truncate(self, part: TimePart) -> Expr<T>
            where
                T: SqlType<Base: Instant>,
            {
                let function = Function::Truncate(part, TimeType::of(T::TYPE));
                Expr::of(Kind::Call { function, arguments: vec![self.into_node()] })
            }

            /// So much later.
            ///
            /// # Example
            /// ```
            /// # use orm_blog::*;
            /// # run(async |engine| {
            /// use anyorm::prelude::*;
            ///
            /// use std::time::Duration;
            ///
            /// use anyorm::{Timestamp, values};
            ///
            /// let times = values([Timestamp::UNIX_EPOCH]);
            /// let time = times.columns();
            /// let later = time.plus(Duration::from_secs(90));
            /// let later = times.select().columns((later.clone(), later.micros_since(time)));
            /// assert_eq!(engine.one(later).await?, (Timestamp::from_unix_micros(90_000_000), 90_000_000));
            /// # Ok(()) });
            /// ```
            pub fn plus(self, duration: Duration) -> Expr<T>
            where
                T: SqlType<Base: Instant>,
            {
                plus(self.into_node(), micros(duration))
            }

            /// So much earlier.
            pub fn minus(self, duration: Duration) -> Expr<T>
            where
                T: SqlType<Base: Instant>,
            {
                plus(self.into_node(), -micros(duration))
            }

            /// How many microseconds lie between another point in time and this one.
            pub fn micros_since<V: Operand<T::Base>>(self, other: V) -> Expr<T::Part>
            where
                T: SqlType<Base: Instant> + PartOf,
            {
                let arguments = vec![self.into_node(), super::case::typed::<T::Base>(other.operand())];
                Expr::of(Kind::Call { function: Function::Microseconds, arguments })
            }
        }
    };
}

times!([T] Expr<T>);
times!([T] Field<T>);
times!([T] Aggregate<T>);
times!([E: Entity, T] Column<E, T>);
