//! What nearly every program names: `use anyorm::prelude::*;`.

pub use crate::sql;
pub use orm_core::expr::{avg, count, count_all, max, min, sum};
pub use orm_core::{BelongsTo, Entity, FromRow, Handle, HasMany, HasOne, Json, ManyToMany, SqlType, schema};
pub use orm_derive::{DbEnum, Embedded, Entity, FromRow, SqlType};
pub use orm_exec::Engine;
pub use orm_session::{EngineExt, Session, SessionFactory, Tx};
