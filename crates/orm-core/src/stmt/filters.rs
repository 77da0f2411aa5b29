//! Conditions on entities that stand in every statement of a session that nobody wrote there: of soft deletes, say.

use std::sync::Arc;

use super::scope::{self, Scope};
use super::{
    Action, Body, Conflict, Distinct, FieldColumn, JoinTo, Loads, SelectBody, Source, SourceId, SourceOf,
    Statement,
};
use crate::entity::EntityMeta;
use crate::error::{Error, Result};
use crate::expr::{Condition, Kind, Logic, Node};
use crate::relation::Leg;

/// The default filters of sessions: for each entity, conditions that its rows must meet.
#[doc(hidden)]
#[derive(Clone, Debug, Default)]
pub struct Filters {
    entities: Vec<(&'static EntityMeta, Vec<Node>)>,
    /// What is wrong with the first wrong one.
    fault: Option<String>,
}

impl Filters {
    /// None.
    pub const fn new() -> Self {
        Self { entities: Vec::new(), fault: None }
    }

    /// Whether statements stay as they are.
    pub fn is_empty(&self) -> bool {
        self.entities.is_empty() && self.fault.is_none()
    }

    /// Adds a condition on the rows of the entity whose columns it names. A wrong one is an error of [`check`](Self::check).
    pub fn add(&mut self, condition: impl Condition) {
        let node = condition.condition();
        let Some(entity) = subject(&node) else {
            self.fault.get_or_insert_with(|| {
                "a default filter names no column, so that it is not known which entity it is for: give it a condition \
                 like `Post::DELETED_AT.is_null()`"
                    .to_owned()
            });
            return;
        };
        if let Err(error) = Scope::loaded(entity).check(&node) {
            let fault =
                format!("a default filter is about the rows of one entity, here {}: {error}", entity.name);
            self.fault.get_or_insert(fault);
        }
        match self.entities.iter_mut().find(|(known, _)| known.is(entity)) {
            Some((_, conditions)) => conditions.push(node),
            None => self.entities.push((entity, vec![node])),
        }
    }

    /// # Errors
    /// If one of them is wrong.
    pub fn check(&self) -> Result<()> {
        self.fault.as_ref().map_or(Ok(()), |fault| Err(Error::build(fault.clone())))
    }

    /// The conditions on an entity.
    pub fn of(&self, entity: &EntityMeta) -> &[Node] {
        let known = self.entities.iter().find(|(known, _)| known.is(entity));
        known.map_or(&[], |(_, conditions)| conditions)
    }

    /// The tables that a read of an entity's rows reads.
    pub fn reads(&self, entity: &EntityMeta) -> Vec<&'static str> {
        let mut tables = vec![entity.table];
        self.of(entity).iter().for_each(|node| scope::reads(node, &mut tables));
        tables
    }

    /// A relation that is loaded has the conditions on its targets, as if they had been written there.
    pub fn narrow(&self, leg: &mut Leg) {
        if let Some(narrow) = &mut leg.narrow {
            narrow.filter.iter_mut().for_each(|node| self.node(node));
            narrow.order_by.iter_mut().for_each(|order| self.node(&mut order.node));
        }
        let conditions = self.of((leg.relation.target)());
        if !conditions.is_empty() {
            leg.narrow.get_or_insert_default().filter.extend_from_slice(conditions);
        }
    }

    /// Answers whether the statement takes filters.
    fn body(&self, body: &mut Body) -> bool {
        match body {
            Body::Raw(_) | Body::Values(_) => return false,
            Body::Select(query) => return self.select(query),
            Body::Compound(compound) => {
                self.body(&mut compound.first);
                compound.rest.iter_mut().for_each(|(_, body)| {
                    self.body(body);
                });
                return false;
            }
            Body::Insert(write) => {
                write.query.iter_mut().for_each(|query| {
                    self.body(query);
                });
                write.set.iter_mut().for_each(|(_, value)| self.node(value));
                if let Some(Conflict { action: Action::Set { set, filter }, .. }) = &mut write.conflict {
                    set.iter_mut().map(|(_, value)| value).chain(filter).for_each(|node| self.node(node));
                }
                write.returning.iter_mut().for_each(|node| self.node(node));
            }
            Body::Update(write) if write.unfiltered => return false,
            Body::Update(write) => {
                write.set.iter_mut().for_each(|(_, value)| self.node(value));
                write.filter.iter_mut().chain(&mut write.returning).for_each(|node| self.node(node));
                write.filter.extend_from_slice(self.of(write.entity));
                self.read_along(&mut write.from, &mut write.filter);
            }
            Body::Delete(write) if write.unfiltered => return false,
            Body::Delete(write) => {
                write.filter.iter_mut().chain(&mut write.returning).for_each(|node| self.node(node));
                write.filter.extend_from_slice(self.of(write.entity));
                self.read_along(&mut write.using, &mut write.filter);
            }
            Body::Count(inner) | Body::Exists(inner) => return self.body(inner),
        }
        true
    }

