//! What an expression can name at a place of a query.

use anyorm::{Alias, Derived, Expr};

use crate::schema::{Moon, Planet, Sun};

/// A row of every query: one value of each kind, so that each query can stand in each place of another.
pub(crate) type Row = (Option<i64>, Option<String>, Option<f64>, Option<bool>);

/// The columns in scope, by kind, and the tables under their own names.
#[derive(Clone, Debug, Default)]
pub(crate) struct Names {
    pub(crate) integers: Vec<Expr<Option<i64>>>,
    pub(crate) texts: Vec<Expr<Option<String>>>,
    pub(crate) floats: Vec<Expr<Option<f64>>>,
    pub(crate) flags: Vec<Expr<Option<bool>>>,
    /// What tells the rows of each source apart, where something does.
    pub(crate) keys: Vec<Expr<Option<i64>>>,
    /// Whether all sources have such a thing.
    pub(crate) has_keys: bool,
    /// Where relations start.
    pub(crate) tables: Vec<Table>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Table {
    Sun,
    Planet,
    Moon,
}

impl Names {
    /// These and others.
    pub(crate) fn and(mut self, other: &Self) -> Self {
        self.integers.extend_from_slice(&other.integers);
        self.texts.extend_from_slice(&other.texts);
        self.floats.extend_from_slice(&other.floats);
        self.flags.extend_from_slice(&other.flags);
        self.keys.extend_from_slice(&other.keys);
        self.has_keys &= other.has_keys;
        self.tables.extend_from_slice(&other.tables);
        self
    }

    pub(crate) fn has(&self, table: Table) -> bool {
        self.tables.contains(&table)
    }

    /// Those of a query that others read from.
    pub(crate) fn of_rows(rows: &Derived<Row>) -> Self {
        let (integer, text, float, flag) = rows.columns();
        Self {
            integers: vec![integer.optional()],
            texts: vec![text.optional()],
            floats: vec![float.optional()],
            flags: vec![flag.optional()],
            ..Self::default()
        }
    }

    /// Those of a table under its own name.
    pub(crate) fn of_table(table: Table) -> Self {
        let mut names = match table {
            Table::Sun => Self::own_sun(),
            Table::Planet => Self::own_planet(),
            Table::Moon => Self::own_moon(),
        };
        names.tables.push(table);
        names
    }
}

/// The columns of a table, under its own name and under that of an alias.
macro_rules! names {
    ($entity:ident, $own:ident, $alias:ident, $extra:ident) => {
        impl Names {
            fn $own() -> Self {
                names!(@ $entity, $extra, |column| column)
            }

            pub(crate) fn $alias(alias: &Alias<$entity>) -> Self {
                names!(@ $entity, $extra, |column| alias.column(column))
            }
        }
    };
    (@ $entity:ident, $extra:ident, |$column:ident| $of:expr) => {{
        macro_rules! of {
            ($name:ident) => {{
                let $column = $entity::$name;
                $of
            }};
        }
        Self {
            integers: vec![
                of!(ID).optional(),
                of!(SIZE).optional().cast::<Option<i64>>(),
                of!(HEAT).optional().cast::<Option<i64>>(),
                of!($extra).optional(),
            ],
            texts: vec![of!(NAME).optional(), of!(NOTE).optional()],
            floats: vec![of!(MASS).optional(), of!(DRIFT).optional()],
            flags: vec![of!(BRIGHT).optional(), of!(HIDDEN).optional()],
            keys: vec![of!(ID).optional()],
            has_keys: true,
            tables: Vec::new(),
        }
    }};
}

names!(Sun, own_sun, of_sun, HEAT);
names!(Planet, own_planet, of_planet, SUN_ID);
names!(Moon, own_moon, of_moon, PLANET_ID);
