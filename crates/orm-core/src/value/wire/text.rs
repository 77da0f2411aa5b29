//! Values as text, as PostgreSQL reads and writes them.

use std::io::Write as _;

use crate::value::ValueRef;

/// Adds a value as text. NULL has none: nothing is added.
pub fn write(value: ValueRef<'_>, out: &mut Vec<u8>) {
    match value {
        ValueRef::Null => {}
        // Writing to a vector does not fail.
        ValueRef::Int(value) => write!(out, "{value}").unwrap_or_default(),
        ValueRef::Float(value) => write_float(value, out),
        ValueRef::Bool(value) => out.push(if value { b't' } else { b'f' }),
        ValueRef::Text(value) => out.extend(value),
        ValueRef::Bytes(value) => write_bytes(value, out),
        ValueRef::Wire(ty, value) => ty.write_text(value, out),
    }
}

fn write_float(value: f64, out: &mut Vec<u8>) {
    if value.is_infinite() {
        out.extend(if value > 0.0 { &b"Infinity"[..] } else { b"-Infinity" });
    } else {
        // The shortest text that is read as the same number; with an exponent where it is long otherwise.
        let _ = write!(out, "{value:?}");
    }
}

/// Adds bytes in hexadecimal: `\x01ff`.
pub(super) fn write_bytes(bytes: &[u8], out: &mut Vec<u8>) {
    out.extend(b"\\x");
    bytes.iter().for_each(|&byte| write_hex(byte, out));
}

/// Adds a byte as two digits.
pub(super) fn write_hex(byte: u8, out: &mut Vec<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    out.extend([DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
}
