//! All that derived code may name. Not public API: it changes with the derive.

pub use orm_core::cells::Cells;
pub use orm_core::column::Column;
pub use orm_core::entity::{
    ColumnMeta, ColumnsFrom, Embedded, Entity, EntityIndex, EntityMeta, EntityTexts, IndexMeta, Key, KeyArg,
    Label, LinkTable, MemberOrder, Members, MetaFn, OnDelete, Reference, RelationKind, RelationMeta, Target,
    VersionKind, joined_columns, labels,
};
pub use orm_core::expr::Node;
pub use orm_core::query::{
    FromRow, Gives, NestedProjection, NestedRow, Projection, RowField, RowOf, RowStruct, read_struct,
};
pub use orm_core::relation::{
    BelongsTo, HasMany, HasOne, Link, LinkMut, Many, ManyThrough, ManyToMany, OneBack, Relation,
};
pub use orm_core::row::{ColumnError, Misfit, Row, RowSource};
pub use orm_core::stmt::SqlParts;
pub use orm_core::types::{ColumnType, Element, EnumType, SqlType};
pub use orm_core::value::ValueRef;
pub use orm_derive::sql_with;
pub use orm_session::new_arena;
pub use std::vec::Vec;

use orm_core::relation::HoldsKey;

/// The type of one column of a key. Another check says that the key has so many columns: here a position beyond them
/// only must not be a second error.
pub const fn part_type<K: Key>(part: usize) -> ColumnType {
    K::TYPES[part % K::WIDTH]
}

/// Whether a column of this type can be assigned by the database or count changes.
pub const fn is_integer<T: SqlType>() -> bool {
    matches!(T::TYPE, ColumnType::SmallInt | ColumnType::Int | ColumnType::BigInt) && !T::NULLABLE
}

/// Whether a column of this type holds microseconds since the Unix epoch.
pub const fn is_big_integer<T: SqlType>() -> bool {
    matches!(T::TYPE, ColumnType::BigInt) && !T::NULLABLE
}

/// Whether a column of this type holds a UUID.
pub const fn is_uuid<T: SqlType>() -> bool {
    matches!(T::TYPE, ColumnType::Uuid) && !T::NULLABLE
}

/// A new key at random.
pub fn uuid_v4<T: SqlType>() -> T {
    orm_core::types::made_uuid(false)
}

/// A new key that is larger than those made before.
pub fn uuid_v7<T: SqlType>() -> T {
    orm_core::types::made_uuid(true)
}

/// Whether a field has its type's default, which means *unset*.
pub fn is_unset<T: SqlType + Default>(value: &T) -> bool {
    value.same(&T::default())
}

/// The entity and position of a column that a field refers to.
pub fn referenced<T, E, U>(column: Column<E, U>) -> (&'static EntityMeta, usize)
where
    T: SqlType,
    E: Entity,
    U: ReferencedBy<T::Base>,
{
    (E::meta(), column.position())
}

/// The types of columns that a field of base type `B` can refer to: the same, `Option` aside.
#[diagnostic::on_unimplemented(
    message = "a foreign key of type `{B}` cannot refer to a column of type `{Self}`",
    label = "this column holds `{Self}`",
    note = "give the field the type of the column it refers to, or `Option` of that"
)]
pub trait ReferencedBy<B> {}
impl<B: SqlType<Base = B>> ReferencedBy<B> for B {}
impl<B: SqlType<Base = B>> ReferencedBy<B> for Option<B> {}

/// The other side of a `has_many` of `A` with members `B`.
pub fn inverse_of<A, B>(relation: impl InverseOf<A, B>) -> &'static RelationMeta {
    relation.meta()
}

/// What can be the other side of a `has_many`: a relation that leads from its members back to its owner.
#[diagnostic::on_unimplemented(
    message = "the other side of this `has_many` is a `belongs_to` from `{B}` to `{A}`",
    label = "this is a `{Self}`",
    note = "name the constant of a field of `{B}` that has the type `BelongsTo<{A}>` or `BelongsTo<Option<{A}>>`"
)]
pub trait InverseOf<A, B> {
    /// Its description.
    fn meta(self) -> &'static RelationMeta;
}

