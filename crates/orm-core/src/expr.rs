//! Expressions: a typed layer, [`Expr<T>`] and [`Column`](crate::Column), over one tree without types.
//!
//! The types say what can be compared with what and are gone after that, so that generics stay shallow. Everything
//! here is built without a database; what contradicts itself is an error of
//! [`Query::statement`](crate::Query::statement).
//!
//! | file | what it adds |
//! |---|---|
//! | `operand` | what can stand on the other side: values, columns, expressions |
//! | `typed` | `Expr<T>`, comparisons |
//! | `text` | `like`, `starts_with`, `lower` |
//! | `operator` | `+ - * /` and `& \| !` |
//! | `function` | aggregates, `coalesce`, `cast`, `case` |
//! | `subquery` | `exists`, subqueries, `User::POSTS.any(..)` |
//! | `order` | `asc`, `desc` |
//! | `substitute` | other expressions in place of columns |

mod function;
mod operand;
mod operator;
mod order;
mod subquery;
mod substitute;
mod text;
mod typed;

pub use function::{
    Case, abs, all_of, any_of, avg, case, coalesce, count, count_all, count_distinct, max, min, sum,
};
pub use operand::{Condition, Holds, Number, Operand};
pub use order::{Order, OrderBy};
pub use typed::Expr;

use crate::entity::{EntityMeta, RelationMeta};
use crate::stmt::{Fragment, SelectBody};
use crate::types::{ColumnType, SqlType};
use crate::value::Value;

/// A part of an expression, without its type.
#[derive(Clone, Debug)]
pub struct Node(pub(crate) Kind);

