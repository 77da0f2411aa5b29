//! A table once more, under another name.

use std::fmt;
use std::marker::PhantomData;

use super::{Columns, FieldColumn, IntoSource, Source, SourceArgument, SourceOf, sealed};
use crate::column::Column;
use crate::entity::Entity;
use crate::expr::Field;
use crate::query::Whole;
use crate::stmt::{Select, SelectBody};

/// Rows of `E` under a name of their own: the table a second time ([`Entity::alias`]), or a query for whole entities that
/// is read from ([`derived`](Select::derived), [`cte`](Select::cte)).
///
/// # Example
/// ```
/// # use orm_blog::*;
/// # run(async |engine| {
/// use anyorm::prelude::*;
///
/// // Pairs of posts by one author.
/// let other = Post::alias();
/// let same_author = other.column(Post::AUTHOR_ID).eq(Post::AUTHOR_ID) & other.column(Post::ID).gt(Post::ID);
/// let pairs = Post::select().join_on(&other, same_author).columns((Post::TITLE, other.column(Post::TITLE)));
/// assert_eq!(engine.all(pairs).await?, [("Notes".to_owned(), "Letters".to_owned())]);
/// # Ok(()) });
/// ```
pub struct Alias<E> {
    source: Source,
    entity: PhantomData<fn() -> E>,
}

impl<E: Entity> Alias<E> {
    pub(crate) fn new() -> Self {
        Self::of(Source::made(SourceOf::Table(E::meta()), Columns::Entity(E::meta())))
    }

    pub(crate) fn of(source: Source) -> Self {
        Self { source, entity: PhantomData }
    }

    pub(crate) fn id(&self) -> super::SourceId {
        self.source.id.expect("an alias has an id, since it is not made without one")
    }

    /// A column of these rows.
    pub fn column<T>(&self, column: Column<E, T>) -> Field<T> {
        Field::new(self.id(), FieldColumn::Entity(E::meta(), column.position()))
    }

    /// A query that begins with these rows.
    ///
    /// # Example
    /// ```
    /// # use orm_blog::*;
    /// # run(async |engine| {
    /// use anyorm::prelude::*;
    ///
    /// let adults = User::select().filter(User::AGE.ge(18)).cte();
    /// let named = adults.select().filter(adults.column(User::NAME).starts_with("A"));
    /// assert_eq!(engine.one(named).await?.name, "Ada");
    /// # Ok(()) });
    /// ```
    pub fn select(&self) -> Select<E, Whole<E>> {
        Select::of(SelectBody::from(self.source.clone()))
    }

    /// The same rows under one more name.
    #[must_use]
    pub fn again(&self) -> Self {
        Self::of(self.source.again())
    }
}

impl<E> Clone for Alias<E> {
    fn clone(&self) -> Self {
        Self { source: self.source.clone(), entity: PhantomData }
    }
}

impl<E> fmt::Debug for Alias<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Alias").field(&self.source).finish()
    }
}

impl<E> sealed::Sealed for Alias<E> {}
impl<E> sealed::Sealed for &Alias<E> {}

impl<E> IntoSource for Alias<E> {
    fn into_source(self) -> SourceArgument {
        SourceArgument(self.source)
    }
}

impl<E> IntoSource for &Alias<E> {
    fn into_source(self) -> SourceArgument {
        SourceArgument(self.source.clone())
    }
}

/// The table of `E` under its own name, for a join on any condition: see [`Select::join_on`].
pub fn table<E: Entity>() -> Table<E> {
    Table(PhantomData)
}

/// The table of an entity. Made by [`table`].
pub struct Table<E>(PhantomData<fn() -> E>);

impl<E> fmt::Debug for Table<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Table")
    }
}

impl<E> sealed::Sealed for Table<E> {}

impl<E: Entity> IntoSource for Table<E> {
    fn into_source(self) -> SourceArgument {
        SourceArgument(Source::table(E::meta()))
    }
}
