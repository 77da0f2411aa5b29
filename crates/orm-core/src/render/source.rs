//! FROM: tables, aliases, subqueries, CTEs; joins; and WITH before the statement.

use super::Writer;
use super::names::{Found, find, find_in};
use super::select::{further, rowset};
use crate::program::Returns;
use crate::stmt::{
    Body, Fragment, Hop, JoinTo, Name, SelectBody, Source, SourceColumns, SourceOf, ValuesBody, With,
    hops_between,
};

impl Writer<'_> {
    /// Finds the names of all sources, and adds WITH where there are CTEs. Before anything else.
    pub(super) fn prepare(&mut self, body: &Body) {
        if !body.has_made_sources() {
            return;
        }
        let Found { names, ctes } = find(body);
        self.names = names;
        match body {
            Body::Raw(_) => self.inline(&ctes),
            Body::Count(inner) | Body::Exists(inner) if matches!(**inner, Body::Raw(_)) => self.inline(&ctes),
            // It stands before the query, where what is written into rows that are there cannot read from it.
            Body::Insert(insert)
                if insert.query.is_some()
                    && !self.dialect.with_before_writes
                    && find_in(insert.nodes()).ctes.is_empty() => {}
            Body::Insert(_) | Body::Update(_) | Body::Delete(_) if !self.dialect.with_before_writes => {
                self.inline(&ctes);
            }
            _ => self.with(&ctes),
        }
    }

    /// The same for text of the program: CTEs stand where they are read from, since WITH has no place in it.
    pub(crate) fn prepare_fragment(&mut self, fragment: &Fragment) {
        let Found { names, ctes } = find_in(&fragment.nodes);
        self.names = names;
        self.inline(&ctes);
    }

    /// CTEs stand where they are read from, where WITH has no place. Not those that would be something else there.
    fn inline(&mut self, ctes: &[&With]) {
        self.inline_ctes = true;
        let is_plain = |with: &&With| with.step.is_none() && with.body.written().is_none();
        if !ctes.iter().all(is_plain) {
            self.lacks(
                "place for WITH in this statement, which a recursive CTE and one that writes need",
                "read from it by a query of its own first, in the same transaction",
            );
        }
    }

    /// Adds WITH for what a statement reads from. Its names are known.
    pub(super) fn with_of(&mut self, body: &Body) {
        if body.has_made_sources() && !self.inline_ctes {
            self.with(&find(body).ctes);
        }
    }

    fn with(&mut self, ctes: &[&With]) {
        if ctes.is_empty() {
            return;
        }
        let is_recursive = ctes.iter().any(|with| with.step.is_some());
        self.push(if is_recursive { "WITH RECURSIVE " } else { "WITH " });
        self.separated(", ", ctes, |out, with| out.cte(with)).push(" ");
    }

    fn cte(&mut self, with: &With) {
        self.source(with.id).push(" (");
        self.column_names(with.columns).push(") AS (");
        match &with.body {
            Body::Values(values) => self.values(values),
            Body::Insert(_) | Body::Update(_) | Body::Delete(_) => {
                self.writes = true;
                if self.dialect.writing_ctes {
                    super::write::write(self, &with.body);
                } else {
                    self.lacks(
                        "CTEs that write",
                        "run the write first, in the same transaction, and use what its RETURNING answers",
                    );
                }
            }
            body if with.step.is_some() => self.compound_part(body, with.columns),
            body => rowset(self, body),
        }
        if let Some((step, all)) = &with.step {
            self.push(if *all { " UNION ALL " } else { " UNION " });
            rowset(self, step);
        }
        self.push(")");
    }

    /// Adds the names of all columns.
    fn column_names(&mut self, columns: SourceColumns) -> &mut Self {
        match columns {
            SourceColumns::Entity(entity) => self.names(entity.columns.iter().map(|column| column.name)),
            SourceColumns::Made(width) => self.separated(", ", 0..width, |out, at| out.made_column(at)),
        }
    }

    /// Adds the name of a column that has none of its own, by its place from 0.
    pub(super) fn made_column(&mut self, at: usize) {
        let quote = self.dialect.quote;
        self.push(quote).push("c").number(at as u64 + 1).push(quote);
    }

    /// The types of the first row are those of all.
    fn values(&mut self, values: &ValuesBody) {
        let width = values.types.len();
        if values.cells.is_empty() {
            // No rows, of the same columns.
            self.push("SELECT ").separated(", ", &values.types, |out, ty| {
                out.push("CAST(NULL AS ").cast_name(*ty).push(")");
            });
            self.push(" LIMIT 0");
            return;
        }
        let [start, between, before, after] = match self.dialect.values_of_any_size {
            true => ["VALUES ", ", ", "(", ")"],
            false => ["", " UNION ALL ", "SELECT ", ""],
        };
        self.push(start);
        self.separated(between, 0..values.cells.len() / width, |out, at| {
            out.push(before);
            out.separated(", ", 0..width, |out, column| {
                let cell = at * width + column;
                if at == 0 && out.dialect.typed_values {
                    out.push("CAST(").bind_cell(&values.cells, cell).push(" AS ");
                    out.cast_name(values.types[column]).push(")");
                } else {
                    out.bind_cell(&values.cells, cell);
                }
            });
            out.push(after);
        });
    }

    /// The same where the columns cannot be named before.
    fn values_as_queries(&mut self, values: &ValuesBody) {
        let width = values.types.len();
        self.separated(" UNION ALL ", 0..values.cells.len() / width, |out, at| {
            out.push("SELECT ");
            out.separated(", ", 0..width, |out, column| {
                out.bind_cell(&values.cells, at * width + column).push(" AS ").made_column(column);
            });
        });
        if values.cells.is_empty() {
            self.push("SELECT ").separated(", ", 0..width, |out, column| {
                out.push("NULL AS ").made_column(column);
            });
            self.push(" LIMIT 0");
        }
    }

    /// Adds a source as it stands in FROM.
    pub(super) fn read_from(&mut self, source: &Source) {
        match (&source.of, source.id) {
            (SourceOf::Table(entity), None) => {
                self.name(entity.table);
            }
            (SourceOf::Table(entity), Some(id)) => {
                self.name(entity.table).push(" AS ").source(id);
            }
            (SourceOf::Query(query), Some(id)) => {
                self.push("(");
                self.derived(query, source.columns);
                self.push(") AS ").source(id);
            }
            (SourceOf::With(with), Some(id)) if self.inline_ctes => {
                self.push("(");
                match &with.body {
                    Body::Values(values) => self.values_as_queries(values),
                    body => self.derived(body, source.columns),
                }
                self.push(") AS ").source(id);
            }
            (SourceOf::With(with), Some(id)) => self.read_from_cte(with.id, id),
            (SourceOf::Itself(with), Some(id)) => self.read_from_cte(*with, id),
            (_, None) => {}
        }
    }

    fn read_from_cte(&mut self, with: crate::stmt::SourceId, id: crate::stmt::SourceId) {
        self.source(with);
        if id != with {
            self.push(" AS ").source(id);
        }
    }

    /// Adds FROM with all joins.
    pub(super) fn from(&mut self, query: &SelectBody) {
        self.push(" FROM ").read_from(&query.from);
        for join in &query.joins {
            match &join.to {
                JoinTo::Source(source) => {
                    self.push(match (join.left, join.on.is_empty()) {
                        (true, _) => " LEFT JOIN ",
                        (false, false) => " JOIN ",
                        (false, true) => " CROSS JOIN ",
                    });
                    self.read_from(source);
                    if !join.on.is_empty() {
                        self.push(" ON ").conditions(&join.on);
                    }
                }
                JoinTo::Relation { relation, from, to, links } => {
                    // Checked when the statement was built.
                    let hops = hops_between(relation, *from, *to, *links).unwrap_or_default();
                    self.join_hops(&hops, join.left, &join.on);
                }
            }
        }
    }

    fn join_hops(&mut self, hops: &[Hop], left: bool, on: &[crate::expr::Node]) {
        match hops {
            // Together: a pair whose target is left out is no row.
            [pairs, target] if left && !on.is_empty() => {
                self.push(" LEFT JOIN (");
                self.hop(pairs);
                self.push(" JOIN ");
                self.hop(target);
                self.push(" ON ");
                self.ties(target);
                further(self, on);
                self.push(") ON ");
                self.ties(pairs);
            }
            hops => {
                for hop in hops {
                    self.push(if left { " LEFT JOIN " } else { " JOIN " });
                    self.hop(hop);
                    self.push(" ON ");
                    self.ties(hop);
                }
                further(self, on);
            }
        }
    }

    /// Adds the table of a hop, with its name if that is another.
    pub(super) fn hop(&mut self, hop: &Hop) {
        self.name(hop.table);
        if let Name::Made(id) = hop.name {
            self.push(" AS ").source(id);
        }
    }

    /// Adds the conditions that tie a hop to what stands before it.
    pub(super) fn ties(&mut self, hop: &Hop) {
        self.separated(" AND ", &hop.on, |out, (column, (other, other_column))| {
            out.named_column(hop.name, column).push(" = ").named_column(*other, other_column);
        });
    }
}

/// What a query answers.
pub(super) fn answer(returning: &[crate::expr::Node]) -> Returns {
    if returning.is_empty() { Returns::Count } else { Returns::Rows }
}