#[derive(Clone, Debug)]
pub(crate) enum Kind {
    /// A column of a table that must be in scope.
    Column { entity: &'static EntityMeta, position: usize },
    /// The DEFAULT of a column.
    Default { entity: &'static EntityMeta, position: usize },
    /// A bound value.
    Value(Value),
    /// A bound value whose type the database cannot infer from its place.
    Typed(Value, ColumnType),
    /// A value that cannot be sent, with the reason.
    Refused(String),
    /// An expression that may be NULL because its table is left-joined, and whose type says so.
    Optional(Box<Node>),
    /// `left op right`, op a comparison.
    Compare { op: &'static str, left: Box<Node>, right: Box<Node> },
    /// `left op right`, op one of `+ - * /`.
    Arithmetic { op: char, left: Box<Node>, right: Box<Node> },
    /// `of IS [NOT] NULL`
    IsNull { of: Box<Node>, negated: bool },
    /// `of [NOT] IN (list)`, NULL-safe.
    In { of: Box<Node>, list: Vec<Node>, negated: bool },
    /// `of [NOT] IN (SELECT ..)`
    InQuery { of: Box<Node>, query: Box<SelectBody>, negated: bool },
    /// `of BETWEEN low AND high`
    Between { of: Box<Node>, low: Box<Node>, high: Box<Node> },
    /// `of LIKE pattern`
    Like { of: Box<Node>, pattern: Box<Node> },
    /// Whether `sought` is a part of `of`, with regard to case.
    Match { part: Part, of: Box<Node>, sought: Box<Node> },
    /// All of them, or any of them; at least one.
    Logic { op: Logic, nodes: Vec<Node> },
    /// `NOT of`
    Not(Box<Node>),
    /// `name(arguments)`
    Function { name: &'static str, arguments: Vec<Node> },
    /// `name([DISTINCT] of)`, `count(*)` without `of`.
    Aggregate { name: &'static str, distinct: bool, of: Option<Box<Node>>, answer: Option<ColumnType> },
    /// `CAST(of AS type)`
    Cast { of: Box<Node>, to: ColumnType },
    /// `CASE WHEN .. THEN .. ELSE .. END`
    Case { branches: Vec<(Node, Node)>, otherwise: Option<Box<Node>> },
    /// `EXISTS (SELECT ..)`
    Exists(Box<SelectBody>),
    /// `(SELECT count(*) ..)`
    CountOf(Box<SelectBody>),
    /// `(SELECT ..)`, one column.
    Subquery(Box<SelectBody>),
    /// `EXISTS` over the rows that a relation leads to.
    Related { relation: &'static RelationMeta, filter: Option<Box<Node>> },
    /// Text of the program with expressions in its holes.
    Raw(Box<Fragment>),
    /// Something that can be written in Rust and means nothing in SQL: an error when the statement is built.
    Problem(String),
}

/// Where one text is sought in another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Start,
    End,
    Anywhere,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Logic {
    And,
    Or,
}

/// The direct parts of a node, shared or to be changed.
macro_rules! for_each_part {
    ($kind:expr, $each:ident, $iter:ident) => {
        match $kind {
            Kind::Column { .. }
            | Kind::Default { .. }
            | Kind::Value(_)
            | Kind::Typed(..)
            | Kind::Refused(_)
            | Kind::Exists(_)
            | Kind::CountOf(_)
            | Kind::Subquery(_)
            | Kind::Related { .. }
            | Kind::Problem(_) => {}
            Kind::Optional(of)
            | Kind::IsNull { of, .. }
            | Kind::InQuery { of, .. }
            | Kind::Not(of)
            | Kind::Cast { of, .. } => $each(of),
            Kind::Compare { left, right, .. } | Kind::Arithmetic { left, right, .. } => {
                $each(left);
                $each(right);
            }
            Kind::In { of, list, .. } => {
                $each(of);
                list.$iter().for_each($each);
            }
            Kind::Between { of, low, high } => {
                $each(of);
                $each(low);
                $each(high);
            }
            Kind::Like { of, pattern: other } | Kind::Match { of, sought: other, .. } => {
                $each(of);
                $each(other);
            }
            Kind::Logic { nodes, .. } | Kind::Function { arguments: nodes, .. } => {
                nodes.$iter().for_each($each);
            }
            Kind::Raw(fragment) => fragment.nodes.$iter().for_each($each),
            Kind::Aggregate { of, .. } => of.$iter().for_each(|of| $each(of)),
            Kind::Case { branches, otherwise } => {
                for (condition, value) in branches {
                    $each(condition);
                    $each(value);
                }
                otherwise.$iter().for_each(|value| $each(value));
            }
        }
    };
}

impl Node {
    /// The parameter that holds a value.
    pub(crate) fn bound<T: SqlType>(value: &T) -> Node {
        let mut cells = crate::Cells::default();
        value.encode(&mut cells);
        Node(match cells.fault() {
            Some(fault) => Kind::Refused(fault.reason.clone()),
            None => Kind::Value(cells.value(0).to_value()),
        })
    }

    pub(crate) fn boxed(self) -> Box<Node> {
        Box::new(self)
    }

    /// Whether this is the value NULL.
    pub(crate) fn is_null_value(&self) -> bool {
        matches!(self.0, Kind::Value(Value::Null))
    }

    /// `self op right`, where `= NULL` becomes IS NULL.
    pub(crate) fn compare(self, op: &'static str, right: Node) -> Node {
        Node(match (op, right.is_null_value()) {
            ("=" | "<>", true) => Kind::IsNull { of: self.boxed(), negated: op == "<>" },
            (_, true) => Kind::Problem(format!(
                "`{op}` with None is never true: leave the condition out, or use `is_null()`"
            )),
            (_, false) => Kind::Compare { op, left: self.boxed(), right: right.boxed() },
        })
    }

    /// Both, or either, flat where one of them is such a list already.
    pub(crate) fn logic(self, op: Logic, right: Node) -> Node {
        let mut nodes = match self.0 {
            Kind::Logic { op: same, nodes } if same == op => nodes,
            kind => vec![Node(kind)],
        };
        match right.0 {
            Kind::Logic { op: same, nodes: more } if same == op => nodes.extend(more),
            kind => nodes.push(Node(kind)),
        }
        Node(Kind::Logic { op, nodes })
    }

    /// Calls `each` with the direct parts, those inside subqueries aside.
    pub(crate) fn parts<'a>(&'a self, each: &mut dyn FnMut(&'a Node)) {
        for_each_part!(&self.0, each, iter)
    }

    /// Calls `each` with the direct parts, to change them.
    pub(crate) fn parts_mut(&mut self, each: &mut dyn FnMut(&mut Node)) {
        for_each_part!(&mut self.0, each, iter_mut)
    }

    /// The subquery that this node is, with the tables it adds by itself.
    pub(crate) fn query(&self) -> Option<&SelectBody> {
        match &self.0 {
            Kind::Exists(query)
            | Kind::CountOf(query)
            | Kind::Subquery(query)
            | Kind::InQuery { query, .. } => Some(query),
            _ => None,
        }
    }

    /// [`query`](Self::query), to change it.
    pub(crate) fn query_mut(&mut self) -> Option<&mut SelectBody> {
        match &mut self.0 {
            Kind::Exists(query)
            | Kind::CountOf(query)
            | Kind::Subquery(query)
            | Kind::InQuery { query, .. } => Some(query),
            _ => None,
        }
    }
}
