//! Which tables a statement can name, checked before any SQL is written; and which tables it reads.

use super::Body;
use super::join::{Hop, Name, hops, hops_between};
use super::select::{JoinTo, SelectBody};
use super::source::{FieldColumn, Source, SourceOf};
use crate::entity::{EntityMeta, RelationKind, RelationMeta};
use crate::error::{Error, Result};
use crate::expr::{AggregateFunction, Function, Kind, Node};

/// The tables of a statement, and those of the query around it.
pub(crate) struct Scope<'a> {
    tables: Vec<Table>,
    outer: Option<&'a Scope<'a>>,
    /// Whether the values of a row that was not inserted can be named.
    excludes: bool,
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
    name: Name,
    /// The table's own name, where it is one.
    table: Option<&'static str>,
    entity: Option<&'static EntityMeta>,
    left_joined: bool,
}

impl<'a> Scope<'a> {
    /// The scope of the values of an insert: nothing.
    pub(super) fn new_row() -> Self {
        Self::empty(Advice::Value)
    }

    fn empty(advice: Advice) -> Self {
        Self { tables: Vec::new(), outer: None, excludes: false, advice }
    }

    /// The scope of what an upsert writes: the row that is there, and the one that would have been inserted.
    pub(super) fn upsert(entity: &'static EntityMeta) -> Self {
        Self { excludes: true, ..Self::single(entity) }
    }

    /// The scope of an update or delete, and of what any write answers: its own table.
    pub(super) fn single(entity: &'static EntityMeta) -> Self {
        Self::from(entity, None, Advice::Subquery)
    }

    /// The scope of an update or delete that reads other sources.
    pub(super) fn write(entity: &'static EntityMeta, sources: &[Source]) -> Result<Self> {
        let mut scope = Self::single(entity);
        sources.iter().try_for_each(|source| scope.add_source(source, false))?;
        Ok(scope)
    }

    /// The scope of the conditions on what a relation loads: its target.
    pub(super) fn loaded(entity: &'static EntityMeta) -> Self {
        Self::from(entity, None, Advice::Subquery)
    }

    /// The scope of a query, after the check that no table is joined twice under one name.
    pub(super) fn query(body: &SelectBody, outer: Option<&'a Scope<'a>>) -> Result<Self> {
        let mut scope = Scope { outer, ..Scope::empty(Advice::Join) };
        scope.add_source(&body.from, false)?;
        for join in &body.joins {
            match &join.to {
                JoinTo::Relation { relation, from, to, links } => {
                    for hop in hops_between(relation, *from, *to, *links)? {
                        scope.add_hop(relation, &hop, join.left)?;
                    }
                }
                JoinTo::Source(source) => scope.add_source(source, join.left)?,
            }
        }
        Ok(scope)
    }

    fn from(entity: &'static EntityMeta, outer: Option<&'a Scope<'a>>, advice: Advice) -> Self {
        let mut scope = Self { outer, ..Self::empty(advice) };
        scope.push_entity(entity, false);
        scope
    }

    fn push_entity(&mut self, entity: &'static EntityMeta, left_joined: bool) {
        let (name, table) = (Name::Table(entity.table), Some(entity.table));
        self.tables.push(Table { name, table, entity: Some(entity), left_joined });
    }

    /// Adds a source, after a look into the query that it is.
    pub(super) fn add_source(&mut self, source: &Source, left_joined: bool) -> Result<()> {
        match &source.of {
            SourceOf::Table(_) | SourceOf::Itself(_) => {}
            // Neither sees what stands around it.
            SourceOf::Query(query) => query.check_in(None)?,
            SourceOf::With(with) => {
                with.body.check_in(None)?;
                with.step.as_ref().map_or(Ok(()), |(step, _)| {
                    check_step(step)?;
                    step.check_in(None)
                })?;
            }
        }
        let entity = source.entity();
        let Some(id) = source.id else {
            let Some(entity) = entity else { return Ok(()) };
            if self.own(Name::Table(entity.table)).is_some() {
                return Err(Error::build(format!(
                    "this query reads table {} twice under one name: give it another by `{}::alias()`, and name its columns \
                     by `alias.column(..)`",
                    entity.table, entity.name
                )));
            }
            self.push_entity(entity, left_joined);
            return Ok(());
        };
        if self.own(Name::Made(id)).is_some() {
            return Err(Error::build(format!(
                "one alias{} is joined twice, so that its columns would mean both: join `alias.again()`",
                entity.map_or(String::new(), |entity| format!(" of {}", entity.name))
            )));
        }
        let table =
            matches!(source.of, SourceOf::Table(_)).then(|| entity.map(|entity| entity.table)).flatten();
        self.tables.push(Table { name: Name::Made(id), table, entity, left_joined });
        Ok(())
    }

