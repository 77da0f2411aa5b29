//! Decimal numbers of any size.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{ColumnType, SqlType};
use crate::cells::Cells;
use crate::expr::Number;
use crate::row::Misfit;
use crate::value::ValueRef;
use crate::value::wire::{WireType, numeric};

/// A decimal number as a `NUMERIC` column holds it: up to 131,072 digits before the point and 16,383 after it, NaN, and the
/// infinities (of PostgreSQL 14 and later).
///
/// It is for storing, comparing and showing, not for calculating: for that, there are columns of `rust_decimal::Decimal` and
/// `bigdecimal::BigDecimal`, with the features of these names, and [`Display`](fmt::Display) and [`FromStr`] lead to and from
/// others. Zeros at the end are kept. They do not count in comparisons: 1.50 equals 1.5. NaN equals
/// itself and is larger than all, as in PostgreSQL.
///
/// SQLite has no such type: a column there holds the text. It is stored as it is, but **compared and ordered as text** by
/// the database: `"10"` comes before `"9"`.
///
/// ```
/// # use orm_blog::*;
/// # run(async |engine| {
/// use anyorm::Numeric;
/// use anyorm::prelude::*;
///
/// #[derive(Clone, Debug, Default, Entity)]
/// struct Price {
///     #[key(auto)]
///     id: i64,
///     amount: Numeric,
/// }
///
/// engine.create_all(&schema![Price]).await?;
/// let amount: Numeric = "19.90".parse().expect("a number");
/// engine.execute(Price::insert().value(Price { amount, ..Default::default() })).await?;
/// let stored = engine.one(Price::select()).await?;
/// assert_eq!(stored.amount.to_string(), "19.90");
/// assert!(stored.amount > Numeric::from(19));
/// # Ok(()) });
/// ```
#[derive(Clone)]
pub struct Numeric {
    /// As [`Display`](fmt::Display) writes it.
    text: Box<str>,
}

/// Text that is no decimal number, or one with more digits than a database stores.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidNumeric(String);

impl Numeric {
    /// Not a number.
    pub fn nan() -> Self {
        Self { text: "NaN".into() }
    }

    /// Larger than every number.
    pub fn infinity() -> Self {
        Self { text: "Infinity".into() }
    }

    /// Smaller than every number.
    pub fn negative_infinity() -> Self {
        Self { text: "-Infinity".into() }
    }

    /// The number as text: digits with an optional `-` and point, `NaN`, `Infinity`, `-Infinity`.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it is a number: neither NaN nor infinite.
    pub fn is_finite(&self) -> bool {
        self.text.as_bytes().last().is_some_and(u8::is_ascii_digit)
    }

    /// What it is compared by.
    fn rank(&self) -> Rank<'_> {
        match &*self.text {
            "NaN" => return Rank::NaN,
            "Infinity" => return Rank::Infinity,
            "-Infinity" => return Rank::NegativeInfinity,
            _ => {}
        }
        let (negative, text) = self.text.strip_prefix('-').map_or((false, &*self.text), |text| (true, text));
        let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
        let (whole, decimals) = (whole.trim_start_matches('0'), decimals.trim_end_matches('0'));
        let size = Size { digits: whole.len(), whole, decimals };
        match (negative, whole.is_empty() && decimals.is_empty()) {
            (true, false) => Rank::Negative(std::cmp::Reverse(size)),
            _ => Rank::Positive(size),
        }
    }
}

/// In the order of numbers.
#[derive(PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Rank<'a> {
    NegativeInfinity,
    Negative(std::cmp::Reverse<Size<'a>>),
    /// Or zero.
    Positive(Size<'a>),
    Infinity,
    NaN,
}

/// A number without sign and without zeros around it: more digits before the point are a larger number, and digits are
/// compared from the left.
#[derive(PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Size<'a> {
    digits: usize,
    whole: &'a str,
    decimals: &'a str,
}

impl PartialEq for Numeric {
    fn eq(&self, other: &Self) -> bool {
        self.rank() == other.rank()
    }
}

impl Eq for Numeric {}

impl PartialOrd for Numeric {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Numeric {
    fn cmp(&self, other: &Self) -> Ordering {
        self.rank().cmp(&other.rank())
    }
}

impl Hash for Numeric {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.rank().hash(state);
    }
}

