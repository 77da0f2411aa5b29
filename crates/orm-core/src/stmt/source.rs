//! What rows come from: tables, and what has no name of its own in Rust: aliases, subqueries, CTEs, lists of values.
//!
//! A source without a name of its own is known by an id. How it is called is decided when the statement is written, so
//! that no name ever comes from outside, and the text of a query is the same each time it is built.

mod alias;
mod cte;
mod derived;
mod fields;
mod recursive;
mod values;

pub use alias::{Alias, Table, table};
pub use cte::Sourced;
pub use derived::Derived;
pub use fields::Fields;
pub use recursive::{recursive, recursive_all};
pub use values::values;

pub use cte::RowsetArgument;
pub use fields::FieldSource;

pub(crate) use cte::With;
pub(crate) use values::ValuesBody;

use std::num::NonZeroU64;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::Body;
use crate::entity::EntityMeta;
use crate::expr::{Kind, Node};

/// Tells sources apart that have no name of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SourceId(NonZeroU64);

impl SourceId {
    /// One that no other source has.
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let id = NEXT.fetch_add(1, Ordering::Relaxed);
        Self(NonZeroU64::new(id).unwrap_or(NonZeroU64::MIN))
    }
}

/// A column of such a source.
#[derive(Clone, Copy, Debug)]
pub(crate) enum FieldColumn {
    /// The column of an entity.
    Entity(&'static EntityMeta, usize),
    /// One without a name, by its place, and whether its type says that it may be NULL.
    Made(usize, bool),
}

/// All columns of a source, or of a query.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Columns {
    /// Those of an entity.
    Entity(&'static EntityMeta),
    /// So many without a name.
    Made(usize),
}

/// Something that stands in FROM.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    pub(crate) of: SourceOf,
    /// Where it does not go by the name of its table.
    pub(crate) id: Option<SourceId>,
    pub(crate) columns: Columns,
}

#[derive(Clone, Debug)]
pub(crate) enum SourceOf {
    /// The table of an entity.
    Table(&'static EntityMeta),
    /// A query, in parentheses.
    Query(Arc<Body>),
    /// A query that stands before the statement.
    With(Arc<With>),
    /// Inside of a recursive one: what it has found so far.
    Itself(SourceId),
}

impl Source {
    /// The table of an entity under its own name.
    pub(crate) fn table(entity: &'static EntityMeta) -> Self {
        Self { of: SourceOf::Table(entity), id: None, columns: Columns::Entity(entity) }
    }

    /// A source under a name that is made for it.
    pub(crate) fn made(of: SourceOf, columns: Columns) -> Self {
        Self { of, id: Some(SourceId::new()), columns }
    }

    /// The same under another name.
    pub(crate) fn again(&self) -> Self {
        Self { id: Some(SourceId::new()), ..self.clone() }
    }

    /// The entity whose rows it has.
    pub(crate) fn entity(&self) -> Option<&'static EntityMeta> {
        match self.columns {
            Columns::Entity(entity) => Some(entity),
            Columns::Made(_) => None,
        }
    }

    /// The entity whose table it is, under the table's own name.
    pub(crate) fn own_table(&self) -> Option<&'static EntityMeta> {
        match self.of {
            SourceOf::Table(entity) if self.id.is_none() => Some(entity),
            _ => None,
        }
    }

    /// Every column, as an expression.
    pub(crate) fn every_column(&self) -> Vec<Node> {
        let width = match self.columns {
            Columns::Entity(entity) => entity.columns.len(),
            Columns::Made(width) => width,
        };
        (0..width).map(|at| self.column(at)).collect()
    }

    fn column(&self, at: usize) -> Node {
        match (self.id, self.columns) {
            (Some(source), Columns::Entity(entity)) => {
                Node(Kind::Field { source, column: FieldColumn::Entity(entity, at) })
            }
            (Some(source), Columns::Made(_)) => {
                Node(Kind::Field { source, column: FieldColumn::Made(at, true) })
            }
            (None, Columns::Entity(entity)) => Node(Kind::Column { entity, position: at }),
            (None, Columns::Made(_)) => Node(Kind::Problem("a source without a name".to_owned())),
        }
    }
}

/// What a query can read from besides a table along a relation: [`table`], an [`Alias`], a [`Derived`] table.
#[diagnostic::on_unimplemented(
    message = "a query cannot read from `{Self}`",
    label = "not a table, an alias, or a derived table",
    note = "join `table::<User>()`, an alias from `User::alias()`, or what `.derived()`, `.cte()` and `values(..)` make; \
            along a relation, use `.join(User::POSTS)`"
)]
pub trait IntoSource: sealed::Sealed {
    #[doc(hidden)]
    fn into_source(self) -> SourceArgument;
}

/// A source on its way into a statement.
#[doc(hidden)]
#[derive(Debug)]
pub struct SourceArgument(pub(crate) Source);

pub(crate) mod sealed {
    pub trait Sealed {}
}
