//! What a statement answers, read into structs: `project`, `returning_as`, `rows_as`.

use super::{Delete, Insert, Select, Update};
use crate::entity::Entity;
use crate::query::{Nothing, Projected, Projection, RowOf, Values, Whole};

impl<E: Entity> Select<E, Whole<E>> {
    /// Selects what the fields of a struct are made of, and reads each row into one: [`FromRow`](crate::FromRow)
    /// with `#[row(..)]` above each field. There may be more than sixteen.
    ///
    /// # Example
    /// ```
    /// # use orm_blog::*;
    /// # run(async |engine| {
    /// use anyorm::prelude::*;
    ///
    /// #[derive(Debug, PartialEq, FromRow)]
    /// struct Report {
    ///     #[row(User::NAME)]
    ///     name: String,
    ///     #[row(count(Post::ID))]
    ///     posts: i64,
    /// }
    ///
    /// let reports = User::select().left_join(User::POSTS).group_by(User::NAME).order_by(User::NAME);
    /// let reports = engine.all(reports.project::<Report>()).await?;
    /// assert_eq!(reports[0], Report { name: "Ada".into(), posts: 2 });
    /// assert_eq!(reports[1], Report { name: "Grace".into(), posts: 0 });
    /// # Ok(()) });
    /// ```
    pub fn project<R: Projection>(self) -> Select<E, Values<R>> {
        self.columns(Projected::<R>::new())
    }
}

impl<E: Entity, T> Select<E, Values<T>> {
    /// Reads each row into a struct whose fields have the types of the columns, in their order:
    /// [`FromRow`](crate::FromRow).
    ///
    /// # Example
    /// ```
    /// # use orm_blog::*;
    /// # run(async |engine| {
    /// use anyorm::prelude::*;
    ///
    /// #[derive(Debug, PartialEq, FromRow)]
    /// struct Report {
    ///     name: String,
    ///     posts: i64,
    /// }
    ///
    /// let reports = User::select().left_join(User::POSTS).group_by(User::NAME).order_by(User::NAME);
    /// let reports = reports.columns((User::NAME, count(Post::ID))).rows_as::<Report>();
    /// assert_eq!(engine.all(reports).await?[0], Report { name: "Ada".into(), posts: 2 });
    /// # Ok(()) });
    /// ```
    pub fn rows_as<R: RowOf<T>>(self) -> Select<E, Values<R>> {
        Select::of(self.into_body())
    }
}

macro_rules! writes {
    ($($write:ident, $example:literal;)*) => {$(
        impl<E: Entity> $write<E, Nothing> {
            /// Answers what the fields of a struct are made of, for each row that is written, and reads it into one:
            /// [`FromRow`](crate::FromRow) with `#[row(..)]` above each field.
            ///
            /// # Example
            /// ```
            /// # use orm_blog::*;
            /// # run(async |engine| {
            /// use anyorm::prelude::*;
            ///
            /// #[derive(Debug, PartialEq, FromRow)]
            /// struct Written {
            ///     #[row(Tag::ID)]
            ///     id: i64,
            ///     #[row(Tag::NAME)]
            ///     name: String,
            /// }
            ///
            #[doc = $example]
            /// assert_eq!(engine.one(write.returning_as::<Written>()).await?.id, 2);
            /// # Ok(()) });
            /// ```
            pub fn returning_as<R: Projection>(self) -> $write<E, Values<R>> {
                self.returning(Projected::<R>::new())
            }
        }

        impl<E: Entity, T> $write<E, Values<T>> {
            /// Reads each row of the answer into a struct whose fields have the types of the columns, in their order:
            /// [`FromRow`](crate::FromRow).
            ///
            /// # Example
            /// ```
            /// # use orm_blog::*;
            /// # run(async |engine| {
            /// use anyorm::prelude::*;
            ///
            /// #[derive(Debug, PartialEq, FromRow)]
            /// struct Written {
            ///     id: i64,
            ///     name: String,
            /// }
            ///
            #[doc = $example]
            /// let write = write.returning((Tag::ID, Tag::NAME)).rows_as::<Written>();
            /// assert_eq!(engine.one(write).await?.id, 2);
            /// # Ok(()) });
            /// ```
            pub fn rows_as<R: RowOf<T>>(self) -> $write<E, Values<R>> {
                $write::of(self.body)
            }
        }
    )*};
}

writes! {
    Insert, "let write = Tag::insert().value(Tag { id: 2, name: \"verse\".into() }).on_conflict(Tag::ID).do_update(Tag::NAME);";
    Update, "let write = Tag::update().set(Tag::NAME, \"verse\").filter(Tag::ID.eq(2));";
    Delete, "let write = Tag::delete().filter(Tag::ID.eq(2));";
}