/// Zero.
impl Default for Numeric {
    fn default() -> Self {
        Self { text: "0".into() }
    }
}

macro_rules! from_integer {
    ($($type:ty)*) => {$(
        impl From<$type> for Numeric {
            fn from(value: $type) -> Self {
                Self { text: value.to_string().into() }
            }
        }
    )*};
}

from_integer!(i8 i16 i32 i64 i128 u8 u16 u32 u64 u128);

/// The shortest decimal number that is read as the same float.
impl From<f64> for Numeric {
    fn from(value: f64) -> Self {
        match value {
            _ if value.is_nan() => Self::nan(),
            f64::INFINITY => Self::infinity(),
            f64::NEG_INFINITY => Self::negative_infinity(),
            // `-0` is zero here.
            _ => Self { text: (value + 0.0).to_string().into() },
        }
    }
}

/// Digits with an optional sign, point and exponent (`-1.5e3`), `NaN`, `Infinity`.
impl FromStr for Numeric {
    type Err = InvalidNumeric;

    fn from_str(text: &str) -> Result<Self, InvalidNumeric> {
        let (sign, size) = match text.as_bytes().first() {
            Some(b'-') => ("-", &text[1..]),
            Some(b'+') => ("", &text[1..]),
            _ => ("", text),
        };
        if text.eq_ignore_ascii_case("nan") {
            return Ok(Self::nan());
        }
        if ["inf", "infinity"].iter().any(|name| size.eq_ignore_ascii_case(name)) {
            return Ok(if sign.is_empty() { Self::infinity() } else { Self::negative_infinity() });
        }
        let invalid = || InvalidNumeric(format!("{text:?} is no decimal number: write it as in `-12.50`"));
        let (mantissa, exponent) = size.split_once(['e', 'E']).unwrap_or((size, "0"));
        let (whole, decimals) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        let exponent_size = exponent.strip_prefix(['-', '+']).unwrap_or(exponent);
        let is_number = is_digits(whole) && is_digits(decimals) && whole.len() + decimals.len() > 0;
        if !is_number || exponent_size.is_empty() || !is_digits(exponent_size) {
            return Err(invalid());
        }
        let too_long = || {
            InvalidNumeric(format!(
                "a number of more than {} digits before the point, or {} after it: no database stores it whole",
                numeric::MOST_WHOLE,
                numeric::MOST_DECIMALS
            ))
        };
        // Digits alone do not fail to be read but by their number.
        let exponent: i64 = exponent.parse().map_err(|_| too_long())?;
        let digits = [whole, decimals].concat();
        let zeros = digits.len() - digits.trim_start_matches('0').len();
        let is_zero = zeros == digits.len();
        // How many of the digits stand before the point.
        let point = whole.len() as i64 + if is_zero { 0 } else { exponent };
        let decimals = (digits.len() as i64 - point).max(0);
        let whole_digits = if is_zero { 0 } else { point - zeros as i64 };
        if whole_digits > numeric::MOST_WHOLE as i64 || decimals > numeric::MOST_DECIMALS as i64 {
            return Err(too_long());
        }
        let mut out = String::with_capacity(digits.len() + 2);
        out.push_str(if is_zero { "" } else { sign });
        match usize::try_from(point) {
            Ok(point) => {
                let (before, after) = digits.split_at(point.min(digits.len()));
                let before = before.trim_start_matches('0');
                out.push_str(before);
                out.extend(std::iter::repeat_n('0', point.saturating_sub(digits.len())));
                if out.is_empty() || out == "-" {
                    out.push('0');
                }
                if !after.is_empty() {
                    out.push('.');
                    out.push_str(after);
                }
            }
            Err(_) => {
                out.push_str("0.");
                out.extend(std::iter::repeat_n('0', point.unsigned_abs() as usize));
                out.push_str(&digits);
            }
        }
        Ok(Self { text: out.into() })
    }
}

impl fmt::Display for Numeric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Numeric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Numeric({self})")
    }
}

impl Serialize for Numeric {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for Numeric {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// Calculated by the database, where it has decimals.
impl Number for Numeric {
    type Sum = Self;
    type Average = Self;
}

impl SqlType for Numeric {
    type Base = Self;
    const TYPE: ColumnType = ColumnType::Numeric;

