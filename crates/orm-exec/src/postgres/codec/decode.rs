//! Columns from the wire.

use orm_core::value::wire::{Array, known, oid};
use orm_core::{ValueRef, WireType};
use tokio_postgres::types::{Kind, Type};

use super::{base, is_text};

/// A column of a row, which came in the binary form of its type. A value of a type that is not read says so when it is
/// asked for, by the name of its type.
#[inline]
pub(crate) fn decode<'a>(raw: Option<&'a [u8]>, ty: &'a Type) -> ValueRef<'a> {
    let Some(raw) = raw else { return ValueRef::Null };
    match ty.oid() {
        oid::UNKNOWN => own(raw),
        number => known::value(number, raw).unwrap_or_else(|| rarer(raw, ty)),
    }
}

/// A value of a type that the database defines for itself: a name of an enum type, text of an extension, or an array of
/// these. No text has a zero byte, and every array has. A one at the beginning is the version of a form that is no text.
fn own(raw: &[u8]) -> ValueRef<'_> {
    if !raw.contains(&0) && raw.first() != Some(&1) {
        return ValueRef::Text(raw);
    }
    match Array::read(raw) {
        Some(_) => ValueRef::Wire(WireType::Array, raw),
        None => ValueRef::Wire(WireType::Unread, b"unknown (not one of PostgreSQL's own)"),
    }
}

#[cold]
fn rarer<'a>(raw: &'a [u8], ty: &'a Type) -> ValueRef<'a> {
    let inner = base(ty);
    let value = match inner.kind() {
        Kind::Array(element) if is_element(element) => Some(ValueRef::Wire(WireType::Array, raw)),
        _ if is_text(inner) => Some(ValueRef::Text(raw)),
        _ => known::value(inner.oid(), raw),
    };
    value.unwrap_or(ValueRef::Wire(WireType::Unread, ty.name().as_bytes()))
}

/// Whether the core reads elements of this type. It knows them by their number, and takes those that the database numbers
/// for text.
fn is_element(element: &Type) -> bool {
    known::is_known(element.oid()) || is_text(base(element))
}
