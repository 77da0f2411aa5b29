//! Names for what has none of its own, made from the names of tables and counted: `users_1`.

use crate::entity::EntityMeta;
use crate::entity::RelationKind;
use crate::expr::{Kind, Node};
use crate::stmt::{Body, CompoundBody, JoinTo, SelectBody, Source, SourceId, SourceOf, With};

/// The names of the sources of one statement, and its CTEs in the order in which they are defined.
#[derive(Debug, Default)]
pub(crate) struct Names {
    named: Vec<(SourceId, String)>,
    /// Tables that stand in the statement under their own names, which no other source may have.
    tables: Vec<&'static str>,
    made: Vec<(SourceId, String)>,
}

impl Names {
    /// The name of a source.
    pub(super) fn of(&self, source: SourceId) -> String {
        let known = self.named.iter().find(|(id, _)| *id == source);
        // Every source was found before the statement is written; a name for one that was not would be a wrong statement
        // rather than a panic.
        known.map_or_else(|| "unknown".to_owned(), |(_, name)| name.clone())
    }

    /// A name for a table that has no source of its own, taken by nothing else.
    pub(super) fn fresh(&self, table: &str, in_scope: &[(&'static str, Option<String>)]) -> String {
        let is_taken = |name: &str| {
            self.tables.iter().any(|table| table.eq_ignore_ascii_case(name))
                || self.named.iter().any(|(_, known)| known == name)
                || in_scope.iter().any(|(table, renamed)| *table == name || renamed.as_deref() == Some(name))
        };
        (1..).map(|number| format!("{table}_{number}")).find(|name| !is_taken(name)).unwrap_or_default()
    }

    fn add(&mut self, source: SourceId, stem: &str) {
        if self.made.iter().any(|(id, _)| *id == source) {
            return;
        }
        self.made.push((source, stem.to_owned()));
    }

    /// Gives each source its name, now that all tables are known.
    fn count(&mut self) {
        for at in 0..self.made.len() {
            let (source, stem) = &self.made[at];
            let before = self.made[..at].iter().filter(|(_, known)| known == stem).count();
            let mut number = before + 1;
            let mut name = format!("{stem}_{number}");
            while self.tables.iter().any(|table| table.eq_ignore_ascii_case(&name))
                || self.named.iter().any(|(_, known)| *known == name)
            {
                number += 1;
                name = format!("{stem}_{number}");
            }
            self.named.push((*source, name));
        }
    }
}

/// What a statement has that must be known before it is written.
#[derive(Default)]
pub(super) struct Found<'a> {
    pub(super) names: Names,
    /// Each after those that it reads from.
    pub(super) ctes: Vec<&'a With>,
}

/// Looks through a statement.
pub(super) fn find(body: &Body) -> Found<'_> {
    let mut found = Found::default();
    found.body(body);
    found.names.count();
    found
}

/// The entities that the CTEs of a statement write.
pub(crate) fn written_by_ctes(body: &Body) -> Vec<&'static EntityMeta> {
    find(body).ctes.iter().filter_map(|with| with.body.written()).collect()
}

/// Looks through expressions.
pub(super) fn find_in<'a>(nodes: impl IntoIterator<Item = &'a Node>) -> Found<'a> {
    let mut found = Found::default();
    nodes.into_iter().for_each(|node| found.node(node));
    found.names.count();
    found
}

impl<'a> Found<'a> {
    fn body(&mut self, body: &'a Body) {
        match body {
            Body::Select(query) => self.select(query),
            Body::Compound(compound) => self.compound(compound),
            Body::Count(inner) | Body::Exists(inner) => self.body(inner),
            Body::Insert(write) => {
                self.names.tables.push(write.entity.table);
                write.nodes().for_each(|node| self.node(node));
                write.query.iter().for_each(|query| self.body(query));
            }
            Body::Update(write) => {
                self.names.tables.push(write.entity.table);
                write.from.iter().for_each(|source| self.source(source));
                write.nodes().for_each(|node| self.node(node));
            }
            Body::Delete(write) => {
                self.names.tables.push(write.entity.table);
                write.using.iter().for_each(|source| self.source(source));
                write.nodes().for_each(|node| self.node(node));
            }
            Body::Raw(raw) => raw.nodes().iter().for_each(|node| self.node(node)),
            Body::Values(_) => {}
        }
    }

    fn select(&mut self, query: &'a SelectBody) {
        self.source(&query.from);
        for join in &query.joins {
            match &join.to {
                JoinTo::Source(source) => self.source(source),
                JoinTo::Relation { relation, to, links, .. } => {
                    let target = (relation.target)().table;
                    if let RelationKind::ManyToMany { through } = &relation.kind {
                        match links {
                            Some(id) => self.names.add(*id, through.table),
                            None => self.names.tables.push(through.table),
                        }
                    }
                    match to {
                        Some(id) => self.names.add(*id, target),
                        None => self.names.tables.push(target),
                    }
                }
            }
        }
        query.nodes().for_each(|node| self.node(node));
    }

    fn compound(&mut self, compound: &'a CompoundBody) {
        self.body(&compound.first);
        compound.rest.iter().for_each(|(_, body)| self.body(body));
    }

    fn source(&mut self, source: &'a Source) {
        match (&source.of, source.id) {
            (SourceOf::Table(entity), Some(id)) => self.names.add(id, entity.table),
            (SourceOf::Table(entity), None) => self.names.tables.push(entity.table),
            (SourceOf::Query(query), Some(id)) => {
                self.body(query);
                self.names.add(id, "derived");
            }
            (SourceOf::With(with), Some(id)) => {
                self.with(with);
                if id != with.id {
                    self.names.add(id, stem(with));
                }
            }
            (SourceOf::Itself(with), Some(id)) if id != *with => self.names.add(id, "cte"),
            _ => {}
        }
    }

    fn with(&mut self, with: &'a With) {
        if self.ctes.iter().any(|known| known.id == with.id) {
            return;
        }
        self.body(&with.body);
        if let Some((step, _)) = &with.step {
            self.body(step);
        }
        self.names.add(with.id, stem(with));
        self.ctes.push(with);
    }

    fn node(&mut self, node: &'a Node) {
        if let Kind::Related { relation, filter, .. } = &node.0 {
            self.names.tables.push((relation.target)().table);
            if let RelationKind::ManyToMany { through } = &relation.kind {
                self.names.tables.push(through.table);
            }
            filter.iter().for_each(|filter| self.node(filter));
        }
        if let Some(query) = node.query() {
            self.body(query);
        }
        node.parts(&mut |part| self.node(part));
    }
}

fn stem(with: &With) -> &'static str {
    match with.body {
        Body::Values(_) if with.step.is_none() => "list",
        _ => "cte",
    }
}