impl<A: Entity, B: Entity, K: HoldsKey> InverseOf<A, B> for Relation<B, A, K> {
    fn meta(self) -> &'static RelationMeta {
        orm_core::relation::inverse_of(self)
    }
}

/// The column by which the members of a collection are ordered.
pub fn member_column<B: Entity, T>(column: Column<B, T>) -> usize {
    column.position()
}

/// The column that holds the places of the members of a collection.
pub fn member_position<B: Entity, T: Places>(column: Column<B, T>) -> usize {
    column.position()
}

/// The types that hold a place in a collection.
#[diagnostic::on_unimplemented(
    message = "a column of type `{Self}` cannot hold places in a collection",
    label = "this column holds `{Self}`",
    note = "places are integers from 0: give the field the type `i64` or `i32`"
)]
pub trait Places {}

macro_rules! places {
    ($($integer:ty)*) => {$(
        impl Places for $integer {}
        impl Places for Option<$integer> {}
    )*};
}

places!(i8 i16 i32 i64 u8 u16 u32 u64);

/// The error of a value that does not fit the field it is assigned to.
#[cold]
pub fn misfit<E: Entity>(column: usize, misfit: Misfit) -> ColumnError {
    let meta = E::meta();
    let mut error = ColumnError::new(column, misfit.expected, misfit.found).of(meta.name);
    error.column = meta.columns[column].name.to_owned();
    error
}

/// The error of a number that none of the variants of an enum has.
#[cold]
pub fn unknown_number(expected: &'static str, number: i64) -> Misfit {
    Misfit { expected, found: format!("the integer {number}") }
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

/// The type of one part of a foreign key: nullable where the whole is. A part that the key does not have is `()`:
/// another check says so, and here it must not be a second error.
pub trait KeyPart<const PART: usize> {
    /// The type of that column.
    type Type;

    /// Its value.
    fn part(&self) -> Self::Type;
}

macro_rules! key_part {
    ($($part:tt $type:ident, of $($key:ident)*;)*) => {$(
        impl<$($key: Clone),*> KeyPart<$part> for ($($key,)*) {
            type Type = $type;

            fn part(&self) -> $type {
                self.$part.clone()
            }
        }

        impl<$($key: Clone),*> KeyPart<$part> for Option<($($key,)*)> {
            type Type = Option<$type>;

            fn part(&self) -> Option<$type> {
                self.as_ref().map(|key| key.$part.clone())
            }
        }
    )*};
}

macro_rules! no_key_part {
    ($($part:literal, of $($key:ident)*;)*) => {$(
        impl<$($key),*> KeyPart<$part> for ($($key,)*) {
            type Type = ();

            fn part(&self) {}
        }

        impl<$($key),*> KeyPart<$part> for Option<($($key,)*)> {
            type Type = Option<()>;

            fn part(&self) -> Option<()> {
                None
            }
        }
    )*};
}

key_part! {
    0 A, of A B;
    1 B, of A B;
    0 A, of A B C;
    1 B, of A B C;
    2 C, of A B C;
    0 A, of A B C D;
    1 B, of A B C D;
    2 C, of A B C D;
    3 D, of A B C D;
}

no_key_part! {
    2, of A B;
    3, of A B;
    3, of A B C;
}

macro_rules! key_of_one_part {
    ($($key:ty)*) => {$(
        impl<const PART: usize> KeyPart<PART> for $key {
            type Type = $key;

            fn part(&self) -> $key {
                self.clone()
            }
        }

        impl<const PART: usize> KeyPart<PART> for Option<$key> {
            type Type = Option<$key>;

            fn part(&self) -> Option<$key> {
                self.clone()
            }
        }
    )*};
}

key_of_one_part!(i8 i16 i32 i64 u8 u16 u32 u64 bool String Vec<u8>);
