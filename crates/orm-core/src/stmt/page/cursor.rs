//! Where a page ended, as a token that can travel in a link.

use std::fmt;
use std::str::FromStr;

use crate::error::{Error, Result};
use crate::expr::Order;
use crate::value::Value;
use crate::value::wire::WireType;

/// The place of a row in the order of a query: see [`Select::page_after`](crate::Select::page_after). Its text is letters and
/// digits. It holds the values that the row is ordered by, readable for whoever has it; a changed one finds other rows of
/// the same query, and nothing else.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PageCursor {
    values: Vec<Value>,
}

impl PageCursor {
    pub(super) fn push(&mut self, value: Value) {
        self.values.push(value);
    }

    /// The values, if they are as many as the parts of the order.
    pub(super) fn into_values(self, orders: &[Order]) -> Result<Vec<Value>> {
        if self.values.len() == orders.len() {
            return Ok(self.values);
        }
        Err(Error::build(format!(
            "this cursor has {} values and the query is ordered by {} columns, its key among them: it was made by another \
             query; begin with the first page",
            self.values.len(),
            orders.len()
        )))
    }
}

/// What a page begins behind: a [`PageCursor`], or `None` for the first page.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no place in the order of a query",
    label = "not a `PageCursor`",
    note = "give `None` for the first page, and for the next the cursor that came with the last row; how many rows a page has is \
            said by `.limit(..)`, and a page by its number is `.page(number, size)`"
)]
pub trait IntoPageCursor {
    /// The cursor.
    fn into_page_cursor(self) -> Option<PageCursor>;
}

impl IntoPageCursor for PageCursor {
    fn into_page_cursor(self) -> Option<PageCursor> {
        Some(self)
    }
}

impl IntoPageCursor for Option<PageCursor> {
    fn into_page_cursor(self) -> Option<PageCursor> {
        self
    }
}

impl fmt::Display for PageCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = Vec::new();
        self.values.iter().for_each(|value| write(value, &mut bytes));
        bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl FromStr for PageCursor {
    type Err = Error;

    /// # Errors
    /// If the text is no cursor.
    fn from_str(text: &str) -> Result<Self> {
        let wrong = || {
            Error::build("this text is no page cursor: give one as it was made, or begin with the first page")
        };
        let digit = |byte: u8| char::from(byte).to_digit(16).map(|digit| digit as u8);
        let pairs = text.as_bytes().chunks(2).map(|pair| match pair {
            [high, low] => Some(digit(*high)? << 4 | digit(*low)?),
            _ => None,
        });
        let bytes = pairs.collect::<Option<Vec<u8>>>().ok_or_else(wrong)?;
        let (mut rest, mut values) = (&bytes[..], Vec::new());
        while !rest.is_empty() {
            values.push(read(&mut rest).ok_or_else(wrong)?);
        }
        Ok(Self { values })
    }
}

/// As its text.
impl serde::Serialize for PageCursor {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for PageCursor {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// A byte for the kind, then the value; what has no length of its own has it before.
fn write(value: &Value, out: &mut Vec<u8>) {
    let mut sized = |kind: u8, bytes: &[u8]| {
        out.push(kind);
        out.extend((bytes.len() as u32).to_be_bytes());
        out.extend(bytes);
    };
    match value {
        Value::Text(text) => sized(3, text.as_bytes()),
        Value::Bytes(bytes) => sized(4, bytes),
        Value::Wire(ty, bytes) => {
            let kind = WIRE.iter().position(|known| known == ty).unwrap_or(WIRE.len());
            sized(16 + kind as u8, bytes);
        }
        Value::Null => out.push(0),
        Value::Int(v) => {
            out.push(1);
            out.extend(v.to_be_bytes());
        }
        Value::Float(v) => {
            out.push(2);
            out.extend(v.to_bits().to_be_bytes());
        }
        Value::Bool(v) => out.push(5 + u8::from(*v)),
    }
}

/// The types of values with a form of their own, in the order of their numbers: it stays as it is.
const WIRE: [WireType; 7] = [
    WireType::Uuid,
    WireType::Timestamp,
    WireType::Numeric,
    WireType::Inet,
    WireType::Date,
    WireType::Time,
    WireType::DateTime,
];

fn read(rest: &mut &[u8]) -> Option<Value> {
    let (&kind, after) = rest.split_first()?;
    *rest = after;
    Some(match kind {
        0 => Value::Null,
        1 => Value::Int(i64::from_be_bytes(take(rest)?)),
        2 => Value::Float(f64::from_bits(u64::from_be_bytes(take(rest)?))),
        5 | 6 => Value::Bool(kind == 6),
        kind => {
            let length = u32::from_be_bytes(take(rest)?) as usize;
            let (bytes, after) = rest.split_at_checked(length)?;
            *rest = after;
            match kind {
                3 => Value::Text(String::from_utf8(bytes.to_vec()).ok()?),
                4 => Value::Bytes(bytes.to_vec()),
                kind => Value::Wire(*WIRE.get(usize::from(kind.checked_sub(16)?))?, bytes.to_vec()),
            }
        }
    })
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (bytes, after) = rest.split_first_chunk()?;
    *rest = after;
    Some(*bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_what_its_text_was_made_of() {
        let values = vec![
            Value::Null,
            Value::Int(-3),
            Value::Float(-0.5),
            Value::Bool(true),
            Value::Text("a'ü".into()),
            Value::Bytes(vec![0, 255]),
            Value::Wire(WireType::Timestamp, vec![0; 8]),
        ];
        let cursor = PageCursor { values };
        assert_eq!(cursor.to_string().parse::<PageCursor>().expect("a cursor"), cursor);
    }

    #[test]
    fn no_text_is_a_fault_of_the_program() {
        for text in ["0", "zz", "09", "03ffffffff", "0300000001ff", "01", "ff00000000", "ü"] {
            assert!(text.parse::<PageCursor>().is_err(), "{text}");
        }
        assert_eq!("".parse::<PageCursor>().expect("empty"), PageCursor::default());
    }
}
