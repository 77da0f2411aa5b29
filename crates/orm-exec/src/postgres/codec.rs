//! Values in the form of PostgreSQL's wire: parameters into it, columns from it. Pure functions, no I/O.
//!
//! Parameters whose type is known go in the binary form of that type ([`encode`]); those whose type the server finds out
//! go as text ([`encode_text`]). Rows that are copied go as lines of text
//! ([`copy_field`]). Columns come in the binary form ([`decode`]).

mod copy;
mod decode;
mod encode;
mod mismatch;
#[cfg(test)]
mod tests;

pub(crate) use copy::copy_field;
pub(crate) use decode::decode;
pub(crate) use encode::{encode, encode_array, encode_text, format};
pub(crate) use mismatch::Mismatch;

use orm_core::value::wire::known;
use tokio_postgres::types::{Kind, Type};

/// The type that a domain restricts; any other type itself.
fn base(mut ty: &Type) -> &Type {
    while let Kind::Domain(inner) = ty.kind() {
        ty = inner;
    }
    ty
}

/// Whether the binary form of the type is the text itself.
fn is_text(ty: &Type) -> bool {
    // One of an extension is numbered by the database.
    known::is_text(ty.oid()) || matches!(ty.kind(), Kind::Enum(_)) || ty.name() == "citext"
}
