//! Queries of any type as one type, so that a generator can hold them.

use anyorm::expr::{Condition, Expr, Order};
use anyorm::query::{Values, Whole};
use anyorm::stmt::{Compound, Fields, IntoSource, Select, Statement};
use anyorm::{Derived, Query, query::Selection};

use crate::names::Row;
use crate::schema::{Moon, Planet, Sun};

/// The expressions of a row.
pub(crate) type Columns = (Expr<Option<i64>>, Expr<Option<String>>, Expr<Option<f64>>, Expr<Option<bool>>);

/// A query that does not say yet what it selects.
#[derive(Clone, Debug)]
pub(crate) enum AnySelect {
    Sun(Select<Sun, Whole<Sun>>),
    Planet(Select<Planet, Whole<Planet>>),
    Moon(Select<Moon, Whole<Moon>>),
    Rows(Select<Derived<Row>, Values<Row>>),
}

/// One that does.
#[derive(Clone, Debug)]
pub(crate) enum AnyQuery {
    Sun(Select<Sun, Values<Row>>),
    Planet(Select<Planet, Values<Row>>),
    Moon(Select<Moon, Values<Row>>),
    Rows(Select<Derived<Row>, Values<Row>>),
    Compound(Compound<Values<Row>>),
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum SetOperation {
    Union,
    UnionAll,
    Intersect,
    Except,
}

macro_rules! each_select {
    ($of:expr, $query:ident => $made:expr) => {
        match $of {
            Self::Sun($query) => AnySelect::Sun($made),
            Self::Planet($query) => AnySelect::Planet($made),
            Self::Moon($query) => AnySelect::Moon($made),
            Self::Rows($query) => AnySelect::Rows($made),
        }
    };
}

impl AnySelect {
    pub(crate) fn filter(self, condition: impl Condition) -> Self {
        each_select!(self, query => query.filter(condition))
    }

    pub(crate) fn group_by(self, columns: impl Selection) -> Self {
        each_select!(self, query => query.group_by(columns))
    }

    pub(crate) fn having(self, condition: impl Condition) -> Self {
        each_select!(self, query => query.having(condition))
    }

    pub(crate) fn distinct(self) -> Self {
        each_select!(self, query => query.distinct())
    }

    pub(crate) fn ordered(self, order: Vec<Order>, limit: u64, offset: u64) -> Self {
        each_select!(self, query => {
            let query = query.order_by(order).limit(limit);
            if offset > 0 { query.offset(offset) } else { query }
        })
    }

    pub(crate) fn join_on(self, source: impl IntoSource, condition: impl Condition) -> Self {
        each_select!(self, query => query.join_on(source, condition))
    }

    pub(crate) fn left_join_on(self, source: impl IntoSource, condition: impl Condition) -> Self {
        each_select!(self, query => query.left_join_on(source, condition))
    }

    pub(crate) fn cross_join(self, source: impl IntoSource) -> Self {
        each_select!(self, query => query.cross_join(source))
    }

    pub(crate) fn columns(self, columns: Columns) -> AnyQuery {
        match self {
            Self::Sun(query) => AnyQuery::Sun(query.columns(columns)),
            Self::Planet(query) => AnyQuery::Planet(query.columns(columns)),
            Self::Moon(query) => AnyQuery::Moon(query.columns(columns)),
            Self::Rows(query) => AnyQuery::Rows(query.columns(columns)),
        }
    }
}

macro_rules! each_query {
    ($of:expr, $query:ident => $made:expr) => {
        match $of {
            AnyQuery::Sun($query) => $made,
            AnyQuery::Planet($query) => $made,
            AnyQuery::Moon($query) => $made,
            AnyQuery::Rows($query) => $made,
            AnyQuery::Compound($query) => $made,
        }
    };
}

impl AnyQuery {
    pub(crate) fn statement(self) -> anyorm::Result<Statement> {
        each_query!(self, query => query.statement())
    }

    pub(crate) fn derived(self) -> Derived<Row> {
        each_query!(self, query => query.derived())
    }

    pub(crate) fn cte(self) -> Derived<Row> {
        each_query!(self, query => query.cte())
    }

    pub(crate) fn exists(self) -> Expr<bool> {
        each_query!(self, query => query.exists())
    }

    pub(crate) fn count(self) -> Expr<i64> {
        each_query!(self, query => query.count())
    }

    pub(crate) fn put_together(self, operation: SetOperation, other: Self) -> Self {
        Self::Compound(each_query!(self, query => each_query!(other, other => match operation {
            SetOperation::Union => query.union(other),
            SetOperation::UnionAll => query.union_all(other),
            SetOperation::Intersect => query.intersect(other),
            SetOperation::Except => query.except(other),
        })))
    }
}

impl Query for AnyQuery {
    type Shape = Values<Row>;

    fn statement(self) -> anyorm::Result<Statement> {
        Self::statement(self)
    }
}

/// An order that leaves no two different rows equal, with a place for NULL, which databases do not agree on.
pub(crate) fn total(columns: Columns, bits: u64) -> Vec<Order> {
    let (integer, text, float, flag) = columns;
    let orders = [
        directed(integer.clone().asc(), integer.desc(), bits),
        directed(text.clone().asc(), text.desc(), bits >> 2),
        directed(float.clone().asc(), float.desc(), bits >> 4),
        directed(flag.clone().asc(), flag.desc(), bits >> 6),
    ];
    orders.into()
}

/// The same of the columns of a set operation.
pub(crate) fn total_of_fields(fields: <Row as Fields>::Columns, bits: u64) -> Vec<Order> {
    let (integer, text, float, flag) = fields;
    vec![
        directed(integer.asc(), integer.desc(), bits),
        directed(text.asc(), text.desc(), bits >> 2),
        directed(float.asc(), float.desc(), bits >> 4),
        directed(flag.asc(), flag.desc(), bits >> 6),
    ]
}

pub(crate) fn directed(up: Order, down: Order, bits: u64) -> Order {
    let order = if bits & 1 == 0 { up } else { down };
    if bits & 2 == 0 { order.nulls_first() } else { order.nulls_last() }
}
