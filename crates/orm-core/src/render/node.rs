//! Expressions as SQL, with no more parentheses than precedence needs.

use super::Writer;
use super::known::Form;
use super::select::{related, rowset, rowset_any, rowset_count};
use crate::dialect::{TextSearch, Upsert};
use crate::expr::{Arithmetic, Kind, Logic, Node, Part};
use crate::stmt::FieldColumn;
use crate::types::ColumnType;
use crate::value::Value;

/// How tightly a written expression holds together; a part that holds less tightly gets parentheses.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Bond {
    /// Text of the program: nobody knows.
    Raw,
    Or,
    And,
    Not,
    Compare,
    Add,
    Multiply,
    Sign,
    Atom,
}

impl Writer<'_> {
    /// Adds conditions that must all be true.
    pub(super) fn conditions(&mut self, conditions: &[Node]) {
        match conditions {
            [one] => self.node(one),
            all => {
                self.separated(" AND ", all, |out, node| out.further_condition(node));
            }
        }
    }

    /// Adds a condition after ` AND `.
    pub(crate) fn further_condition(&mut self, condition: &Node) {
        self.above_or_same(Bond::And, condition);
    }

    /// Adds an expression.
    pub(crate) fn node(&mut self, node: &Node) {
        if self.repeat(node) {
            return;
        }
        match &node.0 {
            Kind::Column { entity, position } => {
                match self.renamed(entity.table) {
                    Some(name) => self.column(&name, entity.columns[*position].name),
                    None => self.column(entity.table, entity.columns[*position].name),
                };
            }
            Kind::Field { source, column } => {
                self.source(*source).push(".");
                match column {
                    FieldColumn::Entity(entity, at) => {
                        self.name(entity.columns[*at].name);
                    }
                    FieldColumn::Made(at, _) => self.made_column(*at),
                }
            }
            Kind::Excluded { entity, position } => {
                let ([before, after], column) = (self.dialect.excluded, entity.columns[*position].name);
                self.push(before);
                match self.dialect.upsert {
                    Upsert::OnConflict => self.name(column),
                    // A query inside may have a column of this name.
                    Upsert::OnDuplicateKey => self.column(entity.table, column),
                };
                self.push(after);
            }
            Kind::Literal(number) => {
                self.number(u64::from(*number));
            }
            Kind::List(nodes) => {
                self.separated(", ", nodes, |out, node| out.node(node));
            }
            Kind::Named(of, at) => {
                self.node(of);
                self.push(" AS ").made_column(*at);
            }
            Kind::Negative(of) => {
                self.push("-");
                self.above(Bond::Sign, of);
            }
            Kind::IsTrue { of, negated } => {
                self.above(Bond::Compare, of);
                self.push(if *negated { " IS NOT TRUE" } else { " IS TRUE" });
            }
            Kind::Default { entity, position } => {
                let column = &entity.columns[*position];
                let default = self.dialect.default_literal(column.default.unwrap_or("NULL"), column.ty);
                self.push("(").push(default).push(")");
            }
            Kind::Value(value) => {
                self.bind(value);
            }
            Kind::Typed(value, ty) => self.typed(value, *ty),
            Kind::Refused(reason) => {
                self.bind_with(|cells| cells.refuse(reason.clone()));
            }
            Kind::Optional(of) => self.node(of),
            Kind::Exact(of) => {
                self.calculates_decimals();
                self.node(of);
            }
            Kind::Compare { op, left, right } => self.infix(Bond::Compare, left, op, right),
            Kind::Arithmetic { op, left, right } => self.arithmetic(*op, left, right),
            Kind::IsNull { of, negated } => {
                self.above(Bond::Add, of);
                self.push(if *negated { " IS NOT NULL" } else { " IS NULL" });
            }
            Kind::In { of, list, negated } => self.in_values(of, list, *negated),
            Kind::InQuery { of, query, negated } => {
                self.above(Bond::Add, of);
                self.push(if *negated { " NOT IN (" } else { " IN (" });
                match query.has_limit() && !self.dialect.limited_in {
                    true => self.compound_part(query, crate::stmt::SourceColumns::Made(1)),
                    false => rowset(self, query),
                }
                self.push(")");
            }
            Kind::Between { of, low, high } => {
                self.above(Bond::Add, of);
                self.push(" BETWEEN ");
                self.above(Bond::Add, low);
                self.push(" AND ");
                self.above(Bond::Add, high);
            }
            Kind::Like { of, pattern } => {
                self.above(Bond::Add, of);
                self.push(" LIKE ");
                self.above(Bond::Add, pattern);
                self.push(self.dialect.escape);
            }
            Kind::Match { part, of, sought } => self.search(*part, of, sought),
            Kind::Logic { op, nodes } => self.logic(*op, nodes),
            Kind::Not(of) => {
                self.push("NOT (");
                self.node(of);
                self.push(")");
            }
            Kind::Call { function, arguments } => self.call(*function, arguments),
            Kind::Aggregate(body) => self.aggregate(body),
            Kind::Over { function, window } => self.over(function, window),
            Kind::Json { of, path, answer } => self.json(of, path, *answer),
            Kind::Cast { of, to } => {
                self.push("CAST(");
                self.node(of);
                self.push(" AS ").cast_name(*to).push(")");
            }
            Kind::Case { branches, otherwise } => self.case(branches, otherwise.as_deref()),
            Kind::Exists(query) => {
                self.push("EXISTS (");
                rowset_any(self, query);
                self.push(")");
            }
            Kind::CountOf(query) => {
                self.push("(");
                rowset_count(self, query);
                self.push(")");
            }
            Kind::Subquery(query) => {
                self.push("(");
                rowset(self, query);
                self.push(")");
            }
            Kind::Related { relation, from, filter } => related(self, relation, *from, filter.as_deref()),
            Kind::Raw(fragment) => {
                self.fragment(fragment);
            }
            // Refused when the statement was built.
            Kind::Problem(_) => {
                self.push("NULL");
            }
        }
    }

    /// The name that the columns of a table have instead of its own.
    pub(super) fn renamed(&self, table: &str) -> Option<String> {
        let innermost = self.tables.iter().rev().find(|(known, _)| *known == table);
        innermost.and_then(|(_, name)| name.clone())
    }

    /// Adds what stands in a text of the program, which may bind it to what is around it.
    pub(super) fn hole(&mut self, node: &Node) {
        self.argument(node, false);
    }

    /// Adds what rows are grouped or ordered by. A literal there is the place of a column, or an error.
    pub(super) fn arranged_by(&mut self, node: &Node) {
        if always(node).is_none() {
            return self.node(node);
        }
        self.above(Bond::Compare, node);
        self.push(" IS TRUE");
    }

    /// Adds the question whether what rows are ordered by is NULL.
    pub(super) fn missing(&mut self, node: &Node) {
        self.above(Bond::Add, node);
        self.push(" IS NULL");
    }

    /// Says so, where the database has no decimals.
    pub(super) fn calculates_decimals(&mut self) {
        if !self.dialect.decimals {
            self.lacks(
                "decimals to calculate with (a column of them holds text)",
                "read the rows and add them up in the program, or store whole cents in an `i64`",
            );
        }
    }

    /// Adds an argument of a function, in parentheses where it does not stand between commas.
    pub(super) fn argument(&mut self, node: &Node, between_commas: bool) {
        self.part(between_commas || bond_of(node) == Bond::Atom, node);
    }

    /// Adds a part, in parentheses unless it holds more tightly than `bond`.
    fn above(&mut self, bond: Bond, node: &Node) {
        self.part(bond_of(node) > bond, node);
    }

    /// The same for an operator that may be repeated without them.
    fn above_or_same(&mut self, bond: Bond, node: &Node) {
        self.part(bond_of(node) >= bond, node);
    }

    fn part(&mut self, tight: bool, node: &Node) {
        if tight {
            self.node(node);
        } else {
            self.push("(");
            self.node(node);
            self.push(")");
        }
    }

    fn infix(&mut self, bond: Bond, left: &Node, op: &str, right: &Node) {
        self.above(bond, left);
        self.push(" ").push(op).push(" ");
        self.above(bond, right);
    }

    /// `a - b - c` needs no parentheses, `a - (b - c)` does.
    fn arithmetic(&mut self, op: Arithmetic, left: &Node, right: &Node) {
        self.above_or_same(bond_of_arithmetic(op), left);
        self.push(match op {
            Arithmetic::Add => " + ",
            Arithmetic::Subtract => " - ",
            Arithmetic::Multiply => " * ",
            Arithmetic::Divide => " / ",
            Arithmetic::DivideIntegers => self.dialect.divide_integers,
            Arithmetic::Remainder => " % ",
        });
        self.above(bond_of_arithmetic(op), right);
    }

    fn logic(&mut self, op: Logic, nodes: &[Node]) {
        let (bond, word, empty) = match op {
            Logic::And => (Bond::And, " AND ", true),
            Logic::Or => (Bond::Or, " OR ", false),
        };
        match nodes {
            [] => self.boolean(empty),
            nodes => {
                self.separated(word, nodes, |out, node| out.above_or_same(bond, node));
            }
        }
    }

    pub(super) fn boolean(&mut self, value: bool) {
        self.push(self.dialect.booleans[usize::from(value)]);
    }

    /// NULL in the list is a question of its own: `x IN (1, NULL)` is never false.
    fn in_values(&mut self, of: &Node, list: &[Node], negated: bool) {
        let with_null = list.iter().any(Node::is_null_value);
        let values: Vec<_> = list.iter().filter(|node| !node.is_null_value()).collect();
        if values.is_empty() && !with_null {
            return self.boolean(negated);
        }
        let both = with_null && !values.is_empty();
        if both {
            self.push("(");
        }
        if !values.is_empty() {
            self.above(Bond::Add, of);
            self.push(if negated { " NOT IN (" } else { " IN (" });
            self.separated(", ", values, |out, value| out.node(value)).push(")");
        }
        if both {
            self.push(if negated { " AND " } else { " OR " });
        }
        if with_null {
            self.above(Bond::Add, of);
            self.push(if negated { " IS NOT NULL" } else { " IS NULL" });
        }
        if both {
            self.push(")");
        }
    }

    fn typed(&mut self, value: &Value, ty: ColumnType) {
        if self.dialect.typed_parameters {
            self.push("CAST(").bind(value).push(" AS ").cast_name(ty).push(")");
        } else {
            self.bind(value);
        }
    }

    fn case(&mut self, branches: &[(Node, Node)], otherwise: Option<&Node>) {
        self.push("CASE");
        for (condition, value) in branches {
            self.push(" WHEN ");
            self.node(condition);
            self.push(" THEN ");
            self.node(value);
        }
        if let Some(value) = otherwise {
            self.push(" ELSE ");
            self.node(value);
        }
        self.push(" END");
    }

    fn search(&mut self, part: Part, of: &Node, sought: &Node) {
        match (self.dialect.text_search, &sought.0) {
            (TextSearch::Like, Kind::Value(value @ Value::Text(text))) => {
                self.search_like(part, of, value, text);
            }
            (TextSearch::Binary, Kind::Value(value @ Value::Text(text)))
                if part == Part::Start && !text.is_empty() =>
            {
                self.search_range(of, value, text);
            }
            // Wildcards of an expression cannot be escaped beforehand.
            _ => self.form(self.dialect.search[part as usize], &[of, sought]),
        }
    }

    /// A LIKE that minds the case, of a value.
    fn search_like(&mut self, part: Part, of: &Node, value: &Value, text: &str) {
        self.above(Bond::Add, of);
        let (like, escape) = (self.dialect.like_case, self.dialect.escape);
        self.push(like).bind_form(value, Form::Pattern(part), &pattern(part, text)).push(escape);
    }

    /// A prefix as a range of the binary order, which an index serves: from the prefix to the first text after all
    /// that begin with it.
    fn search_range(&mut self, of: &Node, value: &Value, text: &str) {
        self.above(Bond::Compare, of);
        self.push(" >= ").bind(value);
        if let Some(end) = end_of_prefix(text) {
            self.push(" AND ");
            self.above(Bond::Compare, of);
            self.push(" < ").bind_form(value, Form::EndOfPrefix, &end);
        }
    }
}

