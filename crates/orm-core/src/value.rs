//! One database value: borrowed from a row, or owned by a statement.

pub mod wire;

use std::fmt;

use serde::ser::SerializeSeq;
use serde::{Serialize, Serializer};

use wire::{Array, WireType};

/// A value as a driver shows it while a row is being read. Nothing is copied.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ValueRef<'a> {
    /// SQL NULL.
    Null,
    /// Any integer type.
    Int(i64),
    /// Any floating point type.
    Float(f64),
    /// A boolean of a database that has them. SQLite answers `Int` 0 or 1 instead.
    Bool(bool),
    /// Text, as the bytes the database sent. They are checked to be UTF-8 where a `String` is made of them.
    Text(&'a [u8]),
    /// Bytes.
    Bytes(&'a [u8]),
    /// A value of another type, in the form that PostgreSQL's wire has for it.
    Wire(WireType, &'a [u8]),
}

impl ValueRef<'_> {
    /// What the value is, in words for an error message.
    pub fn kind(&self) -> &'static str {
        match self {
            ValueRef::Null => "NULL",
            ValueRef::Int(_) => "an integer",
            ValueRef::Float(_) => "a float",
            ValueRef::Bool(_) => "a boolean",
            ValueRef::Text(_) => "text",
            ValueRef::Bytes(_) => "bytes",
            ValueRef::Wire(ty, _) => ty.kind(),
        }
    }

    /// A copy that owns its text or bytes. Text that is not UTF-8 has its faults replaced.
    pub fn to_value(&self) -> Value {
        match *self {
            ValueRef::Null => Value::Null,
            ValueRef::Int(v) => Value::Int(v),
            ValueRef::Float(v) => Value::Float(v),
            ValueRef::Bool(v) => Value::Bool(v),
            ValueRef::Text(v) => Value::Text(String::from_utf8_lossy(v).into_owned()),
            ValueRef::Bytes(v) => Value::Bytes(v.to_vec()),
            ValueRef::Wire(ty, v) => Value::Wire(ty, v.to_vec()),
        }
    }
}

/// A value that owns its text or bytes: a bound parameter of a statement that is being built.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Value {
    /// SQL NULL.
    Null,
    /// Any integer type.
    Int(i64),
    /// Any floating point type.
    Float(f64),
    /// A boolean. SQLite stores 0 or 1.
    Bool(bool),
    /// Text. A NUL character inside is refused before anything is sent.
    Text(String),
    /// Bytes.
    Bytes(Vec<u8>),
    /// A value of another type, in the form that PostgreSQL's wire has for it.
    Wire(WireType, Vec<u8>),
}

impl Value {
    /// The value as a row would show it.
    pub fn borrowed(&self) -> ValueRef<'_> {
        match self {
            Value::Null => ValueRef::Null,
            Value::Int(v) => ValueRef::Int(*v),
            Value::Float(v) => ValueRef::Float(*v),
            Value::Bool(v) => ValueRef::Bool(*v),
            Value::Text(v) => ValueRef::Text(v.as_bytes()),
            Value::Bytes(v) => ValueRef::Bytes(v),
            Value::Wire(ty, v) => ValueRef::Wire(*ty, v),
        }
    }
}

/// As a person reads it: text without quotes, bytes in hexadecimal.
///
/// ```
/// use anyorm::Value;
/// assert_eq!(Value::Text("Notes".into()).to_string(), "Notes");
/// assert_eq!(Value::Bytes(vec![1, 255]).to_string(), "x'01ff'");
/// assert_eq!(Value::Null.to_string(), "NULL");
/// ```
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Null => f.write_str("NULL"),
            Value::Int(v) => v.fmt(f),
            Value::Float(v) => v.fmt(f),
            Value::Bool(v) => v.fmt(f),
            Value::Text(v) => f.write_str(v),
            Value::Bytes(v) => {
                f.write_str("x'")?;
                v.iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
                f.write_str("'")
            }
            Value::Wire(ty, v) => f.write_str(&ty.text(v)),
        }
    }
}

/// As the plain value of the format: NULL is null or none, bytes are bytes, an array is a sequence. What has no plain value
/// is text.
impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Value::Null => serializer.serialize_unit(),
            Value::Int(v) => serializer.serialize_i64(*v),
            Value::Float(v) => serializer.serialize_f64(*v),
            Value::Bool(v) => serializer.serialize_bool(*v),
            Value::Text(v) => serializer.serialize_str(v),
            Value::Bytes(v) => serializer.serialize_bytes(v),
            Value::Wire(ty, v) => match Array::read(v).filter(|_| *ty == WireType::Array) {
                Some(array) if array.is_flat() => {
                    let mut sequence = serializer.serialize_seq(Some(array.len()))?;
                    array
                        .elements()
                        .try_for_each(|element| sequence.serialize_element(&element.to_value()))?;
                    sequence.end()
                }
                _ => serializer.serialize_str(&ty.text(v)),
            },
        }
    }
}
