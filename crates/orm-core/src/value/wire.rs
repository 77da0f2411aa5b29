//! Values of types beyond integers, floats, booleans, text and bytes: which types these are, and their form in bytes.
//!
//! The form is the binary one of PostgreSQL's protocol, so that its driver passes the bytes through in both directions.
//! Another database is given what it has instead: text, or an integer.

#[doc(hidden)]
pub mod array;
#[doc(hidden)]
pub mod calendar;
#[doc(hidden)]
pub mod civil;
#[doc(hidden)]
pub mod inet;
#[doc(hidden)]
pub mod known;
#[doc(hidden)]
pub mod numeric;
#[doc(hidden)]
pub mod oid;
#[doc(hidden)]
pub mod text;
#[doc(hidden)]
pub mod timestamp;

pub use array::Array;

/// The type of a value whose form is bytes of PostgreSQL's wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum WireType {
    /// 16 bytes.
    Uuid,
    /// The microseconds since 2000-01-01 00:00 UTC, as an `i64`, most significant byte first. The largest is infinity,
    /// the smallest its opposite.
    Timestamp,
    /// A date: the days since 2000-01-01, as an `i32`, most significant byte first. The largest is infinity, the smallest its
    /// opposite.
    Date,
    /// A time of day: the microseconds since midnight, as an `i64`, most significant byte first.
    Time,
    /// A date and time without a zone: the microseconds since 2000-01-01 00:00, as those of a timestamp.
    DateTime,
    /// A decimal number: four 16-bit numbers (how many digits, weight of the first, sign, how many decimals are shown),
    /// then the digits to the base of 10,000, 16 bits each.
    Numeric,
    /// Address family, length of the prefix in bits, whether it is a network, how many bytes follow; then those.
    Inet,
    /// Dimensions, whether there are NULLs, the type of the elements; the length and lower bound of each dimension; then
    /// each element with its length before it. See [`Array`].
    Array,
    /// Any other type, which is not read: the bytes are its name.
    Unread,
}

impl WireType {
    /// What a value of this type is, in words for an error message.
    pub fn kind(self) -> &'static str {
        match self {
            Self::Uuid => "a UUID",
            Self::Timestamp => "a timestamp",
            Self::Date => "a date",
            Self::Time => "a time of day",
            Self::DateTime => "a date and time without a zone",
            Self::Numeric => "a decimal number",
            Self::Inet => "a network address",
            Self::Array => "an array",
            Self::Unread => "a value of a type that is not read",
        }
    }

    /// A value of this type as text, as PostgreSQL writes it.
    pub fn text(self, bytes: &[u8]) -> String {
        let mut out = Vec::new();
        self.write_text(bytes, &mut out);
        String::from_utf8_lossy(&out).into_owned()
    }

    /// Adds a value of this type as text, as PostgreSQL writes it. What is not of the form of the type is written as bytes.
    pub fn write_text(self, bytes: &[u8], out: &mut Vec<u8>) {
        let written = match self {
            Self::Uuid => uuid(bytes, out),
            Self::Timestamp => timestamp::read(bytes).map(|micros| timestamp::write_text(micros, out)),
            Self::Date => civil::read_date(bytes).map(|days| civil::write_date(days, out)),
            Self::Time => civil::read_time(bytes).map(|micros| civil::write_time(micros, out)),
            Self::DateTime => civil::read_date_time(bytes).map(|micros| civil::write_date_time(micros, out)),
            Self::Numeric => numeric::text(bytes).map(|text| out.extend(text.as_bytes())),
            Self::Inet => inet::Inet::read(bytes).map(|inet| inet.write_text(out)),
            Self::Array => Array::read(bytes).map(|array| array.write_text(out)),
            Self::Unread => return out.extend(bytes),
        };
        if written.is_none() {
            text::write_bytes(bytes, out);
        }
    }
}

fn uuid(bytes: &[u8], out: &mut Vec<u8>) -> Option<()> {
    let bytes: &[u8; 16] = bytes.try_into().ok()?;
    for (at, &byte) in bytes.iter().enumerate() {
        if matches!(at, 4 | 6 | 8 | 10) {
            out.push(b'-');
        }
        text::write_hex(byte, out);
    }
    Some(())
}

/// The next `N` bytes of what is left.
fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (first, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(*first)
}
