//! A runtime-agnostic async ORM with a real unit of work.

pub mod prelude;

#[doc(hidden)]
#[path = "derive_support.rs"]
pub mod __derive;

pub use orm_core::*;
pub use orm_derive::{Entity, SqlType};
