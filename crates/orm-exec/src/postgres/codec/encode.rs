//! Parameters to the wire.

use bytes::{BufMut, BytesMut};
use orm_core::value::wire::array::Writer;
use orm_core::value::wire::{Array, oid, text};
use orm_core::{Cells, Numeric, SqlType, ValueRef, WireType};
use tokio_postgres::types::{Format, IsNull, Kind, Type};

use super::{Mismatch, base, is_text};

/// In which form [`encode`] writes a value for a parameter of a type: binary, except where text is given for a type that
/// is not text (a date, an interval, a point), which the server then reads.
pub(crate) fn format(value: ValueRef<'_>, ty: &Type) -> Format {
    match value {
        ValueRef::Text(_) if !takes_text(base(ty)) => Format::Text,
        _ => Format::Binary,
    }
}

/// Types whose binary form is made of text here.
fn takes_text(ty: &Type) -> bool {
    is_text(ty) || matches!(ty.oid(), oid::JSONB | oid::BYTEA)
}

/// Adds a value for a parameter of a type, in the form that [`format`] says.
pub(crate) fn encode(value: ValueRef<'_>, ty: &Type, out: &mut BytesMut) -> Result<IsNull, Mismatch> {
    let inner = base(ty);
    match value {
        ValueRef::Null => return Ok(IsNull::Yes),
        ValueRef::Int(value) => int(value, inner, out)?,
        ValueRef::Float(value) => float(value, inner, out)?,
        ValueRef::Bool(value) => match inner.oid() {
            oid::BOOL => out.put_u8(u8::from(value)),
            _ if is_text(inner) => out.put_slice(if value { b"true" } else { b"false" }),
            _ => return Err(Mismatch::kind(ValueRef::Bool(value), inner)),
        },
        ValueRef::Text(value) => match inner.oid() {
            // A number of its version comes first.
            oid::JSONB => {
                out.put_u8(1);
                out.put_slice(value);
            }
            // Its text is a notation of bytes, so that text would become other bytes unseen.
            oid::BYTEA => return Err(Mismatch::kind(ValueRef::Text(value), inner)),
            _ => out.put_slice(value),
        },
        ValueRef::Bytes(value) => match inner.oid() {
            oid::BYTEA => out.put_slice(value),
            oid::UUID if value.len() == 16 => out.put_slice(value),
            _ => return Err(Mismatch::kind(ValueRef::Bytes(value), inner)),
        },
        ValueRef::Wire(WireType::Array, form) => array(form, inner, out)?,
        ValueRef::Wire(form_type, form) => match (form_type, inner.oid()) {
            (WireType::Uuid, oid::UUID | oid::BYTEA)
            // A time without a zone is in UTC here.
            | (WireType::Timestamp, oid::TIMESTAMPTZ | oid::TIMESTAMP)
            | (WireType::Date, oid::DATE)
            | (WireType::Time, oid::TIME)
            | (WireType::DateTime, oid::TIMESTAMP)
            | (WireType::Numeric, oid::NUMERIC)
            | (WireType::Inet, oid::INET | oid::CIDR) => out.put_slice(form),
            (WireType::Unread, _) => return Err(Mismatch::kind(value, inner)),
            _ if is_text(inner) => put_text(value, out),
            _ => return Err(Mismatch::kind(value, inner)),
        },
    }
    Ok(IsNull::No)
}

/// Adds a value as text, for a parameter whose type the server finds out.
pub(crate) fn encode_text(value: ValueRef<'_>, out: &mut BytesMut) -> IsNull {
    match value {
        ValueRef::Null => return IsNull::Yes,
        ValueRef::Text(value) => out.put_slice(value),
        value => put_text(value, out),
    }
    IsNull::No
}

/// Adds values as an array of one dimension, for a parameter like `$1::bigint[]`.
pub(crate) fn encode_array<'a>(
    values: impl ExactSizeIterator<Item = ValueRef<'a>>,
    element: &Type,
    out: &mut BytesMut,
) -> Result<(), Mismatch> {
    let mut writer = Writer::new(element.oid(), values.len());
    let mut raw = BytesMut::new();
    for value in values {
        // All elements are in one form.
        if matches!(format(value, element), Format::Text) {
            return Err(Mismatch::kind(value, element));
        }
        raw.clear();
        match encode(value, element, &mut raw)? {
            IsNull::Yes => writer.null(),
            IsNull::No => writer.element(|out| out.extend_from_slice(&raw)),
        }
    }
    out.put_slice(&writer.finish());
    Ok(())
}

fn int(value: i64, ty: &Type, out: &mut BytesMut) -> Result<(), Mismatch> {
    let misses = |holds: &str| Mismatch::range(format_args!("the integer {value}"), ty, holds);
    match ty.oid() {
        oid::INT8 => out.put_i64(value),
        oid::INT4 => out.put_i32(value.try_into().map_err(|_| misses("-2147483648 to 2147483647"))?),
        oid::INT2 => out.put_i16(value.try_into().map_err(|_| misses("-32768 to 32767"))?),
        oid::OID => out.put_u32(value.try_into().map_err(|_| misses("0 to 4294967295"))?),
        oid::FLOAT8 if (value as f64) as i128 == i128::from(value) => out.put_f64(value as f64),
        oid::FLOAT4 if (value as f32) as i128 == i128::from(value) => out.put_f32(value as f32),
        oid::FLOAT8 | oid::FLOAT4 => return Err(misses("a number near it, but not this one")),
        oid::NUMERIC => numeric(&Numeric::from(value), out),
        oid::BOOL if matches!(value, 0 | 1) => out.put_u8(value as u8),
        oid::BOOL => return Err(misses("0 and 1")),
        _ if is_text(ty) => put_text(ValueRef::Int(value), out),
        _ => return Err(Mismatch::kind(ValueRef::Int(value), ty)),
    }
    Ok(())
}

fn float(value: f64, ty: &Type, out: &mut BytesMut) -> Result<(), Mismatch> {
    match ty.oid() {
        oid::FLOAT8 => out.put_f64(value),
        oid::FLOAT4 => {
            // Rounded as the server would, which does not make infinity or zero of it either.
            let narrow = value as f32;
            if narrow.is_infinite() != value.is_infinite() || (narrow == 0.0) != (value == 0.0) {
                let value = format_args!("the float {value:?}");
                return Err(Mismatch::range(value, ty, "about 1e-45 to 3.4e38"));
            }
            out.put_f32(narrow);
        }
        oid::NUMERIC => numeric(&Numeric::from(value), out),
        _ if is_text(ty) => put_text(ValueRef::Float(value), out),
        _ => return Err(Mismatch::kind(ValueRef::Float(value), ty)),
    }
    Ok(())
}

fn numeric(value: &Numeric, out: &mut BytesMut) {
    let mut cells = Cells::default();
    value.encode(&mut cells);
    out.put_slice(cells.bytes());
}

fn array(form: &[u8], ty: &Type, out: &mut BytesMut) -> Result<(), Mismatch> {
    let value = ValueRef::Wire(WireType::Array, form);
    let (Kind::Array(element), Some(array)) = (ty.kind(), Array::read(form)) else {
        return Err(Mismatch::kind(value, ty));
    };
    if array.element() == element.oid() {
        out.put_slice(form);
        return Ok(());
    }
    if !array.is_flat() {
        return Err(Mismatch::kind(value, ty));
    }
    encode_array(array.elements(), element, out)
}

fn put_text(value: ValueRef<'_>, out: &mut BytesMut) {
    let mut written = Vec::new();
    text::write(value, &mut written);
    out.put_slice(&written);
}
