//! Random queries.

use anyorm::expr::{
    Aggregate, Expr, Window, case, count, cume_dist, current_row, dense_rank, first_value, lag, lead, ntile,
    partition_by, percent_rank, preceding, rank, row_number, string_agg, unbounded_following,
    unbounded_preceding, window,
};
use anyorm::prelude::*;
use anyorm::{Derived, avg, coalesce, count_all, max, min, recursive, sum, table, values};

use crate::expression::Maker;
use crate::names::{Names, Row, Table};
use crate::schema::{self, Moon, Planet, Sun};
use crate::select::{AnyQuery, AnySelect, Columns, SetOperation, directed, total, total_of_fields};

impl Maker<'_> {
    /// A query whose rows are the same however often it is asked, in any order.
    pub(crate) fn query(&mut self, depth: u32) -> AnyQuery {
        if depth > 0 && self.once_in(5) {
            return self.compound(depth - 1);
        }
        let (select, names) = self.source(depth);
        self.selected(select, &names)
    }

    fn compound(&mut self, depth: u32) -> AnyQuery {
        let operations =
            [SetOperation::Union, SetOperation::UnionAll, SetOperation::Intersect, SetOperation::Except];
        let mut query = self.query(depth);
        for _ in 0..1 + self.below(2) {
            query = query.put_together(self.pick(&operations), self.query(depth));
        }
        let (bits, limit) = (self.below(256), 1 + self.below(12));
        match query {
            AnyQuery::Compound(compound) if self.once_in(3) => {
                let ordered = compound.order_by(|fields| total_of_fields(fields, bits)).limit(limit);
                AnyQuery::Compound(if self.once_in(2) { ordered.offset(1) } else { ordered })
            }
            query => query,
        }
    }

    /// What a query reads from, and what it can name.
    pub(crate) fn source(&mut self, depth: u32) -> (AnySelect, Names) {
        let (mut select, mut names) = self.start(depth);
        for _ in 0..self.below(3) {
            (select, names) = self.joined(select, names, depth.saturating_sub(1));
        }
        (select, names)
    }

    fn start(&mut self, depth: u32) -> (AnySelect, Names) {
        macro_rules! aliased {
            ($entity:ident, $of:ident) => {{
                let alias = $entity::alias();
                (AnySelect::$entity(alias.select()), Names::$of(&alias))
            }};
        }
        match self.below(9) {
            0 => aliased!(Sun, of_sun),
            1 => aliased!(Planet, of_planet),
            2 => aliased!(Moon, of_moon),
            3 | 4 if depth > 0 => {
                let rows = self.rows(depth - 1);
                (AnySelect::Rows(rows.select()), Names::of_rows(&rows))
            }
            5 | 6 => (AnySelect::Sun(Sun::select()), Names::of_table(Table::Sun)),
            7 => (AnySelect::Planet(Planet::select()), Names::of_table(Table::Planet)),
            _ => (AnySelect::Moon(Moon::select()), Names::of_table(Table::Moon)),
        }
    }

    /// A query to read from, a list of values, or a series.
    fn rows(&mut self, depth: u32) -> Derived<Row> {
        match self.below(7) {
            0 => {
                let flag = |random: &mut anyorm_tests::random::Random| random.below(2) == 0;
                let list: Vec<Row> = (0..self.below(4))
                    .map(|_| {
                        (
                            (!self.once_in(4)).then(|| schema::integer(self.random)),
                            (!self.once_in(4)).then(|| schema::text(self.random)),
                            (!self.once_in(4)).then(|| schema::quarters(self.random)),
                            (!self.once_in(4)).then(|| flag(self.random)),
                        )
                    })
                    .collect();
                values(list)
            }
            1 => {
                let base = self.query(depth).derived();
                recursive(base.select(), |found| {
                    let (integer, text, float, flag) = found.columns();
                    found.select().filter(integer.between(0, 5)).columns((integer + 1, text, float, flag))
                })
            }
            2 | 3 => self.query(depth).derived(),
            _ => self.query(depth).cte(),
        }
    }

    fn joined(&mut self, select: AnySelect, names: Names, depth: u32) -> (AnySelect, Names) {
        if self.once_in(2)
            && let Some(joined) = self.joined_along(&select, &names)
        {
            return joined;
        }
        macro_rules! source {
            ($source:expr, $own:expr) => {{
                let own = $own;
                let all = names.and(&own);
                let condition = match self.below(3) {
                    // Keys meet often.
                    0 => self.flag(&all, 1),
                    1 => self.pick(&all.integers).eq(self.pick(&own.integers)),
                    _ => self.pick(&all.integers).eq(self.pick(&own.integers)) & self.flag(&all, 1),
                };
                let select = match self.below(5) {
                    0 | 1 => select.join_on($source, condition),
                    2 | 3 => select.left_join_on($source, condition),
                    _ => select.cross_join($source),
                };
                (select, all)
            }};
        }
        match self.below(5) {
            0 if !names.has(Table::Sun) => source!(table::<Sun>(), Names::of_table(Table::Sun)),
            1 if !names.has(Table::Moon) => source!(table::<Moon>(), Names::of_table(Table::Moon)),
            2 => {
                let rows = self.rows(depth);
                let rows = if self.once_in(4) { rows.again() } else { rows };
                source!(&rows, Names::of_rows(&rows))
            }
            3 => {
                let alias = Sun::alias();
                source!(&alias, Names::of_sun(&alias))
            }
            _ => {
                let alias = Planet::alias();
                source!(&alias, Names::of_planet(&alias))
            }
        }
    }

    /// Joins along a relation of the table that the query begins with, if it begins with one.
    fn joined_along(&mut self, select: &AnySelect, names: &Names) -> Option<(AnySelect, Names)> {
        let left = self.once_in(2);
        macro_rules! along {
            ($select:ident, $from:ident, $relation:expr, $target:ident, $of:ident) => {{
                let select = $select.clone();
                if names.has(Table::$target) || self.once_in(3) {
                    let alias = $target::alias();
                    let path = $relation.to(&alias);
                    let select = if left { select.left_join(path) } else { select.join(path) };
                    (AnySelect::$from(select), names.clone().and(&Names::$of(&alias)))
                } else {
                    let select = if left { select.left_join($relation) } else { select.join($relation) };
                    (AnySelect::$from(select), names.clone().and(&Names::of_table(Table::$target)))
                }
            }};
        }
        macro_rules! beyond {
            ($select:ident, $from:ident, $relation:expr, $then:expr, $middle:ident, $target:ident) => {{
                if names.has(Table::$middle) || names.has(Table::$target) {
                    return None;
                }
                let (select, path) = ($select.clone(), $relation.then($then));
                let select = if left { select.left_join(path) } else { select.join(path) };
                let names = names.clone().and(&Names::of_table(Table::$middle));
                (AnySelect::$from(select), names.and(&Names::of_table(Table::$target)))
            }};
        }
        Some(match (select, self.below(4)) {
            (AnySelect::Sun(query), 1) => along!(query, Sun, Sun::VISITORS, Moon, of_moon),
            (AnySelect::Moon(query), 1) => along!(query, Moon, Moon::SUNS, Sun, of_sun),
            (AnySelect::Sun(query), 2) => beyond!(query, Sun, Sun::PLANETS, Planet::MOONS, Planet, Moon),
            (AnySelect::Moon(query), 2) => beyond!(query, Moon, Moon::PLANET, Planet::SUN, Planet, Sun),
            (AnySelect::Sun(query), 0) => along!(query, Sun, Sun::PLANETS, Planet, of_planet),
            (AnySelect::Planet(query), 0) => along!(query, Planet, Planet::SUN, Sun, of_sun),
            (AnySelect::Planet(query), 1) => along!(query, Planet, Planet::MOONS, Moon, of_moon),
            (AnySelect::Planet(query), _) => along!(query, Planet, Planet::TWIN, Planet, of_planet),
            (AnySelect::Moon(query), 0) => along!(query, Moon, Moon::PLANET, Planet, of_planet),
            _ => return None,
        })
    }

    /// The rest of a query: what it keeps, groups, selects.
    fn selected(&mut self, mut select: AnySelect, names: &Names) -> AnyQuery {
        for _ in 0..self.below(3) {
            select = select.filter(self.flag(names, 2));
        }
        match self.below(6) {
            0 | 1 => self.grouped(select, names),
            2 => {
                let columns = self.windows(names);
                select.columns(columns)
            }
            _ => {
                let columns = self.columns(names);
                match self.below(6) {
                    0 => select.distinct().columns(columns),
                    1 => self.limited(select, columns),
                    2 => {
                        let columns = self.plain_columns(names);
                        self.limited(select.distinct(), columns)
                    }
                    _ => select.columns(columns),
                }
            }
        }
    }

    fn limited(&mut self, select: AnySelect, columns: Columns) -> AnyQuery {
        let order = total(columns.clone(), self.below(256));
        let (limit, offset) = (1 + self.below(8), self.below(3));
        select.ordered(order, limit, offset).columns(columns)
    }

    pub(crate) fn columns(&mut self, names: &Names) -> Columns {
        (
            self.integer(names, 2),
            self.text(names, 2),
            self.float(names, 2),
            if self.once_in(2) { self.pick(&names.flags) } else { self.flag(names, 2).optional() },
        )
    }

    /// What can stand in two places of a query: nothing with a bound value, for PostgreSQL does not know that it is the same in
    /// both.
    fn plain_columns(&mut self, names: &Names) -> Columns {
        let (integer, text) = (self.pick(&names.integers), self.pick(&names.texts));
        let (float, flag) = (self.pick(&names.floats), self.pick(&names.flags));
        (
            match self.below(6) {
                0 => integer + self.pick(&names.integers),
                1 => -integer,
                2 => text.clone().length(),
                _ => integer,
            },
            match self.below(6) {
                0 => text.upper(),
                1 => coalesce(text, self.pick(&names.texts)).optional(),
                _ => text,
            },
            if self.once_in(5) { float * self.pick(&names.floats) } else { float },
            match self.below(6) {
                0 => (!flag).optional(),
                1 => (flag & self.pick(&names.flags)).optional(),
                2 => self.pick(&names.integers).lt(self.pick(&names.integers)).optional(),
                3 => self.pick(&names.texts).is_null().optional(),
                _ => flag,
            },
        )
    }

    fn grouped(&mut self, mut select: AnySelect, names: &Names) -> AnyQuery {
        let (integer, text, float, flag) = self.plain_columns(names);
        let by = self.below(16);
        let mut keys = Names::default();
        if by & 1 != 0 {
            select = select.group_by(integer.clone());
            keys.integers.push(integer);
        }
        if by & 2 != 0 {
            select = select.group_by(text.clone());
            keys.texts.push(text);
        }
        if by & 4 != 0 {
            select = select.group_by(float.clone());
            keys.floats.push(float);
        }
        if by & 8 != 0 {
            select = select.group_by(flag.clone());
            keys.flags.push(flag);
        }
        let columns = (
            if keys.integers.is_empty() || self.once_in(3) {
                self.integer_of_group(names)
            } else {
                self.pick(&keys.integers)
            },
            if keys.texts.is_empty() || self.once_in(3) {
                self.texts_of(names).into()
            } else {
                self.pick(&keys.texts)
            },
            if keys.floats.is_empty() || self.once_in(3) {
                self.floats_of(names).into()
            } else {
                self.pick(&keys.floats)
            },
            if keys.flags.is_empty() || self.once_in(3) {
                self.having(names).optional()
            } else {
                self.pick(&keys.flags)
            },
        );
        if by != 0 && self.once_in(2) {
            select = select.having(self.having(names));
        }
        if self.once_in(5) { self.limited(select, columns) } else { select.columns(columns) }
    }

    /// A condition on groups.
    pub(crate) fn having(&mut self, names: &Names) -> Expr<bool> {
        let condition = match self.below(5) {
            0 => self.integers_of(names).gt(schema::integer(self.random)),
            1 => self.integers_of(names).is_null(),
            2 => self.floats_of(names).le(schema::quarters(self.random)),
            3 => self.texts_of(names).ne(schema::text(self.random)),
            _ => count_all().ge(1 + self.below(3) as i64),
        };
        match self.below(4) {
            0 => !condition,
            1 => condition & self.integers_of(names).is_not_null(),
            _ => condition,
        }
    }

    fn integer_of_group(&mut self, names: &Names) -> Expr<Option<i64>> {
        match self.below(6) {
            0 => self.counts_of(names).optional(),
            1 => count(self.without_queries(|maker| maker.flag(names, 1))).distinct().optional(),
            // In any order it has the same length.
            3 => string_agg(self.without_queries(|maker| maker.text(names, 1)), r", '\").length(),
            2 => (self.counts_of(names) + self.integers_of(names)).optional(),
            _ => self.integers_of(names).into(),
        }
    }

    pub(crate) fn integers_of(&mut self, names: &Names) -> Aggregate<Option<i64>> {
        let filter = self.aggregate_filter(names);
        let of = self.without_queries(|maker| maker.integer(names, 1));
        let aggregate = match self.below(3) {
            0 => sum(of),
            1 => min(of),
            _ => max(of),
        };
        let aggregate = if self.once_in(5) { aggregate.distinct() } else { aggregate };
        filter.into_iter().fold(aggregate, Aggregate::filter)
    }

    fn counts_of(&mut self, names: &Names) -> Aggregate<i64> {
        let filter = self.aggregate_filter(names);
        let aggregate = match self.below(4) {
            0 => count_all(),
            1 => count(self.without_queries(|maker| maker.text(names, 1))),
            2 => count(self.without_queries(|maker| maker.flag(names, 1))),
            _ => count(self.without_queries(|maker| maker.float(names, 1))),
        };
        filter.into_iter().fold(aggregate, Aggregate::filter)
    }

    fn floats_of(&mut self, names: &Names) -> Aggregate<Option<f64>> {
        let filter = self.aggregate_filter(names);
        let of = self.without_queries(|maker| maker.float(names, 1));
        let aggregate = match self.below(5) {
            0 => sum(of),
            1 => min(of),
            2 => avg(self.without_queries(|maker| maker.integer(names, 1))),
            3 => avg(of),
            _ => max(of),
        };
        filter.into_iter().fold(aggregate, Aggregate::filter)
    }

    fn texts_of(&mut self, names: &Names) -> Aggregate<Option<String>> {
        let filter = self.aggregate_filter(names);
        let of = self.without_queries(|maker| maker.text(names, 1));
        let aggregate = if self.once_in(2) { min(of) } else { max(of) };
        filter.into_iter().fold(aggregate, Aggregate::filter)
    }

    fn aggregate_filter(&mut self, names: &Names) -> Vec<Expr<bool>> {
        let conditions = if self.once_in(3) { 1 + self.below(2) } else { 0 };
        (0..conditions).map(|_| self.without_queries(|maker| maker.flag(names, 1))).collect()
    }

    /// Values of windows. Those that see the order of equal rows have an order that leaves none equal.
    fn windows(&mut self, names: &Names) -> Columns {
        let by_any = self.window_by_any(names);
        let by_key = names.has_keys.then(|| self.window_by_keys(names));
        let integer = self.without_queries(|maker| maker.integer(names, 1));
        let framed = self.framed(by_any.clone());
        let integer = match (self.below(9), by_key.clone()) {
            (0, Some(window)) => row_number().over(window).optional(),
            (1, Some(window)) => lag(integer, 1).over(window),
            (2, Some(window)) => lead(integer, 2).over(window),
            (3, Some(window)) => ntile(3).over(window).optional(),
            (4, _) => rank().over(by_any.clone()).optional(),
            (5, _) => dense_rank().over(by_any.clone()).optional(),
            (6, _) => self.counts_of(names).over(framed).optional(),
            _ => match self.once_in(2) {
                true => self.integers_without_distinct(names).over(framed),
                false => sum(integer).over(framed),
            },
        };
        let text = match by_key {
            Some(window) if self.once_in(2) => {
                let frame = window.rows(preceding(2), unbounded_following());
                first_value(self.pick(&names.texts)).over(frame)
            }
            _ => max(self.pick(&names.texts)).over(self.framed(by_any.clone())),
        };
        let float = match self.below(4) {
            0 => third(percent_rank().over(by_any)),
            1 => third(cume_dist().over(by_any)),
            2 => sum(self.pick(&names.floats)).over(by_any),
            _ => avg(self.pick(&names.floats)).over(by_any),
        };
        (integer, text, float, self.pick(&names.flags))
    }

    fn integers_without_distinct(&mut self, names: &Names) -> Aggregate<Option<i64>> {
        let filter = self.aggregate_filter(names);
        let of = self.without_queries(|maker| maker.integer(names, 1));
        let aggregate = if self.once_in(2) { sum(of) } else { min(of) };
        filter.into_iter().fold(aggregate, Aggregate::filter)
    }

    fn window_by_any(&mut self, names: &Names) -> Window {
        let window = self.partition(names);
        let by = self.without_queries(|maker| maker.integer(names, 1));
        let bits = self.below(4);
        window.order_by(directed(by.clone().asc(), by.desc(), bits))
    }

    /// Not for ranks, which take no frame in MariaDB.
    fn framed(&mut self, window: Window) -> Window {
        match self.below(4) {
            0 => window.range(unbounded_preceding(), unbounded_following()),
            1 => window.range(current_row(), unbounded_following()),
            _ => window,
        }
    }

    fn window_by_keys(&mut self, names: &Names) -> Window {
        let bits = self.below(4);
        let orders: Vec<_> =
            names.keys.iter().map(|key| directed(key.clone().asc(), key.clone().desc(), bits)).collect();
        self.partition(names).order_by(orders)
    }

    fn partition(&mut self, names: &Names) -> Window {
        match self.below(3) {
            0 => window(),
            1 => partition_by(self.pick(&names.texts)),
            _ => partition_by(self.without_queries(|maker| maker.flag(names, 1))),
        }
    }
}

/// Which third, more or less: MariaDB has no more than ten digits of such a share.
fn third(share: Expr<f64>) -> Expr<Option<f64>> {
    case::<f64>().when(share.clone().le(0.3), 1.0).when(share.le(0.7), 2.0).otherwise(3.0).optional()
}
