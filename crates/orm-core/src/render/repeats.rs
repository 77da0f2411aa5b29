//! Expressions that a query is grouped by, where a database does not know them again by itself.
//!
//! Where parameters have numbers, `$1` is not `$2`: what is selected is what rows are grouped by only if its values are the same
//! parameters. And some know columns again in HAVING, but not what is made of them.

use super::Writer;
use crate::dialect::Placeholder;
use crate::expr::{Kind, Node};
use crate::stmt::{Distinct, SelectBody};

/// An expression that must be the same one wherever it stands.
#[derive(Debug)]
pub(super) struct Repeat {
    /// As it is compared.
    spelled: String,
    /// Its first parameter, once it was written.
    first: Option<usize>,
}

impl Writer<'_> {
    /// Writes a query, with what it is grouped by in mind.
    pub(super) fn with_repeats(&mut self, query: &SelectBody, write: impl FnOnce(&mut Self)) {
        let before = self.repeats.len();
        let is_in_having = std::mem::take(&mut self.is_in_having);
        // What is distinct is the same in HAVING as it was: only its values matter.
        let distinct: &[Node] = match &query.distinct {
            Distinct::Rows if self.has_numbers() => query.columns.as_deref().unwrap_or_default(),
            Distinct::On(nodes) if self.has_numbers() => nodes,
            _ => &[],
        };
        let grouped = query.group_by.iter().chain(distinct).filter(|node| self.may_repeat(node));
        let repeats: Vec<Repeat> =
            grouped.map(|node| Repeat { spelled: spelled(node), first: None }).collect();
        self.repeats.extend(repeats);
        write(self);
        self.repeats.truncate(before);
        self.is_in_having = is_in_having;
    }

    /// Writes the conditions of HAVING.
    pub(super) fn having(&mut self, conditions: &[Node]) {
        self.is_in_having = true;
        self.conditions(conditions);
        self.is_in_having = false;
    }

    /// Writes what is computed of the rows of a group, where what they are grouped by is an expression like any other.
    pub(super) fn of_each_row(&mut self, write: impl FnOnce(&mut Self)) {
        let is_in_having = std::mem::take(&mut self.is_in_having);
        write(self);
        self.is_in_having = is_in_having;
    }

    fn has_numbers(&self) -> bool {
        self.dialect.placeholder == Placeholder::Dollar
    }

    /// Whether the database does not know an expression again.
    fn may_repeat(&self, node: &Node) -> bool {
        match self.dialect.placeholder {
            Placeholder::Dollar => node.has_values(),
            _ => {
                !self.dialect.groups_in_having && !matches!(node.0, Kind::Column { .. } | Kind::Field { .. })
            }
        }
    }

    /// Writes an expression that the query is grouped by so that the database knows it. Answers whether it is one.
    pub(super) fn repeat(&mut self, node: &Node) -> bool {
        if self.repeats.is_empty() || !self.may_repeat(node) {
            return false;
        }
        let is_numbered = self.has_numbers();
        if !is_numbered && !self.is_in_having {
            return false;
        }
        let sought = spelled(node);
        let Some(at) = self.repeats.iter().position(|repeat| repeat.spelled == sought) else { return false };
        let mut repeats = std::mem::take(&mut self.repeats);
        match repeats[at].first {
            // Of a value that all rows of the group have.
            _ if !is_numbered => {
                self.push("min(").node(node);
                self.push(")");
            }
            None => {
                repeats[at].first = Some(self.parameters);
                self.node(node);
            }
            Some(first) => {
                self.binds = None;
                // Its values were sent with the first one.
                let input = std::mem::take(&mut self.input);
                let parameters = std::mem::replace(&mut self.parameters, first);
                self.node(node);
                (self.input, self.parameters) = (input, parameters);
            }
        }
        self.repeats = repeats;
        true
    }
}

/// An expression as text, without what makes no difference.
fn spelled(node: &Node) -> String {
    let mut plain = node.clone();
    strip(&mut plain);
    format!("{plain:?}")
}

fn strip(node: &mut Node) {
    while let Kind::Optional(of) | Kind::Named(of, _) = &mut node.0 {
        *node = (**of).clone();
    }
    node.parts_mut(&mut strip);
}