    fn select(&self, query: &mut SelectBody) -> bool {
        if query.unfiltered {
            return false;
        }
        // What was written first: the conditions that are added have no conditions added to them.
        let parts = query.columns.iter_mut().flatten().chain(&mut query.filter).chain(&mut query.group_by);
        let orders = query.order_by.iter_mut().map(|order| &mut order.node);
        let joined = query.joins.iter_mut().flat_map(|join| &mut join.on);
        parts.chain(joined).chain(&mut query.having).chain(orders).for_each(|node| self.node(node));
        if let Distinct::On(nodes) = &mut query.distinct {
            nodes.iter_mut().for_each(|node| self.node(node));
        }
        self.source(&mut query.from);
        query.filter.extend(self.of_source(&query.from));
        for join in &mut query.joins {
            // In ON, so that a left join keeps rows whose partner is left out.
            let conditions = match &mut join.to {
                JoinTo::Relation { relation, to, .. } => self.renamed((relation.target)(), *to),
                JoinTo::Source(source) => {
                    self.source(source);
                    self.of_source(source)
                }
            };
            join.on.extend(conditions);
        }
        true
    }

    /// What a write reads besides its own table.
    fn read_along(&self, sources: &mut [Source], filter: &mut Vec<Node>) {
        for source in sources {
            self.source(source);
            filter.extend(self.of_source(source));
        }
    }

    /// The queries inside of a source.
    fn source(&self, source: &mut Source) {
        match &mut source.of {
            SourceOf::Query(query) => {
                self.body(Arc::make_mut(query));
            }
            SourceOf::With(with) => {
                let with = Arc::make_mut(with);
                self.body(&mut with.body);
                if let Some((step, _)) = &mut with.step {
                    self.body(step);
                }
            }
            SourceOf::Table(_) | SourceOf::Itself(_) => {}
        }
    }

    /// The conditions on the rows of a table; what a query inside answers has met them.
    fn of_source(&self, source: &Source) -> Vec<Node> {
        match source.of {
            SourceOf::Table(entity) => self.renamed(entity, source.id),
            SourceOf::Query(_) | SourceOf::With(_) | SourceOf::Itself(_) => Vec::new(),
        }
    }

    /// The conditions on an entity whose table may have another name.
    fn renamed(&self, entity: &'static EntityMeta, id: Option<SourceId>) -> Vec<Node> {
        let mut conditions = self.of(entity).to_vec();
        if let Some(source) = id {
            let field = |at| Some(Node(Kind::Field { source, column: FieldColumn::Entity(entity, at) }));
            conditions.iter_mut().for_each(|condition| {
                condition.substitute(entity, &field);
                start_at(condition, entity, source, &field);
            });
        }
        conditions
    }

    /// The queries inside of an expression.
    fn node(&self, node: &mut Node) {
        if let Kind::Related { relation, filter, .. } = &mut node.0 {
            let given = filter.take().map(|mut given| {
                self.node(&mut given);
                *given
            });
            let all = given.into_iter().chain(self.of((relation.target)()).iter().cloned());
            *filter = all.reduce(|left, right| left.logic(Logic::And, right)).map(Node::boxed);
        }
        if let Some(query) = node.query_mut() {
            self.body(query);
        }
        node.parts_mut(&mut |part| self.node(part));
    }
}

impl Statement {
    /// The statement with the conditions on each entity that it reads: in WHERE of what it selects, updates or deletes, in
    /// ON of what it joins, in the relations that it loads, and the same in its subqueries.
    ///
    /// # Errors
    /// If a filter is wrong.
    #[doc(hidden)]
    pub fn filtered(mut self, filters: &Filters) -> Result<Self> {
        if filters.is_empty() {
            return Ok(self);
        }
        filters.check()?;
        if filters.body(&mut self.body) {
            self.loads.filter(filters);
        }
        Ok(self)
    }
}

impl Statement {
    /// Whether default filters stand in it.
    #[doc(hidden)]
    pub fn takes_filters(&self) -> bool {
        matches!(&self.body, Body::Select(query) if !query.unfiltered)
    }
}

impl Loads {
    fn filter(&mut self, filters: &Filters) {
        self.change(|leg| {
            filters.narrow(leg);
            // The target has another name in the query's rows, which a query inside of the condition could not tell from
            // its own table.
            leg.joined &= !filters.of((leg.relation.target)()).iter().any(has_query);
        });
    }
}

/// Relations of an entity start where its table has another name.
fn start_at(
    node: &mut Node,
    entity: &'static EntityMeta,
    source: SourceId,
    field: &dyn Fn(usize) -> Option<Node>,
) {
    if let Kind::Related { relation, from, filter } = &mut node.0
        && (relation.source)().is(entity)
    {
        *from = Some(source);
        // About the rows that it leads to, which have that name themselves where they are of this entity.
        if let Some(filter) = filter.as_mut().filter(|_| !(relation.target)().is(entity)) {
            filter.substitute(entity, field);
        }
    }
    node.parts_mut(&mut |part| start_at(part, entity, source, field));
}

fn has_query(node: &Node) -> bool {
    if matches!(node.0, Kind::Related { .. }) || node.query().is_some() {
        return true;
    }
    let mut found = false;
    node.parts(&mut |part| found = found || has_query(part));
    found
}

/// The entity of the first column that a condition names outside of subqueries.
fn subject(node: &Node) -> Option<&'static EntityMeta> {
    match &node.0 {
        Kind::Column { entity, .. } => return Some(*entity),
        Kind::Related { relation, .. } => return Some((relation.source)()),
        _ => {}
    }
    let mut found = None;
    node.parts(&mut |part| found = found.or_else(|| subject(part)));
    found
}
