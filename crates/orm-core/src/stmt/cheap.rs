//! Which reads are known to be cheap, as far as can be told without the data.
//!
//! What is let through here is still watched while it runs: this is about what the watch cannot stop, which is one call of
//! a function, and about reads that would only be begun to be given up.

use super::{Distinct, JoinTo, SelectBody};
use crate::expr::{Kind, Logic, Node};
use crate::relation::{Leg, Narrow};

/// The largest limit of a read that is cheap by its limit.
const FEW: u64 = 100;

impl SelectBody {
    /// Whether it finds its rows by a key or a unique value, or is content with a few, and does nothing with them that
    /// could take long in one go.
    pub(crate) fn is_cheap(&self) -> bool {
        (self.limit.is_some_and(|limit| limit <= FEW) || self.is_by_key()) && self.is_cheap_to_find()
    }

    /// The same where one row is all that is wanted.
    pub(crate) fn is_cheap_to_find(&self) -> bool {
        matches!(self.distinct, Distinct::None)
            && self.lock.is_none()
            && self.group_by.is_empty()
            && self.having.is_empty()
            && self.from.own_table().is_some()
            && self.joins.iter().all(|join| matches!(join.to, JoinTo::Relation { .. }))
            && self.nodes().all(Node::is_cheap)
    }

    /// Whether the filter gives a value to each column of the key, or to a unique one.
    fn is_by_key(&self) -> bool {
        let Some(entity) = self.from.own_table() else { return false };
        let given = |column: usize| self.filter.iter().any(|node| node.gives(entity, column));
        let unique = |(at, column): (usize, &crate::entity::ColumnMeta)| column.unique && given(at);
        entity.key.iter().all(|&column| given(column))
            || entity.columns.iter().enumerate().any(unique)
            || entity.indexes.iter().any(|index| index.unique && index.columns.iter().all(|&at| given(at)))
    }
}

impl Node {
    /// Whether it is made of columns, values, comparisons and arithmetic: nothing that takes long for one row.
    pub(crate) fn is_cheap(&self) -> bool {
        let own = match &self.0 {
            Kind::Column { .. }
            | Kind::Literal(_)
            | Kind::Negative(_)
            | Kind::IsTrue { .. }
            | Kind::Value(_)
            | Kind::Typed(..)
            | Kind::Refused(_)
            | Kind::Optional(_)
            | Kind::Exact(_)
            | Kind::Compare { .. }
            | Kind::Arithmetic { .. }
            | Kind::IsNull { .. }
            | Kind::In { .. }
            | Kind::Between { .. }
            | Kind::Logic { .. }
            | Kind::Not(_) => true,
            Kind::Default { .. }
            | Kind::InQuery { .. }
            | Kind::Like { .. }
            | Kind::Match { .. }
            | Kind::Field { .. }
            | Kind::Excluded { .. }
            | Kind::Call { .. }
            | Kind::Json { .. }
            | Kind::List(_)
            | Kind::Named(..)
            | Kind::Aggregate(_)
            | Kind::Over { .. }
            | Kind::Cast { .. }
            | Kind::Case { .. }
            | Kind::Exists(_)
            | Kind::CountOf(_)
            | Kind::Subquery(_)
            | Kind::Related { .. }
            | Kind::Raw(_)
            | Kind::Problem(_) => false,
        };
        let mut cheap = own;
        self.parts(&mut |part| cheap = cheap && part.is_cheap());
        cheap
    }

    /// Whether the condition, or a part of it that must be met, is `column = value` of this column.
    fn gives(&self, entity: &crate::EntityMeta, column: usize) -> bool {
        let is_column = |node: &Node| matches!(node.0, Kind::Column { entity: of, position } if of.is(entity) && position == column);
        let is_value = |node: &Node| matches!(node.0, Kind::Value(_) | Kind::Typed(..));
        match &self.0 {
            Kind::Compare { op: "=", left, right } => {
                is_column(left) && is_value(right) || is_value(left) && is_column(right)
            }
            Kind::Logic { op: Logic::And, nodes } => nodes.iter().any(|node| node.gives(entity, column)),
            _ => false,
        }
    }
}

impl Leg {
    /// Whether its targets, where they ride in the rows of a query that is cheap, keep it so.
    pub(crate) fn is_cheap(&self) -> bool {
        self.narrow.as_ref().is_none_or(|narrow| narrow.is_cheap())
    }
}

impl Narrow {
    /// Whether conditions and order are cheap for each row.
    pub(crate) fn is_cheap(&self) -> bool {
        self.nodes().all(Node::is_cheap)
    }
}
