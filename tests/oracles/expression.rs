//! Random expressions of what a place can name.
//!
//! What databases rightly differ in is left out: division by zero (NULL, or an error), numbers too large for their type,
//! LIKE with letters of both cases, the remainder of floats, floats and booleans as text, floats as integers (rounded, or
//! cut off), minimum and maximum of booleans, patterns that end in an escape, order of NULL where nothing says it.

use anyorm::expr::{Expr, abs, all_of, any_of, case};
use anyorm::prelude::*;
use anyorm::{coalesce, max, min};
use anyorm_tests::random::Random;

use crate::names::{Names, Table};
use crate::schema::{self, Moon, Planet, Sun};

/// Makes expressions and queries.
#[derive(Debug)]
pub(crate) struct Maker<'r> {
    pub(crate) random: &'r mut Random,
    /// How many queries may still stand inside of others.
    pub(crate) queries: u32,
}

impl<'r> Maker<'r> {
    pub(crate) fn new(random: &'r mut Random) -> Self {
        Self { random, queries: 3 }
    }

    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.random.below(end)
    }

    /// Whether something happens that happens once in so many times.
    pub(crate) fn once_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }

    pub(crate) fn pick<T: Clone>(&mut self, of: &[T]) -> T {
        of[self.below(of.len() as u64) as usize].clone()
    }

    /// What is made inside has no queries in it.
    pub(crate) fn without_queries<T>(&mut self, make: impl FnOnce(&mut Self) -> T) -> T {
        let before = std::mem::take(&mut self.queries);
        let made = make(self);
        self.queries = before;
        made
    }

    fn may_query(&mut self) -> bool {
        let may = self.queries > 0;
        self.queries = self.queries.saturating_sub(1);
        may
    }

    fn value<T>(&mut self, make: impl FnOnce(&mut Random) -> T) -> Option<T> {
        if self.once_in(5) { None } else { Some(make(self.random)) }
    }

    pub(crate) fn integer(&mut self, names: &Names, depth: u32) -> Expr<Option<i64>> {
        if depth == 0 || self.once_in(5) {
            return self.pick(&names.integers);
        }
        let depth = depth - 1;
        let other = schema::integer(self.random);
        let divisor = self.pick(&[-7_i64, -2, -1, 1, 2, 3, 5]);
        match self.below(13) {
            0 => self.integer(names, depth) + self.integer(names, depth),
            1 => self.integer(names, depth) + other,
            2 => self.integer(names, depth) - self.integer(names, depth),
            3 => self.integer(names, depth) - other,
            4 => self.integer(names, depth) * divisor,
            // Bounded before they are multiplied.
            5 => (self.integer(names, depth) % 7) * (self.integer(names, depth) % 5),
            6 => self.integer(names, depth) / divisor,
            7 => self.integer(names, depth) % divisor,
            8 => match self.once_in(2) {
                true => -self.integer(names, depth),
                false => abs(self.integer(names, depth)),
            },
            9 => match self.once_in(2) {
                true => coalesce(self.integer(names, depth), other).optional(),
                false => coalesce(self.integer(names, depth), self.integer(names, depth)).optional(),
            },
            10 => {
                let case = case::<i64>().when(self.flag(names, depth), self.integer(names, depth));
                match self.below(3) {
                    0 => case.end(),
                    1 => case
                        .when(self.flag(names, depth), other)
                        .otherwise(self.integer(names, depth))
                        .optional(),
                    _ => case.otherwise(self.value(schema::integer)).optional(),
                }
            }
            11 => self.text(names, depth).length(),
            _ if self.may_query() => self.subquery(names, depth),
            _ => self.pick(&names.integers),
        }
    }

    pub(crate) fn float(&mut self, names: &Names, depth: u32) -> Expr<Option<f64>> {
        if depth == 0 || self.once_in(4) {
            return self.pick(&names.floats);
        }
        let depth = depth - 1;
        let other = schema::quarters(self.random);
        let factor = self.pick(&[-1.5, 0.5, 2.0, 0.25]);
        let divisor = self.pick(&[-2.0, 0.5, 4.0]);
        match self.below(9) {
            0 => self.float(names, depth) + self.float(names, depth),
            1 => self.float(names, depth) - other,
            2 => self.float(names, depth) - self.float(names, depth),
            3 => self.float(names, depth) * factor,
            4 => self.float(names, depth) / divisor,
            5 => match self.once_in(2) {
                true => -self.float(names, depth),
                false => abs(self.float(names, depth)),
            },
            6 => coalesce(self.float(names, depth), other).optional(),
            7 => self.integer(names, depth).cast::<Option<f64>>(),
            _ => {
                let case = case::<f64>().when(self.flag(names, depth), self.float(names, depth));
                if self.once_in(2) { case.end() } else { case.otherwise(other).optional() }
            }
        }
    }

    pub(crate) fn text(&mut self, names: &Names, depth: u32) -> Expr<Option<String>> {
        if depth == 0 || self.once_in(3) {
            return self.pick(&names.texts);
        }
        let depth = depth - 1;
        let other = schema::text(self.random);
        match self.below(6) {
            0 => self.text(names, depth).lower(),
            1 => self.text(names, depth).upper(),
            2 => coalesce(self.text(names, depth), other).optional(),
            3 => coalesce(self.text(names, depth), self.text(names, depth)).optional(),
            4 => self.integer(names, depth).cast::<Option<String>>(),
            _ => {
                let case = case::<String>().when(self.flag(names, depth), other);
                if self.once_in(2) { case.end() } else { case.otherwise(self.text(names, depth)).optional() }
            }
        }
    }

    /// A condition.
    pub(crate) fn flag(&mut self, names: &Names, depth: u32) -> Expr<bool> {
        if depth == 0 {
            return match self.below(4) {
                0 => all_of([self.pick(&names.flags)]),
                _ => self.comparison(names, 0),
            };
        }
        let deeper = depth - 1;
        match self.below(17) {
            0 | 1 => self.flag(names, deeper) & self.flag(names, deeper),
            2 | 3 => self.flag(names, deeper) | self.flag(names, deeper),
            4 => !self.flag(names, deeper),
            5 => {
                let parts: Vec<_> = (0..self.below(4)).map(|_| self.flag(names, deeper)).collect();
                if self.once_in(2) { all_of(parts) } else { any_of(parts) }
            }
            6 => match self.below(3) {
                0 => self.flag(names, deeper).eq(self.flag(names, deeper)),
                1 => self.flag(names, deeper).ne(self.pick(&names.flags)),
                _ => self.flag(names, deeper).eq(self.value(|random| random.below(2) == 0)),
            },
            7 => {
                let case = case::<bool>().when(self.flag(names, deeper), self.flag(names, deeper));
                match self.once_in(2) {
                    true => all_of([case.end()]),
                    false => case.otherwise(self.flag(names, deeper)),
                }
            }
            8 => coalesce(self.flag(names, deeper).optional(), self.once_in(2)),
            9 => self.null_or_not(names, deeper),
            10 => self.like(names, deeper),
            11 | 12 if !names.tables.is_empty() && self.may_query() => self.related(names, deeper),
            13 if self.may_query() => self.correlated(names, deeper),
            14 if self.may_query() => self.of_query(names, deeper),
            _ => self.comparison(names, deeper),
        }
    }

    fn null_or_not(&mut self, names: &Names, depth: u32) -> Expr<bool> {
        match self.below(6) {
            0 => self.integer(names, depth).is_null(),
            1 => self.text(names, depth).is_not_null(),
            2 => self.float(names, depth).is_null(),
            3 => self.flag(names, depth).is_null(),
            4 => self.flag(names, depth).is_not_null(),
            _ => self.integer(names, depth).is_not_null(),
        }
    }

    fn comparison(&mut self, names: &Names, depth: u32) -> Expr<bool> {
        macro_rules! comparison {
            ($make:ident, $literal:expr) => {{
                let left = self.$make(names, depth);
                let literal: fn(&mut Random) -> _ = $literal;
                match self.below(15) {
                    0 => left.eq(self.value(literal)),
                    1 => left.ne(self.value(literal)),
                    2 => left.lt(literal(self.random)),
                    3 => left.le(literal(self.random)),
                    4 => left.gt(literal(self.random)),
                    5 => left.ge(literal(self.random)),
                    6 => left.eq(self.$make(names, depth)),
                    7 => left.ne(self.$make(names, depth)),
                    8 => left.lt(self.$make(names, depth)),
                    9 => left.ge(self.$make(names, depth)),
                    10 => left.between(literal(self.random), literal(self.random)),
                    11 => left.between(self.$make(names, depth), literal(self.random)),
                    12 => {
                        let list: Vec<_> = (0..self.below(4)).map(|_| self.value(literal)).collect();
                        left.is_in(list)
                    }
                    13 => {
                        let list: Vec<_> = (0..self.below(4)).map(|_| self.value(literal)).collect();
                        left.not_in(list)
                    }
                    _ => {
                        let list: Vec<_> = (0..1 + self.below(2)).map(|_| self.$make(names, depth)).collect();
                        left.is_in(list)
                    }
                }
            }};
        }
        match self.below(3) {
            0 => comparison!(integer, schema::integer),
            1 => comparison!(text, schema::text),
            _ => comparison!(float, schema::quarters),
        }
    }

    fn like(&mut self, names: &Names, depth: u32) -> Expr<bool> {
        const PARTS: [&str; 11] = ["a", "b", "ab", "%", "_", r"\%", r"\_", r"\\", "'", " ", "日"];
        let text = self.text(names, depth);
        let sought = schema::text(self.random);
        match self.below(7) {
            0 | 1 => {
                let pattern: String = (0..self.below(4)).map(|_| self.pick(&PARTS)).collect();
                text.lower().like(pattern)
            }
            2 => text.starts_with(sought),
            3 => text.ends_with(sought),
            4 => text.contains(sought),
            5 => text.starts_with(self.text(names, depth)),
            _ => match self.once_in(2) {
                true => text.ends_with(self.text(names, depth)),
                false => text.contains(self.text(names, depth)),
            },
        }
    }

    /// The rows that a relation leads to.
    fn related(&mut self, names: &Names, depth: u32) -> Expr<bool> {
        macro_rules! related {
            ($relation:expr, $target:ident) => {{
                let mut inner = names.clone();
                if !names.has(Table::$target) {
                    inner = inner.and(&Names::of_table(Table::$target));
                }
                match self.below(5) {
                    0 | 1 => $relation.any(self.flag(&inner, depth)),
                    2 => $relation.all(self.flag(&inner, depth)),
                    3 => $relation.none(self.flag(&inner, depth)),
                    _ => $relation.exists(),
                }
            }};
        }
        let start = self.pick(&names.tables);
        match (start, self.below(3)) {
            (Table::Sun, 0) => related!(Sun::VISITORS, Moon),
            (Table::Sun, _) => related!(Sun::PLANETS, Planet),
            (Table::Planet, 0) => related!(Planet::SUN, Sun),
            (Table::Planet, 1) => related!(Planet::MOONS, Moon),
            (Table::Planet, _) => related!(Planet::TWIN, Planet),
            (Table::Moon, 0) => related!(Moon::SUNS, Sun),
            (Table::Moon, _) => related!(Moon::PLANET, Planet),
        }
    }

    /// A query that is not about the rows around it.
    fn of_query(&mut self, names: &Names, depth: u32) -> Expr<bool> {
        let query = self.query(1);
        match self.below(5) {
            0 => query.exists(),
            1 => query.count().lt(self.integer(names, depth)),
            2 => {
                let rows = query.derived();
                let text = self.text(names, depth);
                text.is_in_query(rows.select().columns(rows.columns().1))
            }
            3 => {
                let rows = query.derived();
                self.integer(names, depth).not_in_query(rows.select().columns(rows.columns().0))
            }
            _ => {
                let rows = query.cte();
                self.integer(names, depth).is_in_query(rows.select().columns(rows.columns().0))
            }
        }
    }

    /// One that is.
    fn correlated(&mut self, names: &Names, depth: u32) -> Expr<bool> {
        macro_rules! correlated {
            ($select:expr, $own:expr, $all:expr) => {{
                let (own, all) = ($own, $all);
                let select = $select.filter(self.flag(&all, depth));
                match self.below(4) {
                    0 => select.exists(),
                    1 => select.count().ge(self.integer(names, depth)),
                    2 => {
                        let column = self.integer(&own, 0);
                        self.integer(names, depth).is_in_query(select.columns(column))
                    }
                    _ => {
                        let column = self.text(&own, 0);
                        self.text(names, depth).not_in_query(select.columns(column))
                    }
                }
            }};
        }
        each_table!(self, names, correlated)
    }

    /// One value of one.
    fn subquery(&mut self, names: &Names, depth: u32) -> Expr<Option<i64>> {
        macro_rules! subquery {
            ($select:expr, $own:expr, $all:expr) => {{
                let (own, all) = ($own, $all);
                let select = $select.filter(self.flag(&all, depth));
                let value = self.integer(&own, 0);
                match self.below(3) {
                    0 => select.count().optional(),
                    1 => select.columns(max(value)).subquery(),
                    _ => select.columns(min(value)).subquery(),
                }
            }};
        }
        each_table!(self, names, subquery)
    }
}

/// A query of one table, under its own name or, where that is taken, another.
macro_rules! each_table {
    ($maker:ident, $names:ident, $then:ident) => {{
        let table = $maker.pick(&[Table::Sun, Table::Planet, Table::Moon]);
        if !$names.has(table) && $maker.once_in(2) {
            let own = Names::of_table(table);
            let all = $names.clone().and(&own);
            match table {
                Table::Sun => $then!(Sun::select(), own, all),
                Table::Planet => $then!(Planet::select(), own, all),
                Table::Moon => $then!(Moon::select(), own, all),
            }
        } else {
            macro_rules! aliased {
                ($entity:ident, $of:ident) => {{
                    let alias = $entity::alias();
                    let own = Names::$of(&alias);
                    let all = $names.clone().and(&own);
                    $then!(alias.select(), own, all)
                }};
            }
            match table {
                Table::Sun => aliased!(Sun, of_sun),
                Table::Planet => aliased!(Planet, of_planet),
                Table::Moon => aliased!(Moon, of_moon),
            }
        }
    }};
}
use each_table;
