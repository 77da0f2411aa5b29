//! The parameters of a statement, encoded before it is sent.

use std::error::Error;

use bytes::{Bytes, BytesMut};
use orm_core::{ColumnType, ValueRef, WireType};
use tokio_postgres::types::{Format, IsNull, Kind, ToSql, Type, to_sql_checked};

use super::codec::{self, Mismatch};

/// One parameter, as its bytes. `None` is NULL.
#[derive(Debug)]
pub(super) struct Parameter {
    format: Format,
    bytes: Option<Bytes>,
}

impl Parameter {
    /// Of a type that the server told, or has yet to: then in the form of text, of which the server makes what it needs.
    ///
    /// # Errors
    /// For a value that is none of the type.
    pub(super) fn new(value: ValueRef<'_>, ty: &Type, buffer: &mut BytesMut) -> Result<Self, Mismatch> {
        buffer.clear();
        let format = if *ty == Type::UNKNOWN { Format::Text } else { codec::format(value, ty) };
        let is_null = match format {
            Format::Text => codec::encode_text(value, buffer),
            Format::Binary => codec::encode(value, ty, buffer)?,
        };
        let bytes = buffer.split().freeze();
        Ok(Self { format, bytes: matches!(is_null, IsNull::No).then_some(bytes) })
    }

    /// Many values as one array. `None` where they do not fit the type.
    pub(super) fn array<'a>(
        values: impl ExactSizeIterator<Item = ValueRef<'a>>,
        element: &Type,
        buffer: &mut BytesMut,
    ) -> Option<Self> {
        buffer.clear();
        let encoded = codec::encode_array(values, element, buffer);
        let bytes = buffer.split().freeze();
        encoded.ok().map(|()| Self { format: Format::Binary, bytes: Some(bytes) })
    }
}

impl ToSql for Parameter {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        let Some(bytes) = &self.bytes else { return Ok(IsNull::Yes) };
        out.extend_from_slice(bytes);
        Ok(IsNull::No)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    fn encode_format(&self, _: &Type) -> Format {
        match self.format {
            Format::Text => Format::Text,
            Format::Binary => Format::Binary,
        }
    }

    to_sql_checked!();
}

/// The type of the elements of an array type.
pub(super) fn element_of(ty: &Type) -> Option<&Type> {
    match ty.kind() {
        Kind::Array(element) => Some(element),
        _ => None,
    }
}

/// The type of an array of a column's values, where it is the same in every database.
pub(super) fn array_of(ty: ColumnType) -> Option<Type> {
    Some(match ty {
        ColumnType::SmallInt => Type::INT2_ARRAY,
        ColumnType::Int => Type::INT4_ARRAY,
        ColumnType::BigInt => Type::INT8_ARRAY,
        ColumnType::Real => Type::FLOAT4_ARRAY,
        ColumnType::Double => Type::FLOAT8_ARRAY,
        ColumnType::Bool => Type::BOOL_ARRAY,
        ColumnType::Text => Type::TEXT_ARRAY,
        ColumnType::Bytes => Type::BYTEA_ARRAY,
        ColumnType::Json => Type::JSONB_ARRAY,
        ColumnType::Uuid => Type::UUID_ARRAY,
        ColumnType::Timestamp => Type::TIMESTAMPTZ_ARRAY,
        ColumnType::Date => Type::DATE_ARRAY,
        ColumnType::Time => Type::TIME_ARRAY,
        ColumnType::DateTime => Type::TIMESTAMP_ARRAY,
        ColumnType::Numeric => Type::NUMERIC_ARRAY,
        ColumnType::Inet => Type::INET_ARRAY,
        _ => return None,
    })
}

/// The type of a column's values, where it is the same in every database.
pub(super) fn scalar_of(ty: ColumnType) -> Option<Type> {
    element_of(&array_of(ty)?).cloned()
}

/// The type of an array of values that are compared with a column, where their own kind tells it: integers of any size are
/// compared with each other, for instance.
pub(super) fn list_type(values: &[ValueRef<'_>]) -> Option<Type> {
    let are = |is: fn(&ValueRef<'_>) -> bool| values.iter().all(is);
    if are(|value| matches!(value, ValueRef::Int(_))) {
        return Some(Type::INT8_ARRAY);
    }
    if are(|value| matches!(value, ValueRef::Wire(WireType::Uuid, _))) {
        return Some(Type::UUID_ARRAY);
    }
    let ty = civil_type(*values.first()?)?;
    if !values.iter().all(|value| civil_type(*value).as_ref() == Some(&ty)) {
        return None;
    }
    [Type::DATE_ARRAY, Type::TIME_ARRAY, Type::TIMESTAMP_ARRAY]
        .into_iter()
        .find(|array| element_of(array) == Some(&ty))
}

/// The type that a value says by itself, although the server would take its text for others as well.
pub(super) fn type_of(value: ValueRef<'_>) -> Type {
    match value {
        ValueRef::Bytes(_) => Type::BYTEA,
        value => civil_type(value).unwrap_or(Type::UNKNOWN),
    }
}

/// Of a date or time without a zone. As text, it would be what its place makes of it: a point in time, by the zone of the
/// connection, until the statement is prepared and it is none.
fn civil_type(value: ValueRef<'_>) -> Option<Type> {
    match value {
        ValueRef::Wire(WireType::Date, _) => Some(Type::DATE),
        ValueRef::Wire(WireType::Time, _) => Some(Type::TIME),
        ValueRef::Wire(WireType::DateTime, _) => Some(Type::TIMESTAMP),
        _ => None,
    }
}

/// Many values as the text of an array, of which the server makes one of the type that it needs.
pub(super) fn array_literal(values: &[ValueRef<'_>], buffer: &mut BytesMut) -> Parameter {
    let mut text = BytesMut::with_capacity(values.len() * 8 + 2);
    text.extend_from_slice(b"{");
    for (at, value) in values.iter().enumerate() {
        text.extend_from_slice(if at == 0 { b"" } else { b"," });
        buffer.clear();
        match codec::encode_text(*value, buffer) {
            IsNull::No => {
                text.extend_from_slice(b"\"");
                for &byte in buffer.iter() {
                    if matches!(byte, b'"' | b'\\') {
                        text.extend_from_slice(b"\\");
                    }
                    text.extend_from_slice(&[byte]);
                }
                text.extend_from_slice(b"\"");
            }
            IsNull::Yes => text.extend_from_slice(b"NULL"),
        }
    }
    text.extend_from_slice(b"}");
    buffer.clear();
    Parameter { format: Format::Text, bytes: Some(text.freeze()) }
}
