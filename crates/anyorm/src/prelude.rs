//! What nearly every program names: `use anyorm::prelude::*;`.

pub use orm_core::{BelongsTo, Entity, Handle, HasMany, Json, ManyToMany, sql};
pub use orm_derive::Entity;
