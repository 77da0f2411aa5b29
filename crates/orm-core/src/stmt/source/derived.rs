//! A query for values that other queries read from.

use std::fmt;
use std::marker::PhantomData;

use super::fields::FieldSource;
use super::{Fields, IntoSource, Source, SourceArgument, sealed};
use crate::query::{Selection, Values};
use crate::stmt::{Select, SelectBody};

/// Rows of type `T` to read from: a subquery in FROM ([`derived`](Select::derived)), a CTE ([`cte`](Select::cte)), or a
/// list of values ([`values`](crate::values)).
///
/// # Example
/// ```
/// # use orm_blog::*;
/// # run(async |engine| {
/// use anyorm::prelude::*;
///
/// let counts = Post::select().group_by(Post::AUTHOR_ID).columns((Post::AUTHOR_ID, count_all())).derived();
/// let (author, posts) = counts.columns();
/// let busy = User::select().join_on(&counts, author.eq(User::ID) & posts.ge(2)).columns((User::NAME, posts));
/// assert_eq!(engine.all(busy).await?, [("Ada".to_owned(), 2)]);
/// # Ok(()) });
/// ```
pub struct Derived<T> {
    source: Source,
    row: PhantomData<fn() -> T>,
}

impl<T> Derived<T> {
    pub(crate) fn of(source: Source) -> Self {
        Self { source, row: PhantomData }
    }
}

impl<T: Fields> Derived<T> {
    /// Its columns: a [`Field`](crate::expr::Field), or a tuple of them, in the order in which they were selected.
    pub fn columns(&self) -> T::Columns {
        T::columns(FieldSource(self.source.id.expect("it has an id, since it is not made without one")))
    }

    /// A query that begins with these rows: for all their columns, or those that [`columns`](Select::columns) names.
    pub fn select(&self) -> Select<Self, Values<T>> {
        Select::of(SelectBody::from(self.source.clone()))
    }

    /// The same rows under one more name, to join them to themselves.
    #[must_use]
    pub fn again(&self) -> Self {
        Self::of(self.source.again())
    }
}

impl<T: Fields> Select<Derived<T>, Values<T>> {
    /// Selects other values than all columns, as the same method of a query for entities does.
    pub fn columns<C: Selection>(self, columns: C) -> Select<Derived<T>, Values<C::Output>> {
        self.selecting(columns)
    }
}

impl<T> Clone for Derived<T> {
    fn clone(&self) -> Self {
        Self { source: self.source.clone(), row: PhantomData }
    }
}

impl<T> fmt::Debug for Derived<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Derived").field(&self.source).finish()
    }
}

impl<T> sealed::Sealed for Derived<T> {}
impl<T> sealed::Sealed for &Derived<T> {}

impl<T> IntoSource for Derived<T> {
    fn into_source(self) -> SourceArgument {
        SourceArgument(self.source)
    }
}

impl<T> IntoSource for &Derived<T> {
    fn into_source(self) -> SourceArgument {
        SourceArgument(self.source.clone())
    }
}
