//! What a query with rows can be inside of another statement.

use super::compound::{Compound, SetOperation};
use super::source::RowsetArgument;
use super::{Body, Delete, Insert, Select, Sourced, Update};
use crate::entity::Entity;
use crate::expr::{Expr, Holds, Kind};
use crate::query::{FromRow, Shape, Values};
use crate::types::SqlType;

/// A query whose rows another statement can use: a [`Select`], a [`Compound`], and as a CTE what a write answers.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a query that can stand inside of another",
    note = "give a `select()`, or a union of some"
)]
pub trait Rowset: Sealed {
    /// What its rows become.
    type Shape: Shape;

    #[doc(hidden)]
    fn into_rowset(self) -> RowsetArgument;
}

/// A [`Rowset`] whose rows are of one type: what a union, a recursion or an insert puts together.
#[diagnostic::on_unimplemented(
    message = "the rows of this query are not `{S}`",
    label = "rows of another type",
    note = "select as many columns, of the same types and in the same order, as on the other side"
)]
pub trait RowsetOf<S>: Rowset<Shape = S> {}

/// A [`Rowset`] of one column that holds a `B`.
#[diagnostic::on_unimplemented(
    message = "this query does not select one column of type `{B}`",
    label = "rows of another type",
    note = "select one column of this type, or its `Option`: `Post::select().columns(Post::AUTHOR_ID)`"
)]
pub trait OneColumn<B>: Rowset {}

macro_rules! of {
    ([$($generics:tt)*] $of:ident<$($before:ident,)?>) => {
        impl<$($generics)* S: Shape> RowsetOf<S> for $of<$($before,)? S> {}
        impl<$($generics)* T: FromRow + Holds<B>, B> OneColumn<B> for $of<$($before,)? Values<T>> {}
    };
}

of!([E,] Select<E,>);
of!([] Compound<>);

/// Held by the queries of this crate alone.
pub trait Sealed {}

macro_rules! rowset {
    ([$($generics:tt)*] $of:ty, $shape:ty) => {
        impl<$($generics)*> $of {
            /// The rows of this query and of another, each once.
            ///
            /// # Example
            /// ```
            /// # use orm_blog::*;
            /// # run(async |engine| {
            /// use anyorm::prelude::*;
            ///
            /// let names = User::select().columns(User::NAME).union(Tag::select().columns(Tag::NAME));
            /// assert_eq!(engine.count(names).await?, 4);
            /// # Ok(()) });
            /// ```
            pub fn union(self, other: impl RowsetOf<$shape>) -> Compound<$shape> {
                self.put_together(SetOperation::Union, other.into_rowset().0)
            }

            /// The rows of this query and of another, all of them.
            pub fn union_all(self, other: impl RowsetOf<$shape>) -> Compound<$shape> {
                self.put_together(SetOperation::UnionAll, other.into_rowset().0)
            }

            /// The rows that this query and another have in common, each once.
            ///
            /// # Example
            /// ```
            /// # use orm_blog::*;
            /// # run(async |engine| {
            /// use anyorm::prelude::*;
            ///
            /// let writers = Post::select().columns(Post::AUTHOR_ID);
            /// let ids = User::select().columns(User::ID);
            /// assert_eq!(engine.all(ids.clone().intersect(writers.clone())).await?, [1]);
            /// assert_eq!(engine.all(ids.except(writers)).await?, [2]);
            /// # Ok(()) });
            /// ```
            pub fn intersect(self, other: impl RowsetOf<$shape>) -> Compound<$shape> {
                self.put_together(SetOperation::Intersect, other.into_rowset().0)
            }

            /// The rows of this query that another has not, each once.
            pub fn except(self, other: impl RowsetOf<$shape>) -> Compound<$shape> {
                self.put_together(SetOperation::Except, other.into_rowset().0)
            }

            /// The rows of this query as a table in FROM: a subquery. It is written wherever it is read from.
            ///
            /// # Example
            /// ```
            /// # use orm_blog::*;
            /// # run(async |engine| {
            /// use anyorm::prelude::*;
            ///
            /// let counts = Post::select().group_by(Post::AUTHOR_ID).columns(count_all()).derived();
            /// let most = counts.select().columns(max(counts.columns()));
            /// assert_eq!(engine.scalar(most).await?, Some(2));
            /// # Ok(()) });
            /// ```
            pub fn derived(self) -> <$shape as Sourced>::Source {
                <$shape as Sourced>::derive(self.into_rowset())
            }

            /// The rows of this query as a CTE: WITH stands before the statement that reads from it, once, however often it
            /// is read from.
            ///
            /// # Example
            /// ```
            /// # use orm_blog::*;
            /// # run(async |engine| {
            /// use anyorm::prelude::*;
            ///
            /// let posts = Post::select().group_by(Post::AUTHOR_ID).columns((Post::AUTHOR_ID, count_all())).cte();
            /// let (author, written) = posts.columns();
            /// let most = posts.select().columns(max(written)).subquery();
            /// let busiest = User::select().join_on(&posts, author.eq(User::ID)).filter(written.eq(most));
            /// assert_eq!(engine.one(busiest).await?.name, "Ada");
            /// # Ok(()) });
            /// ```
            pub fn cte(self) -> <$shape as Sourced>::Source {
                <$shape as Sourced>::with(self.into_rowset())
            }
        }
    };
}

rowset!([E, S: Sourced] Select<E, S>, S);
rowset!([S: Sourced] Compound<S>, S);

impl<E, S: Sourced> Select<E, S> {
    fn put_together(self, operation: SetOperation, other: Body) -> Compound<S> {
        Compound::new(self.into_rowset().0, operation, other, S::all_columns().0)
    }
}

impl<S: Sourced> Compound<S> {
    fn put_together(self, operation: SetOperation, other: Body) -> Self {
        self.combine(operation, other)
    }
}

impl<S: Shape> Compound<S> {
    /// Whether there are rows, as a condition of another query.
    pub fn exists(self) -> Expr<bool> {
        Expr::of(Kind::Exists(Box::new(self.into_rowset().0)))
    }

    /// How many rows there are, as a value of another query.
    pub fn count(self) -> Expr<i64> {
        Expr::of(Kind::CountOf(Box::new(self.into_rowset().0)))
    }
}

impl<T: SqlType> Compound<Values<T>> {
    /// The one value, as a value of another query; NULL if there are no rows.
    pub fn subquery(self) -> Expr<Option<T::Base>> {
        Expr::of(Kind::Subquery(Box::new(self.into_rowset().0)))
    }
}

macro_rules! write {
    ($($of:ident),*) => {$(
        impl<E, S> Sealed for $of<E, S> {}

        impl<E: Entity, S: Shape> Rowset for $of<E, S> {
            type Shape = S;

            fn into_rowset(self) -> RowsetArgument {
                RowsetArgument(Body::$of(Box::new(self.into_body())))
            }
        }

        impl<E: Entity, S: Sourced> $of<E, S> {
            /// What it answers by RETURNING as a CTE: the write runs with the statement that reads from it. PostgreSQL alone has
            /// such a thing; elsewhere it is an error when the statement is compiled.
            pub fn cte(self) -> <S as Sourced>::Source {
                <S as Sourced>::with(self.into_rowset())
            }
        }
    )*};
}

write!(Insert, Update, Delete);
