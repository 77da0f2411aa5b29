//! Typed column constants: `User::NAME` is a `Column<User, String>`.

use std::fmt;
use std::marker::PhantomData;

use crate::entity::{ColumnMeta, Entity};

/// A column of entity `E` whose field is a `T`. The derive makes one constant for each.
///
/// # Example
/// ```
/// # use orm_blog::*;
/// # run(async |engine| {
/// use anyorm::prelude::*;
///
/// let eldest_first = User::select().filter(User::AGE.is_not_null()).order_by(User::AGE.desc());
/// assert_eq!(engine.all(eldest_first.columns(User::NAME)).await?, ["Ada"]);
/// assert_eq!((User::NAME.meta().name, Post::AUTHOR_ID.meta().name), ("name", "author_id"));
/// # Ok(()) });
/// ```
pub struct Column<E, T> {
    position: usize,
    types: PhantomData<fn() -> (E, T)>,
}

impl<E: Entity, T> Column<E, T> {
    /// The column at a position of the entity's metadata. For the derive, which knows the type.
    #[doc(hidden)]
    pub const fn new(position: usize) -> Self {
        Self { position, types: PhantomData }
    }

    /// Its position among the entity's columns.
    pub const fn position(&self) -> usize {
        self.position
    }

    /// Its description.
    pub fn meta(&self) -> &'static ColumnMeta {
        &E::meta().columns[self.position]
    }
}

impl<E, T> Clone for Column<E, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<E, T> Copy for Column<E, T> {}

impl<E: Entity, T> fmt::Debug for Column<E, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", E::meta().table, self.meta().name)
    }
}
