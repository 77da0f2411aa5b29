//! Which tables a statement can name, checked before any SQL is written; and which tables it reads.

use super::join::hops;
use super::select::SelectBody;
use crate::entity::{EntityMeta, RelationMeta};
use crate::error::{Error, Result};
use crate::expr::{Kind, Node};

/// The tables of a statement, and those of the query around it.
pub(crate) struct Scope<'a> {
    tables: Vec<Table>,
    outer: Option<&'a Scope<'a>>,
    /// What a person can do about a table that is not here.
    advice: Advice,
}

#[derive(Clone, Copy)]
enum Advice {
    Join,
    Subquery,
    Value,
}

struct Table {
    name: &'static str,
    entity: Option<&'static EntityMeta>,
    left_joined: bool,
}

impl<'a> Scope<'a> {
    /// The scope of the values of an insert: nothing.
    pub(super) fn new_row() -> Self {
        Self { tables: Vec::new(), outer: None, advice: Advice::Value }
    }

    /// The scope of an update or delete, and of what any write answers: its own table.
    pub(super) fn single(entity: &'static EntityMeta) -> Self {
        Self::from(entity, None, Advice::Subquery)
    }

    /// The scope of the conditions on what a relation loads: its target.
    pub(super) fn loaded(entity: &'static EntityMeta) -> Self {
        Self::from(entity, None, Advice::Subquery)
    }

    /// The scope of a query, after the check that no table is joined twice.
    pub(super) fn query(body: &SelectBody, outer: Option<&'a Scope<'a>>) -> Result<Self> {
        let mut scope = Self::from(body.entity, outer, Advice::Join);
        for join in &body.joins {
            scope.add(join.relation, join.left)?;
        }
        Ok(scope)
    }

    fn from(entity: &'static EntityMeta, outer: Option<&'a Scope<'a>>, advice: Advice) -> Self {
        let own = Table { name: entity.table, entity: Some(entity), left_joined: false };
        Self { tables: vec![own], outer, advice }
    }

    fn add(&mut self, relation: &'static RelationMeta, left_joined: bool) -> Result<()> {
        for hop in hops(relation)? {
            if self.own(hop.table).is_some() {
                return Err(Error::build(format!(
                    "the join along {} adds table {} a second time, and a table can stand in a query once: \
                     use a subquery, such as `{}.any(..)`",
                    relation.path(),
                    hop.table,
                    relation.constant()
                )));
            }
            self.tables.push(Table { name: hop.table, entity: hop.entity, left_joined });
        }
        Ok(())
    }

    fn own(&self, table: &str) -> Option<&Table> {
        self.tables.iter().find(|known| known.name == table)
    }

    fn has(&self, table: &str) -> bool {
        self.own(table).is_some() || self.outer.is_some_and(|outer| outer.has(table))
    }

    /// Checks that every column of an expression belongs to a table that is here.
    pub(super) fn check(&self, node: &Node) -> Result<()> {
        match &node.0 {
            Kind::Column { entity, position } if !self.has(entity.table) => {
                return Err(self.out_of_scope(entity, *position));
            }
            Kind::Problem(problem) => return Err(Error::build(problem.clone())),
            Kind::Related { relation, filter } => self.check_related(relation, filter.as_deref())?,
            _ => {}
        }
        if let Some(query) = node.query() {
            query.check_in(Some(self))?;
        }
        let mut result = Ok(());
        node.parts(&mut |part| {
            if result.is_ok() {
                result = self.check(part);
            }
        });
        result
    }

    /// Checks an expression that is selected: besides, a column of a left-joined table must say that it may be NULL.
    pub(super) fn check_selected(&self, node: &Node) -> Result<()> {
        self.check(node)?;
        match self.not_optional(node) {
            Some((entity, position)) => Err(Error::build(format!(
                "{} is selected from a left-joined table, where it may be NULL: select `{}.optional()`, \
                 which is an Option",
                name(entity, position),
                constant(entity, position)
            ))),
            None => Ok(()),
        }
    }

