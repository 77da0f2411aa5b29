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
//! | `field` | `Field<T>`: a column of an alias, a subquery or a CTE |
//! | `aggregate` | `count`, `sum` and their kin, with `filter` and `over` |
//! | `window` | `row_number`, `lag` and their kin; partitions, orders, frames |
//! | `function` | `coalesce`, `abs`, conditions from lists |
//! | `case` | CASE |
//! | `number` | rounding |
//! | `call` | the functions that dialects write in their own ways |
//! | `time` | parts of dates and times, arithmetic with durations |
//! | `json` | parts of JSON values |
//! | `subquery` | `exists`, subqueries, `User::POSTS.any(..)` |
//! | `order` | `asc`, `desc` |
//! | `substitute` | other expressions in place of columns |

mod aggregate;
mod call;
mod case;
mod cast;
mod field;
mod function;
mod json;
mod number;
mod operand;
mod operator;
mod order;
mod subquery;
mod substitute;
mod text;
mod time;
mod typed;
mod window;

pub use aggregate::{Aggregate, avg, count, count_all, count_distinct, max, min, string_agg, sum};
pub use call::{Function, TimePart, TimeType};
pub use case::{Case, case};
pub use field::Field;
pub use function::{abs, all_of, any_of, coalesce, nullif, value};
pub use json::{IsJson, JsonKey, JsonPath};
pub use operand::{Condition, Holds, Number, Operand};
pub use order::{Order, OrderBy};
pub use time::{HasDate, HasTime, Instant, PartOf, now};
pub use typed::Expr;
pub use window::{
    Bound, Window, WindowFunction, cume_dist, current_row, dense_rank, first_value, following, lag,
    last_value, lead, nth_value, ntile, partition_by, percent_rank, preceding, rank, row_number,
    unbounded_following, unbounded_preceding, window,
};

pub(crate) use json::{JsonAnswer, JsonStep};
pub(crate) use window::{Frame, FrameUnit, WindowBody};

use crate::entity::{EntityMeta, RelationMeta};
use crate::stmt::{Body, FieldColumn, Fragment, SourceId};
use crate::types::{ColumnType, SqlType};
use crate::value::Value;

/// A part of an expression, without its type.
#[derive(Clone, Debug)]
pub struct Node(pub(crate) Kind);

