//! What `#[derive(Entity)]` implements: a struct that is a row of a table.

mod embedded;
mod key;
mod meta;
mod texts;

pub use embedded::Embedded;
#[doc(hidden)]
pub use embedded::{ColumnsFrom, Label, joined_columns, labels};
pub use key::{Key, KeyArg};
pub use meta::{
    ColumnMeta, EntityIndex, EntityMeta, IndexMeta, LinkTable, MemberOrder, Members, MetaFn, OnDelete,
    Reference, RelationKind, RelationMeta, VersionKind,
};
pub use texts::EntityTexts;

use crate::cells::Cells;
use crate::query::Whole;
use crate::relation::{Link, LinkMut};
use crate::row::{ColumnError, Row};
use crate::stmt::{Alias, Delete, Insert, Select, Update};
use crate::value::ValueRef;

/// A struct that is a row of a table. Derived, never written by hand.
///
/// # Example
/// ```
/// # use orm_blog::*;
/// # run(async |engine| {
/// use anyorm::prelude::*;
///
/// let ada = engine.one(User::select().filter(User::ID.eq(1))).await?;
/// assert_eq!(ada.key(), Some(1));
/// assert_eq!(User::default().key(), None); // the database has yet to give it
/// assert_eq!(User::meta().table, "users");
/// # Ok(()) });
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an entity",
    label = "not an entity",
    note = "write `#[derive(Clone, Entity)]` on the struct"
)]
pub trait Entity: Clone + Send + Sync + Sized + 'static {
    /// The type of the primary key: of its one `#[key]` field, or a tuple of them in the order of the fields.
    type Key: Key;

    /// The table's name, for constants.
    #[doc(hidden)]
    const TABLE: &'static str = "";

    /// The table, its columns and relations.
    fn meta() -> &'static EntityMeta;

    /// The primary key, or `None` where the database has yet to assign it, or it is made when the entity is added.
    fn key(&self) -> Option<Self::Key>;

    /// Gives the entity a key of its own, before it is stored for the first time: where the key is unset and is made here.
    #[doc(hidden)]
    #[inline]
    fn make_key(&mut self) {}

    /// Reads the columns of a row, in the order of [`EntityMeta::columns`]. Links hold their keys, collections are
    /// not loaded.
    ///
    /// # Errors
    /// If a value does not fit its field.
    fn decode(row: &Row<'_>) -> Result<Self, ColumnError>;

    /// Adds the value of one column of [`EntityMeta::columns`] to a parameter row. A link that holds a handle adds
    /// the key it knows, or NULL.
    #[doc(hidden)]
    fn encode(&self, column: usize, cells: &mut Cells);

    /// Adds the columns in which this value would be stored otherwise than another. A value that cannot be sent
    /// differs from every other, so that it is encoded, and the program refused.
    #[doc(hidden)]
    fn differences(&self, other: &Self, columns: &mut Vec<u16>) {
        for column in 0..Self::meta().columns.len() {
            if !Cells::stores_same(|cells| self.encode(column, cells), |cells| other.encode(column, cells)) {
                columns.push(column as u16);
            }
        }
    }

    /// Which of [`EntityMeta::server_defaults`] are *unset*, by the bits from the lowest on: they have their type's default.
    #[doc(hidden)]
    fn unset(&self) -> u64 {
        0
    }

    /// Writes one column: a generated key, a version, a default.
    #[doc(hidden)]
    fn assign(&mut self, column: usize, value: ValueRef<'_>) -> Result<(), ColumnError>;

    /// The field of one relation of [`EntityMeta::relations`].
    #[doc(hidden)]
    fn link(&self, relation: usize) -> Link<'_>;

    /// The field of one relation, to change it.
    #[doc(hidden)]
    fn link_mut(&mut self, relation: usize) -> LinkMut<'_>;

    /// A query for all entities, to be narrowed by [`filter`](Select::filter), [`order_by`](Select::order_by) and
    /// the rest.
    fn select() -> Select<Self, Whole<Self>> {
        Select::new()
    }

    /// The table a second time, under a name of its own: for joins of a table with itself.
    ///
    /// # Example
    /// ```
    /// # use orm_blog::*;
    /// # run(async |engine| {
    /// use anyorm::prelude::*;
    ///
    /// let older = User::alias();
    /// let pairs = User::select().left_join_on(&older, older.column(User::AGE).gt(User::AGE)).order_by(User::ID);
    /// let pairs = engine.all(pairs.columns((User::NAME, older.column(User::NAME).optional()))).await?;
    /// assert_eq!(pairs, [("Ada".to_owned(), None), ("Grace".to_owned(), None)]);
    /// # Ok(()) });
    /// ```
    fn alias() -> Alias<Self> {
        Alias::new()
    }

    /// An insert that goes to the database as it is, past any session.
    fn insert() -> Insert<Self> {
        Insert::new()
    }

    /// An update of the rows that meet a condition.
    fn update() -> Update<Self> {
        Update::new()
    }

    /// A delete of the rows that meet a condition.
    fn delete() -> Delete<Self> {
        Delete::new()
    }
}

/// What a `belongs_to` points to: an entity, or `Option` of one where the column is nullable.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an entity, nor `Option` of one",
    note = "write `BelongsTo<User>`, or `BelongsTo<Option<User>>` where the column may be NULL"
)]
pub trait Target: 'static {
    /// The entity.
    type Entity: Entity;
    /// The type of the foreign key column: the entity's key, or `Option` of it.
    type Column;
    /// The kind of the relation: [`One`](crate::relation::One) or [`OneOrNone`](crate::relation::OneOrNone).
    type Kind: crate::relation::HoldsKey;
    /// Whether there may be none.
    const NULLABLE: bool;
}

impl<E: Entity> Target for E {
    type Entity = E;
    type Column = E::Key;
    type Kind = crate::relation::One;
    const NULLABLE: bool = false;
}

impl<E: Entity> Target for Option<E> {
    type Entity = E;
    type Column = Option<E::Key>;
    type Kind = crate::relation::OneOrNone;
    const NULLABLE: bool = true;
}
