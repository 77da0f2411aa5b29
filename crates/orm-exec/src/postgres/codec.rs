//! Values in PostgreSQL's binary and text forms.

use bytes::{BufMut, BytesMut};
use orm_core::ValueRef;
use tokio_postgres::types::{IsNull, Kind, Type};

/// A value that has no binary form of a type.
#[derive(Debug)]
pub(crate) struct Mismatch;

pub(crate) fn encode(value: ValueRef<'_>, ty: &Type, out: &mut BytesMut) -> Result<IsNull, Mismatch> {
    match (value, ty) {
        (ValueRef::Null, _) => return Ok(IsNull::Yes),
        (ValueRef::Int(v), &Type::INT8) => out.put_i64(v),
        (ValueRef::Int(v), &Type::INT4) => out.put_i32(i32::try_from(v).map_err(|_| Mismatch)?),
        (ValueRef::Int(v), &Type::INT2) => out.put_i16(i16::try_from(v).map_err(|_| Mismatch)?),
        (ValueRef::Float(v), &Type::FLOAT8) => out.put_f64(v),
        (ValueRef::Float(v), &Type::FLOAT4) => out.put_f32(v as f32),
        (ValueRef::Bool(v), &Type::BOOL) => out.put_u8(u8::from(v)),
        (ValueRef::Text(v), &Type::TEXT | &Type::VARCHAR | &Type::BPCHAR | &Type::JSON) => out.put_slice(v),
        (ValueRef::Text(v), &Type::JSONB) => {
            out.put_u8(1);
            out.put_slice(v);
        }
        (ValueRef::Bytes(v), &Type::BYTEA) => out.put_slice(v),
        _ => return Err(Mismatch),
    }
    Ok(IsNull::No)
}

pub(crate) fn encode_text(value: ValueRef<'_>, out: &mut BytesMut) -> Result<IsNull, Mismatch> {
    use std::fmt::Write;
    match value {
        ValueRef::Null => return Ok(IsNull::Yes),
        ValueRef::Int(v) => write!(out, "{v}").map_err(|_| Mismatch)?,
        ValueRef::Float(v) if v.is_nan() => out.put_slice(b"NaN"),
        ValueRef::Float(v) if v.is_infinite() => {
            out.put_slice(if v > 0.0 { b"Infinity" } else { b"-Infinity" })
        }
        ValueRef::Float(v) => write!(out, "{v:?}").map_err(|_| Mismatch)?,
        ValueRef::Bool(v) => out.put_u8(if v { b't' } else { b'f' }),
        ValueRef::Text(v) => out.put_slice(v),
        ValueRef::Bytes(v) => {
            out.put_slice(b"\\x");
            for byte in v {
                write!(out, "{byte:02x}").map_err(|_| Mismatch)?;
            }
        }
    }
    Ok(IsNull::No)
}

pub(crate) fn encode_array<'a>(
    values: impl ExactSizeIterator<Item = ValueRef<'a>>,
    element: &Type,
    out: &mut BytesMut,
) -> Result<(), Mismatch> {
    out.put_i32(1);
    out.put_i32(1);
    out.put_u32(element.oid());
    out.put_i32(values.len() as i32);
    out.put_i32(1);
    for value in values {
        let at = out.len();
        out.put_i32(-1);
        if let IsNull::No = encode(value, element, out)? {
            let len = (out.len() - at - 4) as i32;
            out[at..at + 4].copy_from_slice(&len.to_be_bytes());
        }
    }
    Ok(())
}

pub(crate) fn decode<'a>(raw: Option<&'a [u8]>, ty: &Type) -> ValueRef<'a> {
    let Some(raw) = raw else { return ValueRef::Null };
    match *ty {
        Type::INT8 => raw.try_into().map_or(ValueRef::Null, |b| ValueRef::Int(i64::from_be_bytes(b))),
        Type::INT4 => raw.try_into().map_or(ValueRef::Null, |b| ValueRef::Int(i32::from_be_bytes(b).into())),
        Type::INT2 => raw.try_into().map_or(ValueRef::Null, |b| ValueRef::Int(i16::from_be_bytes(b).into())),
        Type::OID => raw.try_into().map_or(ValueRef::Null, |b| ValueRef::Int(u32::from_be_bytes(b).into())),
        Type::FLOAT8 => raw.try_into().map_or(ValueRef::Null, |b| ValueRef::Float(f64::from_be_bytes(b))),
        Type::FLOAT4 => {
            raw.try_into().map_or(ValueRef::Null, |b| ValueRef::Float(f32::from_be_bytes(b).into()))
        }
        Type::BOOL => ValueRef::Bool(raw != [0]),
        Type::JSONB => ValueRef::Text(raw.get(1..).unwrap_or_default()),
        Type::TEXT | Type::VARCHAR | Type::BPCHAR | Type::NAME | Type::JSON | Type::UNKNOWN => {
            ValueRef::Text(raw)
        }
        Type::BYTEA => ValueRef::Bytes(raw),
        _ => match ty.kind() {
            Kind::Domain(base) => decode(Some(raw), base),
            Kind::Enum(_) => ValueRef::Text(raw),
            _ => ValueRef::Bytes(raw),
        },
    }
}
