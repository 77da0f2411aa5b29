//! Points in time.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{ColumnType, SqlType};
use crate::cells::Cells;
use crate::row::Misfit;
use crate::value::ValueRef;
use crate::value::wire::{WireType, timestamp};

const EXPECTED: &str = "a timestamp";

/// A point in time in microseconds, as databases store it: `TIMESTAMPTZ`. [`SystemTime`] is stored in the same way, but
/// has no `Default` and no infinity.
///
/// From 4714 BC to 294246. SQLite stores the microseconds since the Unix epoch. serde writes those too.
///
/// ```
/// # use orm_blog::*;
/// # run(async |engine| {
/// use anyorm::prelude::*;
/// use anyorm::Timestamp;
///
/// #[derive(Clone, Debug, Default, Entity)]
/// struct Visit {
///     #[key(auto)]
///     id: i64,
///     at: Timestamp,
/// }
///
/// engine.create_all(&schema![Visit]).await?;
/// let moon = Timestamp::from_unix_micros(-14_182_940_000_000);
/// assert_eq!(moon.to_string(), "1969-07-20 20:17:40+00");
/// engine.execute(Visit::insert().value(Visit { at: moon, ..Default::default() })).await?;
/// let later = engine.count(Visit::select().filter(Visit::AT.gt(moon))).await?;
/// let stored = engine.one(Visit::select()).await?;
/// assert_eq!((stored.at, later), (moon, 0));
/// # Ok(()) });
/// ```
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Timestamp(i64);

impl Timestamp {
    /// 1970-01-01 00:00 UTC.
    pub const UNIX_EPOCH: Self = Self(0);
    /// Later than every other.
    pub const INFINITY: Self = Self(i64::MAX);
    /// Earlier than every other.
    pub const NEGATIVE_INFINITY: Self = Self(i64::MIN);

    /// The time of the system's clock.
    pub fn now() -> Self {
        Self::from(SystemTime::now())
    }

    /// So many microseconds after the Unix epoch, or before it.
    pub const fn from_unix_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// The microseconds since the Unix epoch.
    pub const fn unix_micros(self) -> i64 {
        self.0
    }

    /// The same point in time as the standard library has it. `None` for the infinities, and where the operating system
    /// has no such time.
    pub fn system_time(self) -> Option<SystemTime> {
        let duration = Duration::from_micros(self.0.unsigned_abs());
        match self {
            Self::INFINITY | Self::NEGATIVE_INFINITY => None,
            Self(0..) => UNIX_EPOCH.checked_add(duration),
            Self(_) => UNIX_EPOCH.checked_sub(duration),
        }
    }
}

/// The microsecond that has begun at that time: what is finer is cut off. A time that has no such number is infinity.
impl From<SystemTime> for Timestamp {
    fn from(time: SystemTime) -> Self {
        Self(match time.duration_since(UNIX_EPOCH) {
            Ok(after) => i64::try_from(after.as_micros()).unwrap_or(i64::MAX),
            Err(before) => {
                let micros = before.duration().as_nanos().div_ceil(1_000);
                i64::try_from(micros).map_or(i64::MIN, |micros| -micros)
            }
        })
    }
}

/// As PostgreSQL writes it, in UTC.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match timestamp::from_unix(self.0) {
            Some(micros) => f.write_str(&WireType::Timestamp.text(&micros.to_be_bytes())),
            None => write!(f, "{} microseconds from the Unix epoch", self.0),
        }
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Timestamp({self})")
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        i64::deserialize(deserializer).map(Self)
    }
}

impl SqlType for Timestamp {
    type Base = Self;
    const TYPE: ColumnType = ColumnType::Timestamp;

    /// A time that PostgreSQL has not is refused before any I/O.
    fn encode(&self, cells: &mut Cells) {
        match timestamp::from_unix(self.0) {
            Some(micros) => cells.wire(WireType::Timestamp, &micros.to_be_bytes()),
            None => {
                cells.refuse("a timestamp before 4714-11-24 BC or after 294246, which no database stores")
            }
        }
    }

    #[inline]
    fn decode(value: ValueRef<'_>) -> Result<Self, Misfit> {
        match value {
            ValueRef::Int(unix) => Ok(Self(unix)),
            // Without a zone, it is in UTC here.
            ValueRef::Wire(ty @ (WireType::Timestamp | WireType::DateTime), form) => {
                let unix = timestamp::read(form).and_then(timestamp::to_unix);
                let found = || ty.text(form);
                unix.map(Self)
                    .ok_or_else(|| Misfit { expected: "a timestamp up to the year 294246", found: found() })
            }
            other => Err(Misfit::kind(EXPECTED, other)),
        }
    }
}

/// What is finer than a microsecond is cut off: the microsecond that has begun is stored. Infinity is not read: that needs
/// a [`Timestamp`].
impl SqlType for SystemTime {
    type Base = Self;
    const TYPE: ColumnType = ColumnType::Timestamp;

    /// A time that PostgreSQL has not is refused before any I/O.
    fn encode(&self, cells: &mut Cells) {
        match Timestamp::from(*self) {
            Timestamp::INFINITY | Timestamp::NEGATIVE_INFINITY => {
                cells.refuse("a time before 4714-11-24 BC or after 294246, which no database stores");
            }
            time => time.encode(cells),
        }
    }

    fn decode(value: ValueRef<'_>) -> Result<Self, Misfit> {
        let time = Timestamp::decode(value)?;
        time.system_time()
            .ok_or_else(|| Misfit { expected: "a time that SystemTime has", found: time.to_string() })
    }
}

list_and_key!(Timestamp SystemTime);

#[cfg(test)]
mod tests {
    use super::*;

    fn again<T: SqlType>(value: &T) -> Option<T> {
        let mut cells = Cells::default();
        value.encode(&mut cells);
        cells
            .fault()
            .is_none()
            .then(|| T::decode(cells.value(0)).unwrap_or_else(|misfit| panic!("{misfit:?}")))
    }

    #[test]
    fn times_are_read_as_they_were_written() {
        let first = timestamp::FIRST + timestamp::EPOCH;
        for micros in [first, -1, 0, 1, i64::MAX - 1, i64::MAX, i64::MIN] {
            assert_eq!(again(&Timestamp(micros)), Some(Timestamp(micros)));
            assert_eq!(Timestamp::decode(ValueRef::Int(micros)), Ok(Timestamp(micros)));
        }
        for micros in [first - 1, i64::MIN + 1] {
            assert_eq!(again(&Timestamp(micros)), None);
        }
        for micros in [first, -1, 0, 1, i64::MAX - 1] {
            let time = Timestamp(micros).system_time().expect("a time");
            assert_eq!((again(&time), Timestamp::from(time)), (Some(time), Timestamp(micros)));
        }
    }

    #[test]
    fn what_is_finer_than_a_microsecond_is_cut_off_toward_the_past() {
        let nanos = Duration::from_nanos;
        assert_eq!(again(&(UNIX_EPOCH + nanos(1_999))), Some(UNIX_EPOCH + nanos(1_000)));
        assert_eq!(again(&(UNIX_EPOCH - nanos(1_001))), Some(UNIX_EPOCH - nanos(2_000)));
        assert!((UNIX_EPOCH + nanos(1_999)).same(&(UNIX_EPOCH + nanos(1_000))), "they are stored the same");
    }

    #[test]
    fn infinity_is_no_time_of_the_system() {
        let mut cells = Cells::default();
        Timestamp::INFINITY.encode(&mut cells);
        let misfit = SystemTime::decode(cells.value(0)).expect_err("no such time");
        assert_eq!(misfit.found, "infinity");
    }
}
