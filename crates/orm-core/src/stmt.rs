//! Statements: what the builders make and a dialect turns into text.

mod cheap;
mod compound;
mod conflict;
mod delete;
mod filters;
mod insert;
mod join;
mod loads;
mod lock;
mod page;
mod raw;
mod reading;
mod rowset;
mod scope;
mod select;
mod set;
mod source;
mod update;

pub use compound::Compound;
pub use conflict::{Columns, ConflictUpdate, FilledBy, Fills, OnConflict, excluded};
pub use delete::Delete;
#[doc(hidden)]
pub use filters::Filters;
pub use insert::Insert;
pub use loads::{Load, Loads};
pub use page::{IntoPageCursor, Keyed, PageCursor};
#[doc(hidden)]
pub use raw::SqlParts;
pub use raw::{Hole, Identifier, InvalidIdentifier, List, Raw, SqlText, Trusted, list, sql};
pub use rowset::{OneColumn, Rowset, RowsetOf};
pub use select::Select;
#[doc(hidden)]
pub use set::check_value;
pub use source::{
    Alias, Derived, Fields, IntoSource, Sourced, Table, recursive, recursive_all, table, values,
};
#[doc(hidden)]
pub use source::{FieldSource, RowsetArgument, SourceArgument};
pub use update::Update;

pub(crate) use compound::{CompoundBody, SetOperation};
pub(crate) use conflict::{Action, Conflict};
pub(crate) use delete::DeleteBody;
pub(crate) use insert::InsertBody;
use join::join_path;
pub(crate) use join::{Hop, Name, hops, hops_between};
pub(crate) use lock::{Lock, LockStrength, LockWait};
pub(crate) use raw::{Fragment, Piece, only_reads};
pub(crate) use select::{Distinct, Join, JoinTo, SelectBody};
pub(crate) use set::next_version;
pub(crate) use source::{
    Columns as SourceColumns, FieldColumn, Source, SourceId, SourceOf, ValuesBody, With,
};
pub(crate) use update::UpdateBody;

use std::sync::Arc;

use crate::cells::Cells;
use crate::copy::CopyFormat;
use crate::dialect::Dialect;
use crate::dispatch::Dispatch;
use crate::entity::EntityMeta;
use crate::error::{Error, Result};
use crate::expr::{Kind, Node};
use crate::program::{Program, StatementShape};
use crate::render;

/// A finished statement, without types.
#[derive(Clone, Debug)]
pub struct Statement {
    pub(crate) body: Body,
    /// The relations to load with the rows.
    pub(crate) loads: Loads,
    /// Whether what is read overwrites what the session has.
    pub(crate) populate: bool,
    /// Where it runs, if not as the engine says.
    pub(crate) dispatch: Option<Dispatch>,
}

#[derive(Clone, Debug)]
pub(crate) enum Body {
    Raw(raw::RawBody),
    Select(Box<SelectBody>),
    Compound(Box<CompoundBody>),
    /// Rows of values.
    Values(Box<ValuesBody>),
    Insert(Box<InsertBody>),
    Update(Box<UpdateBody>),
    Delete(Box<DeleteBody>),
    /// How many rows the inner one has.
    Count(Box<Body>),
    /// Whether the inner one has rows.
    Exists(Box<Body>),
}

/// A statement as text with its parameters.
#[derive(Clone, Debug)]
pub struct Compiled {
    /// The text and what it takes and answers.
    pub shape: Arc<StatementShape>,
    /// The parameters.
    pub input: Cells,
    /// Where it runs, if not as the engine says.
    pub dispatch: Option<Dispatch>,
}

impl From<Compiled> for Program {
    fn from(compiled: Compiled) -> Self {
        Self { dispatch: compiled.dispatch, ..Self::single(compiled.shape, compiled.input) }
    }
}

/// The tables that a statement reads, for autoflush.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reads {
    /// These tables.
    Tables(Vec<&'static str>),
    /// Raw SQL that does not say: any table.
    Any,
}

impl Statement {
    /// The text of the statement in a dialect, with its parameters.
    ///
    /// # Errors
    /// If the dialect cannot say it: it has more parameters than the database takes.
    pub fn compile(&self, dialect: &Dialect) -> Result<Compiled> {
        let compiled = render::statement(&self.body, &self.loads, dialect)?;
        Ok(Compiled { dispatch: self.dispatch, ..compiled })
    }

    /// The same as a COPY, whose answer is its rows as text. The values of the query are written into it: see
    /// [`CopyFormat`].
    ///
    /// # Errors
    /// If the dialect has no such thing, for what is no query of rows, relations to load with them, raw SQL that binds values,
    /// and values that cannot be written.
    pub fn copy_out(&self, format: CopyFormat, dialect: &Dialect) -> Result<Compiled> {
        render::copy_out(&self.body, &self.loads, format, dialect)
    }

