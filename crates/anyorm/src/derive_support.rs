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

use orm_core::row::Misfit;
use orm_core::types::ColumnType;

/// The type of one column of a key. Another check says that the key has so many columns: here a position beyond them
/// only must not be a second error.
pub const fn part_type<K: Key>(part: usize) -> ColumnType {
    K::TYPES[part % K::WIDTH]
}

/// Whether a column of this type can be assigned by the database or count changes.
pub const fn is_integer<T: SqlType>() -> bool {
    matches!(T::TYPE, ColumnType::SmallInt | ColumnType::Int | ColumnType::BigInt) && !T::NULLABLE
}

/// The entity and position of a column that a field of type `T` refers to; both hold the same type, `Option` aside.
pub fn referenced<T, E, U>(column: Column<E, U>) -> (&'static EntityMeta, usize)
where
    T: SqlType,
    E: Entity,
    U: SqlType<Base = T::Base>,
{
    (E::meta(), column.position())
}

/// The error of a value that does not fit the field it is assigned to.
#[cold]
pub fn misfit<E: Entity>(column: usize, misfit: Misfit) -> ColumnError {
    let meta = E::meta();
    let mut error = ColumnError::new(column, misfit.expected, misfit.found).of(meta.name);
    error.column = meta.columns[column].name.to_owned();
    error
}

/// Stops at a position that the metadata does not have.
///
/// # Panics
/// Always.
#[cold]
#[track_caller]
pub fn no_column(entity: &str, column: usize) -> ! {
    panic!("`{entity}` has no column {column}")
}

/// Stops at a position that the metadata does not have.
///
/// # Panics
/// Always.
#[cold]
#[track_caller]
pub fn no_relation(entity: &str, relation: usize) -> ! {
    panic!("`{entity}` has no relation {relation}")
}

/// One part of the type of a composite foreign key: nullable where the whole is.
pub trait KeyPart<const PART: usize> {
    /// The type of that column.
    type Type;
}

macro_rules! key_part {
    ($($part:literal $type:ident of $($key:ident)*;)*) => {$(
        impl<$($key),*> KeyPart<$part> for ($($key,)*) {
            type Type = $type;
        }

        impl<$($key),*> KeyPart<$part> for Option<($($key,)*)> {
            type Type = Option<$type>;
        }
    )*};
}

key_part! {
    0 A of A B;
    1 B of A B;
    0 A of A B C;
    1 B of A B C;
    2 C of A B C;
    0 A of A B C D;
    1 B of A B C D;
    2 C of A B C D;
    3 D of A B C D;
}