    fn add_hop(&mut self, relation: &'static RelationMeta, hop: &Hop, left_joined: bool) -> Result<()> {
        if self.own(hop.name).is_some() {
            let target = (relation.target)();
            return Err(Error::build(format!(
                "the join along {} adds table {} a second time, and a table can stand in a query once under its name: \
                 use a subquery, such as `{}.any(..)`, or join an alias: `let other = {}::alias();` and `{}.to(&other)`",
                relation.path(),
                hop.table,
                relation.constant(),
                target.name,
                relation.constant(),
            )));
        }
        let table = Some(hop.table);
        self.tables.push(Table { name: hop.name, table, entity: hop.entity, left_joined });
        Ok(())
    }

    fn own(&self, name: Name) -> Option<&Table> {
        self.tables.iter().find(|known| known.name == name)
    }

    fn has(&self, name: Name) -> bool {
        self.own(name).is_some() || self.outer.is_some_and(|outer| outer.has(name))
    }

    fn excludes(&self) -> bool {
        self.excludes || self.outer.is_some_and(Scope::excludes)
    }

    fn has_table(&self, table: &'static str) -> bool {
        self.has(Name::Table(table))
    }

    /// Checks that every column of an expression belongs to a table that is here.
    pub(super) fn check(&self, node: &Node) -> Result<()> {
        match &node.0 {
            Kind::Column { entity, position } if !self.has_table(entity.table) => {
                return Err(self.out_of_scope(entity, *position));
            }
            Kind::Field { source, column } if !self.has(Name::Made(*source)) => {
                return Err(unjoined(*column));
            }
            Kind::Excluded { entity, position } if !self.excludes() => {
                return Err(Error::build(format!(
                    "`excluded({})` is the value that an upsert would have inserted: it stands in `do_set(..)` alone",
                    constant(entity, *position)
                )));
            }
            Kind::Problem(problem) => return Err(Error::build(problem.clone())),
            Kind::Related { relation, filter, .. } => self.check_related(relation, filter.as_deref())?,
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
        self.not_optional(node).map_or(Ok(()), |problem| Err(Error::build(problem)))
    }

    fn not_optional(&self, node: &Node) -> Option<String> {
        let left_joined = |name| self.own(name).is_some_and(|table| table.left_joined);
        match &node.0 {
            Kind::Column { entity, position } => {
                let is_none = left_joined(Name::Table(entity.table)) && !entity.columns[*position].nullable;
                is_none.then(|| {
                    format!(
                        "{} is selected from a left-joined table, where it may be NULL: select `{}.optional()`, \
                         which is an Option",
                        name(entity, *position),
                        constant(entity, *position)
                    )
                })
            }
            Kind::Field { source, column } if left_joined(Name::Made(*source)) => match column {
                FieldColumn::Entity(entity, at) if entity.columns[*at].nullable => None,
                FieldColumn::Entity(entity, at) => Some(format!(
                    "{} is selected from a left-joined alias, where it may be NULL: select \
                     `alias.column({}).optional()`, which is an Option",
                    name(entity, *at),
                    constant(entity, *at)
                )),
                FieldColumn::Made(_, true) => None,
                FieldColumn::Made(at, false) => Some(format!(
                    "column {} of a derived table is selected from a left join, where it may be NULL: select it with \
                     `.optional()`, which is an Option",
                    at + 1
                )),
            },
            // None of these is NULL because a column is, or its type is an Option already.
            Kind::Optional(_)
            | Kind::IsNull { .. }
            | Kind::IsTrue { .. }
            | Kind::Raw(_)
            | Kind::Aggregate(_)
            | Kind::Over { .. }
            | Kind::Json { .. }
            | Kind::Call { function: Function::Coalesce | Function::NullIf | Function::Same, .. } => None,
            Kind::Case { branches, otherwise } => branches
                .iter()
                .map(|(_, value)| value)
                .chain(otherwise.as_deref())
                .find_map(|value| self.not_optional(value)),
            _ => {
                let mut found = None;
                node.parts(&mut |part| found = found.take().or_else(|| self.not_optional(part)));
                found
            }
        }
    }

    /// Where the query around it reads the same table, the condition means the rows that the relation leads to: they get a
    /// name of their own when they are written.
    fn check_related(&self, relation: &'static RelationMeta, filter: Option<&Node>) -> Result<()> {
        let source = (relation.source)();
        if !self.has_table(source.table) {
            return Err(Error::build(format!(
                "{} starts at {}, which this statement does not read",
                relation.path(),
                source.name
            )));
        }
        let mut inner = Scope { outer: Some(self), ..Scope::empty(Advice::Subquery) };
        for hop in hops(relation)? {
            inner.tables.push(Table {
                name: hop.name,
                table: Some(hop.table),
                entity: hop.entity,
                left_joined: false,
            });
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
        let named = |table: &Table| match (table.name, table.table) {
            (Name::Table(name), _) => name.to_owned(),
            (Name::Made(_), Some(table)) => format!("an alias of {table}"),
            (Name::Made(_), None) => "a derived table".to_owned(),
        };
        let tables: Vec<_> = self.tables.iter().map(named).collect();
        if let Some(alias) = self.tables.iter().find(|table| table.table == Some(entity.table)) {
            debug_assert!(matches!(alias.name, Name::Made(_)), "by its own name it would have been found");
            return Error::build(format!(
                "{} is a column of table {}, which this statement reads as an alias: name it by `alias.column({})`",
                name(entity, position),
                entity.table,
                constant(entity, position)
            ));
        }
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
    let column = &entity.columns[position];
    let is_link = entity.relations.iter().any(|relation| match &relation.kind {
        RelationKind::BelongsTo { columns, .. } => columns.contains(&position),
        _ => false,
    });
    // A link has no field of the column's own: its constant is named after the column, word by word.
    let constant = match is_link {
        true => words_of(column.name),
        false => column.field.trim_start_matches("r#").to_uppercase(),
    };
    format!("{}::{constant}", entity.name)
}

/// `AuthorId` as `AUTHOR_ID`.
fn words_of(name: &str) -> String {
    let mut words = String::new();
    let mut before = None;
    let mut letters = name.chars().peekable();
    while let Some(letter) = letters.next() {
        let after_small = before.is_some_and(|before: char| before.is_lowercase() || before.is_numeric());
        let before_small = letters.peek().is_some_and(|next| next.is_lowercase());
        let inside = before.is_some_and(|before| before != '_');
        if letter.is_uppercase() && (after_small || before_small && inside) {
            words.push('_');
        }
        words.extend(letter.to_uppercase());
        before = Some(letter);
    }
    words
}

/// What goes on from what was found is one plain query: its order and limit would be those of the whole CTE.
fn check_step(step: &Body) -> Result<()> {
    let is_plain = match step {
        Body::Select(query) => {
            query.order_by.is_empty()
                && query.limit.is_none()
                && query.offset.is_none()
                && query.lock.is_none()
        }
        _ => false,
    };
    match is_plain {
        true => Ok(()),
        false => Err(Error::build(
            "the second query of a recursive CTE is one `select()` without an order, limit or lock, and no union: filter by a \
             column that counts, and order or limit the query that reads from the CTE",
        )),
    }
}

#[cold]
fn unjoined(column: FieldColumn) -> Error {
    match column {
        FieldColumn::Entity(entity, at) => Error::build(format!(
            "{} is named as a column of an alias that this statement does not read: join it with `.join_on(&alias, ..)`, or \
             along a relation with `.to(&alias)`",
            name(entity, at)
        )),
        FieldColumn::Made(at, _) => Error::build(format!(
            "column {} of a derived table is named, and this statement does not read that table: begin with it \
             (`derived.select()`), or join it with `.join_on(&derived, ..)`",
            at + 1
        )),
    }
}

impl Node {
    /// Refuses what needs all rows in a place where there is only one: the functions of groups and windows.
    pub(super) fn check_row(&self) -> Result<()> {
        match &self.0 {
            Kind::Over { .. } => return Err(Error::build(
                "a window function stands in `filter` or `group_by`, which come before windows are computed: select it in a \
                 query with `.derived()`, and filter that",
            )),
            Kind::Aggregate(body) => return Err(Error::build(match body.function {
                AggregateFunction::Window(name) => format!("`{name}` needs a window: `.over(..)`"),
                _ => "an aggregate stands in `filter` or `group_by`, which come before groups are made: use `.having(..)`, or \
                      select it in a `.subquery()`"
                    .to_owned(),
            })),
            _ => {}
        }
        let mut result = Ok(());
        self.parts(&mut |part| {
            if result.is_ok() {
                result = part.check_row();
            }
        });
        result
    }
}

/// Adds the tables that a source reads.
pub(super) fn source_reads(source: &Source, out: &mut Vec<&'static str>) {
    match &source.of {
        SourceOf::Table(entity) => add(entity.table, out),
        SourceOf::Query(query) => {
            query.reads(out);
        }
        SourceOf::With(with) => {
            with.body.reads(out);
            if let Some((step, _)) = &with.step {
                step.reads(out);
            }
        }
        SourceOf::Itself(_) => {}
    }
}

/// Adds the tables that the subqueries of an expression read.
pub(super) fn reads(node: &Node, out: &mut Vec<&'static str>) {
    if let Kind::Raw(fragment) = &node.0 {
        fragment.reads.iter().for_each(|table| add(table, out));
    }
    if let Kind::Related { relation, filter, .. } = &node.0 {
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
        if let RelationKind::ManyToMany { through } = &relation.kind {
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