    /// The tables it reads, those of its subqueries and of the relations to load included. Any, where a CTE writes: what it finds
    /// depends on everything that is pending.
    pub fn reads(&self) -> Reads {
        if !self.writing_ctes().is_empty() {
            return Reads::Any;
        }
        let mut tables = Vec::new();
        if let Some(all) = self.body.reads(&mut tables) {
            return all;
        }
        self.loads.reads(&mut tables);
        Reads::Tables(tables)
    }

    /// The entities that its CTEs write.
    #[doc(hidden)]
    pub fn writing_ctes(&self) -> Vec<&'static EntityMeta> {
        if self.body.has_made_sources() { render::written_by_ctes(&self.body) } else { Vec::new() }
    }

    /// The table it writes, if it is a typed insert, update or delete.
    pub fn writes(&self) -> Option<&'static str> {
        self.body.written().map(|entity| entity.table)
    }

    /// Whether the entities that it answers overwrite what a session has of them: [`Select::populate_existing`].
    pub fn populates_existing(&self) -> bool {
        self.populate || matches!(&self.body, Body::Insert(insert) if insert.populate_existing)
    }

    /// The relations to load with its rows.
    pub fn loads(&self) -> &Loads {
        &self.loads
    }

    /// The same query for at most `rows` rows: `first` asks for one, `one` for two. A smaller limit stays. Statements
    /// that have no limit, raw SQL among them, stay as they are.
    #[must_use]
    pub fn with_limit(mut self, rows: u64) -> Self {
        let limit = match &mut self.body {
            Body::Select(select) => &mut select.limit,
            Body::Compound(compound) => &mut compound.limit,
            _ => return self,
        };
        *limit = Some(limit.map_or(rows, |limit| limit.min(rows)));
        self
    }

    /// A query that answers the keys of the entities that this one answers, in its order, and the column at which each
    /// key begins.
    ///
    /// # Errors
    /// If it writes, or its rows have no key in neighbouring columns.
    #[doc(hidden)]
    pub fn into_keys(mut self, entity: &'static EntityMeta) -> Result<(Self, usize)> {
        match &mut self.body {
            Body::Select(select) => {
                let own = select.from.every_column();
                let column = |position: usize| match select.from.entity() {
                    Some(own_entity) if own_entity.is(entity) => own[position].clone(),
                    _ => Node(Kind::Column { entity, position }),
                };
                // A row is known by its key, so that distinct rows have distinct keys.
                let mut columns: Vec<Node> = entity.key.iter().map(|&position| column(position)).collect();
                if !matches!(select.distinct, Distinct::None) {
                    // Distinct rows can be sorted only by what is selected.
                    let sorted = select.order_by.iter().flat_map(|order| order.node.as_column_of(entity));
                    columns.extend(sorted.filter(|position| !entity.key.contains(position)).map(column));
                }
                select.columns = Some(columns);
                self.loads = Loads::default();
                Ok((self, 0))
            }
            Body::Raw(_) if entity.key.windows(2).all(|pair| pair[0] + 1 == pair[1]) => {
                Ok((self, entity.key[0]))
            }
            Body::Raw(_) => Err(Error::build(format!(
                "the key fields of {} must stand next to each other to read its rows by them",
                entity.name
            ))),
            Body::Compound(_) | Body::Values(_) => Err(Error::build(
                "a cursor reads the rows of one query, and this is a union, intersect or except: use `all`, or `stream` of the \
                 engine",
            )),
            _ => Err(Error::build(format!(
                "a cursor only reads, and this is an insert, update or delete of {}: use `all` for the rows that it \
                 answers",
                entity.name
            ))),
        }
    }

    /// A query that answers how many rows this one has: one row of one integer. Whether this is a query at all is
    /// checked by [`compile`](Self::compile).
    #[must_use]
    pub fn into_count(self) -> Self {
        Body::Count(Box::new(self.body)).into()
    }

    /// A query that answers whether this one has rows: one row of one boolean. Whether this is a query at all is
    /// checked by [`compile`](Self::compile).
    #[must_use]
    pub fn into_exists(self) -> Self {
        Self { dispatch: self.dispatch, ..Body::Exists(Box::new(self.body)).into() }
    }

    /// A typed update or delete, made to answer the keys of the rows it affects, behind what it answers anyway; `None` for
    /// any other statement.
    pub fn criteria(&self) -> Option<Criteria> {
        let mut body = self.body.clone();
        let (entity, returning, deletes) = match &mut body {
            Body::Update(update) => (update.entity, &mut update.returning, false),
            Body::Delete(delete) => (delete.entity, &mut delete.returning, true),
            _ => return None,
        };
        let keys_at = returning.len() as u16;
        returning.extend(entity.key.iter().map(|&position| Node(Kind::Column { entity, position })));
        Some(Criteria { entity, statement: body.into(), keys_at, deletes })
    }
}