    fn not_optional(&self, node: &Node) -> Option<(&'static EntityMeta, usize)> {
        match &node.0 {
            Kind::Column { entity, position } => {
                let left_joined = self.own(entity.table).is_some_and(|table| table.left_joined);
                let column = &entity.columns[*position];
                (left_joined && !column.nullable).then_some((*entity, *position))
            }
            // None of these is NULL because a column is, or its type is an Option already.
            Kind::Optional(_)
            | Kind::IsNull { .. }
            | Kind::Raw(_)
            | Kind::Aggregate { .. }
            | Kind::Function { name: "coalesce", .. } => None,
            Kind::Case { branches, otherwise } => branches
                .iter()
                .map(|(_, value)| value)
                .chain(otherwise.as_deref())
                .find_map(|value| self.not_optional(value)),
            _ => {
                let mut found = None;
                node.parts(&mut |part| found = found.or_else(|| self.not_optional(part)));
                found
            }
        }
    }

    fn check_related(&self, relation: &'static RelationMeta, filter: Option<&Node>) -> Result<()> {
        let source = (relation.source)();
        if !self.has(source.table) {
            return Err(Error::build(format!(
                "{} starts at {}, which this statement does not read",
                relation.path(),
                source.name
            )));
        }
        let mut inner = Scope { tables: Vec::new(), outer: Some(self), advice: Advice::Subquery };
        for hop in hops(relation)? {
            // The condition ties the inner row to the outer one by the names of their tables.
            if self.has(hop.table) {
                return Err(Error::build(format!(
                    "{}.any(..) asks about table {}, which the query around it reads too, so that the name would \
                     mean both: filter with `is_in_query` instead",
                    relation.constant(),
                    hop.table
                )));
            }
            inner.tables.push(Table { name: hop.table, entity: hop.entity, left_joined: false });
        }
        filter.map_or(Ok(()), |filter| inner.check(filter))
    }

    #[cold]
    fn out_of_scope(&self, entity: &'static EntityMeta, position: usize) -> Error {
        if let Advice::Value = self.advice {
            return Error::build(format!(
                "{} has no value in a row that is being inserted: set a value, or a subquery that reads it",
                name(entity, position)
            ));
        }
        let tables: Vec<_> = self.tables.iter().map(|table| table.name).collect();
        let relation = self.relation_to(entity).map(RelationMeta::constant);
        let advice = match (self.advice, relation) {
            (Advice::Join, Some(relation)) => format!("add `.join({relation})`"),
            (Advice::Join, None) => format!("join {}'s table by a relation", entity.name),
            (Advice::Subquery | Advice::Value, Some(relation)) => format!("use `{relation}.any(..)`"),
            (Advice::Subquery | Advice::Value, None) => {
                "use a subquery (`is_in_query`, `subquery()`)".to_owned()
            }
        };
        Error::build(format!(
            "{} is a column of table {}, but this statement reads {} only: {advice}",
            name(entity, position),
            entity.table,
            tables.join(", ")
        ))
    }

    fn relation_to(&self, target: &EntityMeta) -> Option<&'static RelationMeta> {
        let entities = self.tables.iter().filter_map(|table| table.entity);
        entities
            .flat_map(|entity| entity.relations)
            .find(|relation| (relation.target)().table == target.table)
    }
}

fn name(entity: &EntityMeta, position: usize) -> String {
    format!("{}.{}", entity.name, entity.columns[position].field)
}

fn constant(entity: &EntityMeta, position: usize) -> String {
    // Of an embedded struct: `home.city`.
    if let Some((outer, inner)) = entity.columns[position].field.split_once('.') {
        return format!("{}::{}.{inner}()", entity.name, outer.to_uppercase());
    }
    format!("{}::{}", entity.name, entity.columns[position].name.to_uppercase())
}

/// Adds the tables that the subqueries of an expression read.
pub(super) fn reads(node: &Node, out: &mut Vec<&'static str>) {
    if let Kind::Raw(fragment) = &node.0 {
        fragment.reads.iter().for_each(|table| add(table, out));
    }
    if let Kind::Related { relation, filter } = &node.0 {
        path_reads(&[relation], out);
        filter.iter().for_each(|filter| reads(filter, out));
    }
    if let Some(query) = node.query() {
        query.reads(out);
    }
    node.parts(&mut |part| reads(part, out));
}

/// Adds the tables along a path, tables of links included.
pub(super) fn path_reads(path: &[&'static RelationMeta], out: &mut Vec<&'static str>) {
    for relation in path {
        if let crate::entity::RelationKind::ManyToMany { through } = &relation.kind {
            add(through.table, out);
        }
        add((relation.target)().table, out);
    }
}

pub(super) fn add(table: &'static str, out: &mut Vec<&'static str>) {
    if !out.contains(&table) {
        out.push(table);
    }
}