#[derive(Clone, Debug)]
pub(crate) enum Kind {
    /// A column of a table that must be in scope.
    Column { entity: &'static EntityMeta, position: usize },
    /// A column of a source that has a name of its own.
    Field { source: SourceId, column: FieldColumn },
    /// In what an upsert writes: the value that the row would have had, had it been new.
    Excluded { entity: &'static EntityMeta, position: usize },
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
    /// `left op right`
    Arithmetic { op: Arithmetic, left: Box<Node>, right: Box<Node> },
    /// `-of`
    Negative(Box<Node>),
    /// `of IS [NOT] NULL`
    IsNull { of: Box<Node>, negated: bool },
    /// `of [NOT] IN (list)`, NULL-safe.
    In { of: Box<Node>, list: Vec<Node>, negated: bool },
    /// `of [NOT] IN (SELECT ..)`
    InQuery { of: Box<Node>, query: Box<Body>, negated: bool },
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
    /// A function, which each dialect writes in its own way.
    Call { function: Function, arguments: Vec<Node> },
    /// `of AS "c1"`, in the first part of a compound that others read from.
    Named(Box<Node>, usize),
    /// A whole number, as it is written.
    Literal(u32),
    /// The arguments of a function, with commas between them.
    List(Vec<Node>),
    /// A part of a JSON value.
    Json { of: Box<Node>, path: Vec<JsonStep>, answer: JsonAnswer },
    /// A function of the rows of a group.
    Aggregate(Box<AggregateBody>),
    /// `function OVER (window)`
    Over { function: Box<Node>, window: Box<WindowBody> },
    /// `CAST(of AS type)`
    Cast { of: Box<Node>, to: ColumnType },
    /// `CASE WHEN .. THEN .. ELSE .. END`
    Case { branches: Vec<(Node, Node)>, otherwise: Option<Box<Node>> },
    /// `EXISTS (SELECT ..)`
    Exists(Box<Body>),
    /// `(SELECT count(*) ..)`
    CountOf(Box<Body>),
    /// `(SELECT ..)`, one column.
    Subquery(Box<Body>),
    /// `EXISTS` over the rows that a relation leads to, from its own table or an alias of it.
    Related { relation: &'static RelationMeta, from: Option<SourceId>, filter: Option<Box<Node>> },
    /// What was calculated with decimals: as it is, where there are any.
    Exact(Box<Node>),
    /// `of IS [NOT] TRUE`: never NULL.
    IsTrue { of: Box<Node>, negated: bool },
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

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Arithmetic {
    Add,
    Subtract,
    Multiply,
    Divide,
    /// Of integers, towards zero.
    DivideIntegers,
    Remainder,
}

/// `name([DISTINCT] of [, separator]) [FILTER (WHERE ..)]`
#[derive(Clone, Debug)]
pub(crate) struct AggregateBody {
    pub(crate) function: AggregateFunction,
    pub(crate) distinct: bool,
    /// `None` is `*`.
    pub(crate) of: Option<Node>,
    /// The rows that count; all of them if none is given.
    pub(crate) filter: Vec<Node>,
    /// The type of its answer, where the database may have another one.
    pub(crate) answer: Option<ColumnType>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum AggregateFunction {
    Count,
    Sum,
    Average,
    Minimum,
    Maximum,
    /// Texts, with this one between them.
    Texts(&'static str),
    /// One that needs a window.
    Window(&'static str),
}

/// The direct parts of a node, shared or to be changed.
macro_rules! for_each_part {
    ($kind:expr, $each:ident, $iter:ident $(, $mutable:tt)?) => {
        match $kind {
            Kind::Column { .. }
            | Kind::Field { .. }
            | Kind::Excluded { .. }
            | Kind::Default { .. }
            | Kind::Value(_)
            | Kind::Typed(..)
            | Kind::Refused(_)
            | Kind::Literal(_)
            | Kind::Exists(_)
            | Kind::CountOf(_)
            | Kind::Subquery(_)
            | Kind::Related { .. }
            | Kind::Problem(_) => {}
            Kind::Optional(of)
            | Kind::Exact(of)
            | Kind::Named(of, _)
            | Kind::Negative(of)
            | Kind::IsNull { of, .. }
            | Kind::IsTrue { of, .. }
            | Kind::Json { of, .. }
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
            Kind::Logic { nodes, .. } | Kind::Call { arguments: nodes, .. } | Kind::List(nodes) => {
                nodes.$iter().for_each($each);
            }
            Kind::Raw(fragment) => fragment.nodes.$iter().for_each($each),
            Kind::Aggregate(body) => {
                body.of.$iter().for_each(|of| $each(of));
                body.filter.$iter().for_each(|condition| $each(condition));
            }
            Kind::Over { function, window } => {
                $each(function);
                window.partition_by.$iter().for_each(|node| $each(node));
                window.order_by.$iter().for_each(|order| $each(&$($mutable)? order.node));
            }
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

    /// The same as a column with a name that is made from its place, if it has none yet.
    pub(crate) fn named(self, at: usize) -> Node {
        match self.0 {
            Kind::Named(..) => self,
            kind => Node(Kind::Named(Node(kind).boxed(), at)),
        }
    }

    /// The same, said to be NULL where it is.
    pub(crate) fn into_optional(self) -> Node {
        Node(Kind::Optional(self.boxed()))
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

    /// Whether it has sources whose names must be made before it is written.
    pub(crate) fn has_made_sources(&self) -> bool {
        if matches!(self.0, Kind::Related { .. } | Kind::Field { .. })
            || self.query().is_some_and(Body::has_made_sources)
        {
            return true;
        }
        let mut found = false;
        self.parts(&mut |part| found = found || part.has_made_sources());
        found
    }

    /// Whether it may have parameters.
    pub(crate) fn has_values(&self) -> bool {
        let own = matches!(
            self.0,
            Kind::Value(_) | Kind::Typed(..) | Kind::Refused(_) | Kind::Related { .. } | Kind::Json { .. }
        );
        if own || self.query().is_some() {
            return true;
        }
        let mut found = false;
        self.parts(&mut |part| found = found || part.has_values());
        found
    }

    /// Calls `each` with the direct parts, those inside subqueries aside.
    pub(crate) fn parts<'a>(&'a self, each: &mut dyn FnMut(&'a Node)) {
        for_each_part!(&self.0, each, iter)
    }

    /// Calls `each` with the direct parts, to change them.
    pub(crate) fn parts_mut(&mut self, each: &mut dyn FnMut(&mut Node)) {
        for_each_part!(&mut self.0, each, iter_mut, mut)
    }

    /// The subquery that this node is, with the tables it adds by itself.
    pub(crate) fn query(&self) -> Option<&Body> {
        match &self.0 {
            Kind::Exists(query)
            | Kind::CountOf(query)
            | Kind::Subquery(query)
            | Kind::InQuery { query, .. } => Some(query),
            _ => None,
        }
    }

    /// [`query`](Self::query), to change it.
    pub(crate) fn query_mut(&mut self) -> Option<&mut Body> {
        match &mut self.0 {
            Kind::Exists(query)
            | Kind::CountOf(query)
            | Kind::Subquery(query)
            | Kind::InQuery { query, .. } => Some(query),
            _ => None,
        }
    }
}