/// An update or delete by criteria that answers the keys of the rows it affects.
#[derive(Clone, Debug)]
pub struct Criteria {
    /// The entity whose rows it affects.
    pub entity: &'static EntityMeta,
    /// The statement.
    pub statement: Statement,
    /// The column of its rows where the key begins.
    pub keys_at: u16,
    /// Whether it deletes them.
    pub deletes: bool,
}

impl From<Body> for Statement {
    fn from(body: Body) -> Self {
        Self { body, loads: Loads::default(), populate: false, dispatch: None }
    }
}

impl Body {
    /// Whether there are sources in it whose names must be made before it is written.
    pub(crate) fn has_made_sources(&self) -> bool {
        match self {
            Body::Select(query) => {
                query.sources().any(|source| source.id.is_some())
                    || query.joins.iter().any(|join| matches!(join.to, JoinTo::Relation { to: Some(_), .. }))
                    || query.nodes().any(Node::has_made_sources)
            }
            Body::Compound(_) => true,
            Body::Count(inner) | Body::Exists(inner) => inner.has_made_sources(),
            Body::Insert(insert) => insert.query.is_some() || insert.nodes().any(Node::has_made_sources),
            Body::Update(update) => !update.from.is_empty() || update.nodes().any(Node::has_made_sources),
            Body::Delete(delete) => !delete.using.is_empty() || delete.nodes().any(Node::has_made_sources),
            Body::Raw(raw) => raw.nodes().iter().any(Node::has_made_sources),
            Body::Values(_) => false,
        }
    }

    /// The entity that it writes, if it is a typed insert, update or delete.
    pub(crate) fn written(&self) -> Option<&'static EntityMeta> {
        match self {
            Body::Insert(insert) => Some(insert.entity),
            Body::Update(update) => Some(update.entity),
            Body::Delete(delete) => Some(delete.entity),
            _ => None,
        }
    }

    /// Whether it is a query for some rows only.
    pub(crate) fn has_limit(&self) -> bool {
        match self {
            Body::Select(query) => query.limit.is_some() || query.offset.is_some(),
            Body::Compound(compound) => compound.limit.is_some() || compound.offset.is_some(),
            _ => false,
        }
    }

    /// Calls `each` with every expression of a query, those of its subqueries aside.
    fn each_node<'a>(&'a self, each: &mut dyn FnMut(&'a Node) -> Result<()>) -> Result<()> {
        match self {
            Body::Select(query) => query.nodes().try_for_each(each),
            Body::Compound(compound) => {
                compound.first.each_node(each)?;
                compound.rest.iter().try_for_each(|(_, body)| body.each_node(each))
            }
            _ => Ok(()),
        }
    }

    /// Checks every expression against the tables that are in scope.
    fn check_in(&self, outer: Option<&scope::Scope<'_>>) -> Result<()> {
        match self {
            Body::Select(select) => select.check_in(outer),
            Body::Compound(compound) => {
                compound.check_order()?;
                compound.first.check_in(outer)?;
                compound.rest.iter().try_for_each(|(_, body)| body.check_in(outer))
            }
            Body::Insert(insert) => insert.check(),
            Body::Update(update) => update.check(),
            Body::Delete(delete) => delete.check(),
            Body::Values(_) | Body::Raw(_) | Body::Count(_) | Body::Exists(_) => Ok(()),
        }
    }

    /// Adds the tables that it reads, or answers that they are not known.
    fn reads(&self, out: &mut Vec<&'static str>) -> Option<Reads> {
        match self {
            Body::Raw(raw) => return Some(raw.reads()),
            Body::Select(select) => select.reads(out),
            Body::Compound(compound) => {
                let bodies =
                    std::iter::once(&compound.first).chain(compound.rest.iter().map(|(_, body)| body));
                return bodies.fold(None, |all, body| body.reads(out).or(all));
            }
            Body::Values(_) => {}
            Body::Insert(insert) => insert.reads(out),
            Body::Update(update) => update.reads(out),
            Body::Delete(delete) => delete.reads(out),
            Body::Count(inner) | Body::Exists(inner) => return inner.reads(out),
        }
        None
    }
}

fn all_columns(entity: &'static EntityMeta) -> Vec<Node> {
    (0..entity.columns.len()).map(|position| Node(Kind::Column { entity, position })).collect()
}

/// Refuses a statement that would change every row without saying so.
fn check_criteria(verb: &str, entity: &EntityMeta, filter: &[Node], everything: bool) -> Result<()> {
    match (filter.is_empty(), everything) {
        (true, false) => Err(Error::build(format!(
            "this {verb} would affect every row of {}: add `.filter(..)`, or say so with `.everything()`",
            entity.table
        ))),
        (false, true) => Err(Error::build(format!(
            "this {verb} of {} has a filter and `.everything()`: keep one of them",
            entity.table
        ))),
        _ => Ok(()),
    }
}
