//! A value that is not sent as a parameter of some type.

use std::error::Error;
use std::fmt;

use orm_core::ValueRef;
use tokio_postgres::types::Type;

/// Why a value cannot be a parameter of the type that the statement has there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mismatch {
    /// In words, as a part of a sentence: "the integer 70000 for a parameter of type int2, which holds -32768 to 32767".
    reason: String,
}

impl Mismatch {
    /// A value of another kind altogether.
    #[cold]
    pub(super) fn kind(value: ValueRef<'_>, ty: &Type) -> Self {
        let (kind, ty) = (value.kind(), ty.name());
        Self {
            reason: format!(
                "{kind} for a parameter of type {ty}: give a value of that type, or CAST it in the query"
            ),
        }
    }

    /// A value of the right kind that the type does not hold.
    #[cold]
    pub(super) fn range(value: impl fmt::Display, ty: &Type, holds: &str) -> Self {
        Self { reason: format!("{value} for a parameter of type {}, which holds {holds}", ty.name()) }
    }
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

impl Error for Mismatch {}
