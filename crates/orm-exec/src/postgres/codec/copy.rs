//! Values as fields of COPY, in its text format.

use std::io::Write as _;

use orm_core::value::wire::text;
use orm_core::{ColumnType, ValueRef, WireType};

/// Adds a value for a column that has a type of the entity: what the column's own type reads as the value that a parameter of
/// the type would have been. Tabs and ends of lines are escaped; what stands between fields is up to the caller.
pub(crate) fn copy_field(value: ValueRef<'_>, ty: ColumnType, out: &mut Vec<u8>) {
    match (value, ty) {
        (ValueRef::Null, _) => out.extend(b"\\N"),
        (ValueRef::Text(value), _) => escaped(value, out),
        // In the form of text, these would be read as other bytes.
        (ValueRef::Wire(WireType::Uuid, bytes), ColumnType::Bytes) => {
            whole(out, |out| text::write(ValueRef::Bytes(bytes), out));
        }
        (ValueRef::Bytes(bytes), ColumnType::Uuid) if bytes.len() == 16 => {
            text::write(ValueRef::Wire(WireType::Uuid, bytes), out);
        }
        (ValueRef::Bool(value), ColumnType::Text) => out.extend(if value { &b"true"[..] } else { b"false" }),
        // Rounded once, as a parameter is. Read from all of its digits, it would be rounded from another number.
        (ValueRef::Float(value), ColumnType::Real) if is_real(value) => {
            // Writing to a vector does not fail.
            let _ = write!(out, "{:?}", value as f32);
        }
        (ValueRef::Bytes(_) | ValueRef::Wire(WireType::Array | WireType::Unread, _), _) => {
            whole(out, |out| text::write(value, out));
        }
        // Digits, and what stands between them.
        _ => text::write(value, out),
    }
}

/// Whether a parameter of 32 bits is made of it. Others go in all of their digits, and are refused by the server.
fn is_real(value: f64) -> bool {
    let narrow = value as f32;
    narrow.is_finite() && (narrow == 0.0) == (value == 0.0)
}

/// Escapes what is written.
fn whole(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    let mut plain = Vec::new();
    write(&mut plain);
    escaped(&plain, out);
}

fn escaped(mut text: &[u8], out: &mut Vec<u8>) {
    while let Some(at) = text.iter().position(|byte| matches!(byte, b'\\' | b'\t' | b'\n' | b'\r')) {
        out.extend_from_slice(&text[..at]);
        out.extend(match text[at] {
            b'\t' => b"\\t",
            b'\n' => b"\\n",
            b'\r' => b"\\r",
            _ => b"\\\\",
        });
        text = &text[at + 1..];
    }
    out.extend_from_slice(text);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(value: ValueRef<'_>, ty: ColumnType) -> String {
        let mut out = Vec::new();
        copy_field(value, ty, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn texts_are_escaped() {
        let text = |text: &str| field(ValueRef::Text(text.as_bytes()), ColumnType::Text);
        for plain in ["", "plain", "é", "'\"", "\u{8}\u{c}\u{b}", "N", "."] {
            assert_eq!(text(plain), plain);
        }
        assert_eq!(text("\\N"), "\\\\N");
        assert_eq!(text("\\."), "\\\\.");
        assert_eq!(text("a\tb\nc\rd\\"), "a\\tb\\nc\\rd\\\\");
        assert_eq!(field(ValueRef::Null, ColumnType::Text), "\\N");
    }

    #[test]
    fn others_are_what_their_type_reads() {
        assert_eq!(field(ValueRef::Int(i64::MIN), ColumnType::BigInt), "-9223372036854775808");
        assert_eq!(field(ValueRef::Bool(true), ColumnType::Bool), "t");
        assert_eq!(field(ValueRef::Bool(false), ColumnType::Text), "false");
        assert_eq!(field(ValueRef::Bytes(&[0, 255]), ColumnType::Bytes), "\\\\x00ff");
        assert_eq!(field(ValueRef::Bytes(&[]), ColumnType::Bytes), "\\\\x");
        let (bytes, uuid) = ([7; 16], "07070707-0707-0707-0707-070707070707");
        assert_eq!(field(ValueRef::Bytes(&bytes), ColumnType::Uuid), uuid);
        assert_eq!(field(ValueRef::Wire(WireType::Uuid, &bytes), ColumnType::Uuid), uuid);
        let hex = format!("\\\\x{}", "07".repeat(16));
        assert_eq!(field(ValueRef::Wire(WireType::Uuid, &bytes), ColumnType::Bytes), hex);
    }

    #[test]
    fn floats_are_read_as_they_are() {
        for value in [0.1, 1e300, -0.0, f64::MIN_POSITIVE, 5e-324, f64::MAX, 1.0 / 3.0] {
            let read: f64 = field(ValueRef::Float(value), ColumnType::Double).parse().unwrap();
            assert_eq!(read.to_bits(), value.to_bits());
        }
        assert_eq!(field(ValueRef::Float(f64::NAN), ColumnType::Double), "NaN");
        assert_eq!(field(ValueRef::Float(f64::NEG_INFINITY), ColumnType::Real), "-Infinity");
        assert_eq!(field(ValueRef::Float(0.1), ColumnType::Real), "0.1");
        assert_eq!(field(ValueRef::Float(f64::from(0.1_f32)), ColumnType::Real), "0.1");
        // The server refuses them: they do not fit.
        assert_eq!(field(ValueRef::Float(1e300), ColumnType::Real), "1e300");
        assert_eq!(field(ValueRef::Float(1e-300), ColumnType::Real), "1e-300");
    }
}