    fn encode(&self, cells: &mut Cells) {
        cells.wire(WireType::Numeric, &numeric::form(&self.text));
    }

    fn decode(value: ValueRef<'_>) -> Result<Self, Misfit> {
        const EXPECTED: &str = "a decimal number";
        let number = match value {
            ValueRef::Wire(WireType::Numeric, form) => {
                numeric::text(form).map(|text| Self { text: text.into() })
            }
            ValueRef::Text(text) => std::str::from_utf8(text).ok().and_then(|text| text.parse().ok()),
            ValueRef::Int(value) => Some(value.into()),
            // Not a float: its decimals are those that a decimal number is there to avoid.
            other => return Err(Misfit::kind(EXPECTED, other)),
        };
        number.ok_or_else(|| Misfit { expected: EXPECTED, found: value.to_value().to_string() })
    }

    #[inline]
    fn same(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

list_and_key!(Numeric);

#[cfg(test)]
mod tests {
    use super::*;

    fn number(text: &str) -> Numeric {
        text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn numbers_have_one_text_each() {
        let texts = [
            ("0", "0"),
            ("-0.00", "0.00"),
            ("+007", "7"),
            (".5", "0.5"),
            ("5.", "5"),
            ("1e3", "1000"),
            ("1.5E1", "15"),
            ("1.25e1", "12.5"),
            ("-1.5e-3", "-0.0015"),
            ("0e999999", "0"),
            ("0.001e2", "0.1"),
            ("12345e-2", "123.45"),
            ("nan", "NaN"),
            ("-inf", "-Infinity"),
            ("+Infinity", "Infinity"),
        ];
        for (text, expected) in texts {
            assert_eq!(number(text).to_string(), expected, "{text}");
        }
        let most = format!("1e{}", numeric::MOST_WHOLE - 1);
        assert_eq!(number(&most).as_str().len(), numeric::MOST_WHOLE);
        let least = format!("1e-{}", numeric::MOST_DECIMALS);
        assert_eq!(number(&least).as_str().len(), numeric::MOST_DECIMALS + 2);
        for text in ["1e131072", "1e-16384", "1e99999999999999999999", "-9e2147483648"] {
            assert!(text.parse::<Numeric>().is_err_and(|error| error.0.contains("digits")), "{text}");
        }
        for text in ["", "-", ".", "e1", "1e", "1e+", "1.2.3", "--1", "0x1", "1_000", "1 ", "١", "-nan", "é"]
        {
            assert!(text.parse::<Numeric>().is_err(), "{text}");
        }
    }

    #[test]
    fn numbers_are_ordered_as_numbers() {
        let ascending = [
            "-Infinity",
            "-10",
            "-9.5",
            "-9",
            "-0.1",
            "0",
            "0.05",
            "0.1",
            "9",
            "9.5",
            "10",
            "1e30",
            "inf",
            "NaN",
        ];
        for (at, left) in ascending.iter().enumerate() {
            for (other, right) in ascending.iter().enumerate() {
                assert_eq!(number(left).cmp(&number(right)), at.cmp(&other), "{left} and {right}");
            }
        }
        assert_eq!(number("1.50"), number("1.5"));
        assert!(!number("1.50").same(&number("1.5")), "they are not stored the same");
        assert_eq!((number("0.00"), Numeric::from(-0.0)), (Numeric::default(), Numeric::default()));
    }

    #[test]
    fn numbers_are_read_as_they_were_written() {
        let long = format!("-{}.{}", "8".repeat(1_000), "03".repeat(500));
        for text in ["0", "-0.5", "1.50", "123456789.123456789", "NaN", "-Infinity", &long] {
            let mut cells = Cells::default();
            number(text).encode(&mut cells);
            let again = Numeric::decode(cells.value(0)).expect("a number");
            assert_eq!(again.as_str(), text);
            let of_text = Numeric::decode(ValueRef::Text(text.as_bytes())).expect("a number");
            assert_eq!(of_text.as_str(), text);
        }
        assert!(Numeric::decode(ValueRef::Float(0.1)).is_err());
        assert_eq!(Numeric::decode(ValueRef::Int(-7)), Ok(number("-7")));
        assert_eq!(Numeric::from(0.1).as_str(), "0.1");
    }
}