/// The boolean that it always is, as databases see it before they look for places of columns: `x AND 0` is `0` for SQLite,
/// `NOT TRUE` for MariaDB.
fn always(node: &Node) -> Option<bool> {
    match &node.0 {
        Kind::Logic { op, nodes } if nodes.is_empty() => Some(*op == Logic::And),
        Kind::Logic { nodes, .. } if nodes.len() == 1 => always(&nodes[0]),
        Kind::Logic { op, nodes } => {
            let decides = *op == Logic::Or;
            nodes.iter().any(|part| always(part) == Some(decides)).then_some(decides)
        }
        Kind::Not(of) => always(of).map(|value| !value),
        Kind::IsNull { of, negated } => always(of).map(|_| *negated),
        Kind::In { list, negated, .. } if list.is_empty() => Some(*negated),
        Kind::Optional(of) => always(of),
        _ => None,
    }
}

fn bond_of(node: &Node) -> Bond {
    match &node.0 {
        Kind::Logic { op: Logic::Or, nodes } if nodes.len() > 1 => Bond::Or,
        Kind::Logic { op: Logic::And, nodes } if nodes.len() > 1 => Bond::And,
        Kind::Logic { nodes, .. } => nodes.first().map_or(Bond::Atom, bond_of),
        Kind::Not(_) => Bond::Not,
        // A prefix as a range is two comparisons with AND between them.
        Kind::Match { part: Part::Start, .. } | Kind::Between { .. } => Bond::And,
        Kind::Compare { .. }
        | Kind::IsNull { .. }
        | Kind::IsTrue { .. }
        | Kind::In { .. }
        | Kind::InQuery { .. }
        | Kind::Like { .. }
        | Kind::Match { .. } => Bond::Compare,
        Kind::Arithmetic { op, .. } => bond_of_arithmetic(*op),
        Kind::Negative(_) => Bond::Sign,
        Kind::Optional(of) | Kind::Exact(of) => bond_of(of),
        Kind::Raw(_) => Bond::Raw,
        _ => Bond::Atom,
    }
}

