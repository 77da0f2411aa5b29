//! All that derived code may name. Not public API: it changes with the derive.

pub use orm_core::cells::Cells;
pub use orm_core::column::Column;
pub use orm_core::entity::{
    ColumnMeta, Entity, EntityIndex, EntityMeta, IndexMeta, Key, LinkTable, MetaFn, OnDelete, Reference,
    RelationKind, RelationMeta, Target,
};
pub use orm_core::relation::{
    BelongsTo, HasMany, Link, LinkMut, Many, ManyThrough, ManyToMany, Relation, inverse_of,
};
pub use orm_core::row::{ColumnError, Row};
pub use orm_core::types::SqlType;
pub use orm_core::value::ValueRef;
pub use orm_session::new_arena;
