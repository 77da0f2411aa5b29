//! Queries that stand before a statement, under WITH.

use std::sync::Arc;

use super::fields::FieldSource;
use super::{Alias, Columns, Derived, Fields, Source, SourceId, SourceOf};
use crate::entity::Entity;
use crate::query::{Shape, Values, Whole};
use crate::stmt::Body;

/// A query that stands before the statement, and is computed once for all who read from it.
#[derive(Clone, Debug)]
pub(crate) struct With {
    pub(crate) id: SourceId,
    pub(crate) body: Body,
    /// What is found from what was found before, until nothing new is; and whether rows that were found already count.
    pub(crate) step: Option<(Body, bool)>,
    pub(crate) columns: Columns,
}

/// Shapes of queries that other queries can read from.
#[diagnostic::on_unimplemented(
    message = "no query can read from the rows of this one",
    note = "select columns, expressions, or whole entities without `.with(..)`"
)]
pub trait Sourced: Shape {
    /// [`Alias`] for entities, [`Derived`] for values.
    type Source;

    /// Its columns, to order a [`Compound`](crate::Compound) by.
    type Ordered;

    #[doc(hidden)]
    fn ordered(source: FieldSource) -> Self::Ordered;

    #[doc(hidden)]
    fn all_columns() -> ColumnsArgument;

    #[doc(hidden)]
    fn derive(query: RowsetArgument) -> Self::Source;

    #[doc(hidden)]
    fn with(query: RowsetArgument) -> Self::Source;

    #[doc(hidden)]
    fn recursion(
        all: bool,
        base: RowsetArgument,
        step: &mut dyn FnMut(&Self::Source) -> RowsetArgument,
    ) -> Self::Source;
}

/// All columns of a shape.
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
pub struct ColumnsArgument(pub(crate) Columns);

/// A query on its way into another.
#[doc(hidden)]
#[derive(Debug)]
pub struct RowsetArgument(pub(crate) Body);

fn derive(query: RowsetArgument, columns: Columns) -> Source {
    Source::made(SourceOf::Query(Arc::new(query.0)), columns)
}

fn with(query: RowsetArgument, columns: Columns) -> Source {
    let id = SourceId::new();
    let with = With { id, body: query.0, step: None, columns };
    Source { of: SourceOf::With(Arc::new(with)), id: Some(id), columns }
}

/// The CTE is known by its id in its own step, where it is not whole yet.
fn recursion(
    all: bool,
    base: RowsetArgument,
    columns: Columns,
    step: impl FnOnce(Source) -> RowsetArgument,
) -> Source {
    let id = SourceId::new();
    let RowsetArgument(step) = step(Source { of: SourceOf::Itself(id), id: Some(id), columns });
    let with = With { id, body: base.0, step: Some((step, all)), columns };
    Source { of: SourceOf::With(Arc::new(with)), id: Some(id), columns }
}

macro_rules! sourced {
    ([$($generics:tt)*] $shape:ty => $source:ty, $columns:expr, $ordered:ty, $order:expr) => {
        impl<$($generics)*> Sourced for $shape {
            type Source = $source;
            type Ordered = $ordered;

            fn ordered(source: FieldSource) -> Self::Ordered {
                $order(source)
            }

            fn all_columns() -> ColumnsArgument {
                ColumnsArgument($columns)
            }

            fn derive(query: RowsetArgument) -> Self::Source {
                <$source>::of(derive(query, $columns))
            }

            fn with(query: RowsetArgument) -> Self::Source {
                <$source>::of(with(query, $columns))
            }

            fn recursion(
                all: bool,
                base: RowsetArgument,
                step: &mut dyn FnMut(&Self::Source) -> RowsetArgument,
            ) -> Self::Source {
                <$source>::of(recursion(all, base, $columns, |itself| step(&<$source>::of(itself))))
            }
        }
    };
}

sourced!(
    [E: Entity] Whole<E> => Alias<E>,
    Columns::Entity(E::meta()),
    Alias<E>,
    |FieldSource(id)| Alias::of(Source {
        of: SourceOf::Itself(id),
        id: Some(id),
        columns: Columns::Entity(E::meta()),
    })
);
sourced!([T: Fields] Values<T> => Derived<T>, Columns::Made(T::WIDTH), T::Columns, T::columns);