fn bond_of_arithmetic(op: Arithmetic) -> Bond {
    match op {
        Arithmetic::Add | Arithmetic::Subtract => Bond::Add,
        _ => Bond::Multiply,
    }
}

/// The pattern of a LIKE that finds a text at the start, at the end, or anywhere.
pub(super) fn pattern(part: Part, text: &str) -> String {
    let mut pattern = String::with_capacity(text.len() + 2);
    if part != Part::Start {
        pattern.push('%');
    }
    for character in text.chars() {
        if matches!(character, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(character);
    }
    if part != Part::End {
        pattern.push('%');
    }
    pattern
}

/// The smallest text that is greater than all that begin with `prefix`, if there is one.
pub(super) fn end_of_prefix(prefix: &str) -> Option<String> {
    let mut end = prefix.to_owned();
    while let Some(last) = end.pop() {
        let next = match last {
            '\u{D7FF}' => Some('\u{E000}'),
            char::MAX => None,
            other => char::from_u32(other as u32 + 1),
        };
        if let Some(next) = next {
            end.push(next);
            return Some(end);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::end_of_prefix;

    #[test]
    fn the_end_of_a_prefix_is_the_next_text_of_its_length_or_shorter() {
        let end = |prefix: &str| end_of_prefix(prefix);
        assert_eq!(end("Ab").as_deref(), Some("Ac"));
        assert_eq!(end("a\u{D7FF}").as_deref(), Some("a\u{E000}"));
        assert_eq!(end("a\u{10FFFF}").as_deref(), Some("b"));
        assert_eq!(end("\u{10FFFF}"), None);
    }
}
