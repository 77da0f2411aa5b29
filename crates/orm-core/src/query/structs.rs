//! Rows as structs: what `#[derive(FromRow)]` makes, and what lets the compiler compare a struct with what is selected.

use std::marker::PhantomData;

use super::{FromRow, Selection};
use crate::column::Column;
use crate::entity::Entity;
use crate::expr::{Aggregate, Expr, Field, Kind, Node};
use crate::row::{ColumnError, Row};
use crate::types::SqlType;

/// A struct that reads one column for each of its fields, in their order. Derived along with [`FromRow`].
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not read from several columns",
    label = "not a struct of columns",
    note = "write `#[derive(FromRow)]` on the struct"
)]
pub trait RowStruct: Sized + Send + 'static {
    /// Its name.
    const NAME: &'static str;
    /// How many columns it reads.
    const WIDTH: usize;

    /// Reads its fields from the first columns of a row, which may have more.
    ///
    /// # Errors
    /// If a value does not fit its field.
    fn read(row: &Row<'_>) -> Result<Self, ColumnError>;
}

/// A field that is a struct of columns itself: one that is always there, or an `Option` of one that is not where all of
/// its columns are NULL.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not read from several columns",
    label = "not a struct of columns",
    note = "`#[row(nested)]` is for a struct that derives `FromRow`, and for an `Option` of one"
)]
pub trait NestedRow: Sized {
    /// How many columns it reads.
    const WIDTH: usize;

    /// Reads it from the first columns of a row, which may have more.
    ///
    /// # Errors
    /// If a value does not fit its field.
    fn nested(row: &Row<'_>) -> Result<Self, ColumnError>;
}

impl<T: RowStruct> NestedRow for T {
    const WIDTH: usize = T::WIDTH;

    #[inline]
    fn nested(row: &Row<'_>) -> Result<Self, ColumnError> {
        T::read(row)
    }
}

impl<T: RowStruct> NestedRow for Option<T> {
    const WIDTH: usize = T::WIDTH;

    #[inline]
    fn nested(row: &Row<'_>) -> Result<Self, ColumnError> {
        if row.is_null(T::WIDTH) { Ok(None) } else { T::read(row).map(Some) }
    }
}

/// A field that is one column.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be read from one column",
    label = "no column holds `{Self}`",
    note = "a struct that derives `FromRow` is read from several columns: write `#[row(nested)]` above the field",
    note = "a column holds i8 to i64, u8 to u32, f32, f64, bool, String, Vec<u8>, `Json<T>`, Timestamp and other types of \
            `SqlType`, and `Option` of these"
)]
pub trait RowField: Sized {
    /// Reads it.
    ///
    /// # Errors
    /// If the value does not fit.
    fn field(row: &Row<'_>, index: usize) -> Result<Self, ColumnError>;
}

#[diagnostic::do_not_recommend]
impl<T: SqlType> RowField for T {
    #[inline]
    fn field(row: &Row<'_>, index: usize) -> Result<Self, ColumnError> {
        row.get(index)
    }
}

/// A struct that can be read from the columns that a tuple stands for: its fields have their types, in their order. What
/// `#[derive(FromRow)]` implements, for `.columns((..)).rows_as::<Report>()`.
///
/// # Example
/// ```
/// # use orm_blog::*;
/// # run(async |engine| {
/// use anyorm::prelude::*;
/// use anyorm::query::RowOf;
///
/// /// Of any struct that has an id and a name.
/// async fn users<R: RowOf<(i64, String)>>(engine: &Engine) -> anyorm::Result<Vec<R>> {
///     engine.all(User::select().order_by(User::ID).columns((User::ID, User::NAME)).rows_as::<R>()).await
/// }
///
/// #[derive(FromRow)]
/// struct Author {
///     id: i64,
///     name: String,
/// }
///
/// let authors = users::<Author>(&engine).await?;
/// assert_eq!((authors[1].id, &*authors[1].name), (2, "Grace"));
/// # Ok(()) });
/// ```
#[diagnostic::on_unimplemented(
    message = "the columns `{Columns}` are not the fields of `{Self}`",
    label = "its fields have other types, or stand in another order",
    note = "each field is read from the column at its place: give `.columns((..))` one for each field, of its type; a struct \
            with more than sixteen fields, or with nested ones, names its columns itself, for `.project::<..>()`"
)]
pub trait RowOf<Columns>: FromRow {}

