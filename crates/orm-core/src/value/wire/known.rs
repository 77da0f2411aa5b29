//! Values of PostgreSQL's own types, from the form of its wire.

use crate::value::ValueRef;

use super::{WireType, oid};

/// A value of a type, by its number. `None` if the type is not among these, or the bytes are not of its form.
#[inline]
pub fn value(ty: u32, raw: &[u8]) -> Option<ValueRef<'_>> {
    match ty {
        oid::INT8 => raw.try_into().ok().map(|raw| ValueRef::Int(i64::from_be_bytes(raw))),
        oid::INT4 => raw.try_into().ok().map(|raw| ValueRef::Int(i32::from_be_bytes(raw).into())),
        oid::INT2 => raw.try_into().ok().map(|raw| ValueRef::Int(i16::from_be_bytes(raw).into())),
        oid::OID | oid::XID | oid::CID => {
            raw.try_into().ok().map(|raw| ValueRef::Int(u32::from_be_bytes(raw).into()))
        }
        oid::BOOL => <[u8; 1]>::try_from(raw).ok().map(|[byte]| ValueRef::Bool(byte != 0)),
        oid::FLOAT4 => raw.try_into().ok().map(|raw| ValueRef::Float(f32::from_be_bytes(raw).into())),
        oid::FLOAT8 => raw.try_into().ok().map(|raw| ValueRef::Float(f64::from_be_bytes(raw))),
        // A number of its version comes first.
        oid::JSONB => raw.strip_prefix(&[1]).map(ValueRef::Text),
        oid::BYTEA => Some(ValueRef::Bytes(raw)),
        oid::UUID => Some(ValueRef::Wire(WireType::Uuid, raw)),
        oid::TIMESTAMPTZ => Some(ValueRef::Wire(WireType::Timestamp, raw)),
        oid::TIMESTAMP => Some(ValueRef::Wire(WireType::DateTime, raw)),
        oid::DATE => Some(ValueRef::Wire(WireType::Date, raw)),
        oid::TIME => Some(ValueRef::Wire(WireType::Time, raw)),
        oid::NUMERIC => Some(ValueRef::Wire(WireType::Numeric, raw)),
        oid::INET | oid::CIDR => Some(ValueRef::Wire(WireType::Inet, raw)),
        _ if is_text(ty) => Some(ValueRef::Text(raw)),
        _ => None,
    }
}

/// Whether the binary form of the type is the text itself.
#[inline]
pub fn is_text(ty: u32) -> bool {
    matches!(
        ty,
        oid::TEXT | oid::VARCHAR | oid::BPCHAR | oid::NAME | oid::CHAR | oid::JSON | oid::UNKNOWN | oid::VOID
    )
}

/// Whether the type is among those that [`value`] reads.
pub fn is_known(ty: u32) -> bool {
    let others = [
        oid::INT8,
        oid::INT4,
        oid::INT2,
        oid::OID,
        oid::XID,
        oid::CID,
        oid::BOOL,
        oid::FLOAT4,
        oid::FLOAT8,
        oid::JSONB,
        oid::BYTEA,
        oid::UUID,
        oid::TIMESTAMPTZ,
        oid::TIMESTAMP,
        oid::DATE,
        oid::TIME,
        oid::NUMERIC,
        oid::INET,
        oid::CIDR,
    ];
    is_text(ty) || others.contains(&ty)
}