/// A struct each of whose fields says by `#[row(..)]` which expression it is made of. What `#[derive(FromRow)]` implements,
/// for `.project::<Report>()`.
///
/// # Example
/// ```
/// # use orm_blog::*;
/// # run(async |engine| {
/// use anyorm::prelude::*;
/// use anyorm::query::Projection;
///
/// /// Whatever a struct selects of the users.
/// async fn users<R: Projection>(engine: &Engine) -> anyorm::Result<Vec<R>> {
///     engine.all(User::select().order_by(User::ID).project::<R>()).await
/// }
///
/// #[derive(FromRow)]
/// struct Author {
///     #[row(User::NAME)]
///     name: String,
/// }
///
/// assert_eq!(users::<Author>(&engine).await?[1].name, "Grace");
/// # Ok(()) });
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not say what its fields are made of",
    label = "not a projection",
    note = "write `#[derive(FromRow)]` on the struct, and above each field its expression: `#[row(User::NAME)]`, \
            `#[row(count(Post::ID))]`; or select a tuple: `.columns((..)).rows_as::<{Self}>()`"
)]
pub trait Projection: FromRow {
    /// Adds the expression of each field.
    #[doc(hidden)]
    fn nodes(out: &mut Vec<Node>);
}

/// A nested field of a [`Projection`].
#[doc(hidden)]
pub trait NestedProjection {
    /// Adds the expression of each field.
    fn nested_nodes(out: &mut Vec<Node>);
}

impl<T: Projection> NestedProjection for T {
    fn nested_nodes(out: &mut Vec<Node>) {
        T::nodes(out);
    }
}

/// Each of its columns may be NULL: where the table is left-joined.
impl<T: Projection> NestedProjection for Option<T> {
    fn nested_nodes(out: &mut Vec<Node>) {
        let from = out.len();
        T::nodes(out);
        let own = out.split_off(from);
        out.extend(own.into_iter().map(|node| Node(Kind::Optional(node.boxed()))));
    }
}

/// What a field of type `T` can be made of: a column or an expression of that type.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not give the `{T}` of this field",
    label = "not a column or expression of type `{T}`",
    note = "give the field the type of its expression; a column of a left-joined table is `Post::TITLE.optional()`, and its \
            field an `Option`"
)]
pub trait Gives<T> {
    /// The expression.
    fn given(self) -> Node;
}

impl<E: Entity, T: SqlType> Gives<T> for Column<E, T> {
    fn given(self) -> Node {
        Expr::<T>::from(self).into_node()
    }
}

impl<T: SqlType> Gives<T> for Field<T> {
    fn given(self) -> Node {
        self.into_node()
    }
}

impl<T: SqlType> Gives<T> for Aggregate<T> {
    fn given(self) -> Node {
        self.into_node()
    }
}

impl<T: SqlType> Gives<T> for Expr<T> {
    fn given(self) -> Node {
        self.into_node()
    }
}

/// Reads a struct from a row that has exactly its columns.
///
/// # Errors
/// If there are more or fewer, or a value does not fit its field.
#[doc(hidden)]
#[inline]
pub fn read_struct<T: RowStruct>(row: &Row<'_>) -> Result<T, ColumnError> {
    if row.width() != T::WIDTH {
        return Err(miscounted::<T>(row));
    }
    T::read(row).map_err(|error| error.of(T::NAME))
}

#[cold]
fn miscounted<T: RowStruct>(row: &Row<'_>) -> ColumnError {
    let names = (0..row.width()).map(|index| format!("`{}`", row.name(index))).collect::<Vec<_>>();
    let (width, reads) = (row.width(), T::WIDTH);
    let columns = if width == 1 { "column" } else { "columns" };
    let found = format!("{width} {columns}, where it reads {reads}: {}", names.join(", "));
    let mut error = ColumnError::new(0, "a row with a column for each field, in their order", found);
    error.column = T::NAME.to_owned();
    error
}

/// A [`Projection`] as what is selected.
#[derive(Debug)]
pub(crate) struct Projected<T>(PhantomData<fn() -> T>);

impl<T> Projected<T> {
    pub(crate) fn new() -> Self {
        Self(PhantomData)
    }
}

impl<T: Projection> Selection for Projected<T> {
    type Output = T;

    fn nodes(self, out: &mut Vec<Node>) {
        T::nodes(out);
    }
}
