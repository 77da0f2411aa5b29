//! Tables that are made at run time, and the metadata that describes them to the planner.

use std::cell::Cell;
use std::fmt;

use orm_core::ColumnType;
use orm_core::entity::{
    ColumnMeta, EntityIndex, EntityMeta, IndexMeta, Members, MetaFn, OnDelete, Reference, RelationKind,
    RelationMeta, VersionKind,
};

use super::random::Random;
use super::row::{ARENAS, METAS};

/// As many tables as there are types of rows.
pub(super) const TABLES: usize = 10;

thread_local! {
    static METADATA: Cell<&'static [EntityMeta]> = const { Cell::new(&[]) };
}

static INDEXES: [EntityIndex; TABLES] = [const { EntityIndex::new() }; TABLES];

/// The metadata of a table of the schema that is in use.
pub(super) fn metadata(table: usize) -> &'static EntityMeta {
    &METADATA.get()[table]
}

pub(super) struct Schema {
    pub(super) tables: Vec<Table>,
}

#[derive(Default)]
pub(super) struct Table {
    /// How many columns the key has. They come first.
    pub(super) key: usize,
    pub(super) is_auto: bool,
    pub(super) columns: Vec<Column>,
    pub(super) foreign: Vec<Foreign>,
    /// Sets of columns in which no two rows agree, besides those of one column.
    pub(super) pairs: Vec<Vec<usize>>,
}

pub(super) struct Column {
    pub(super) is_nullable: bool,
    pub(super) is_unique: bool,
}

pub(super) struct Foreign {
    pub(super) columns: Vec<usize>,
    pub(super) target: usize,
    pub(super) action: Option<OnDelete>,
    pub(super) is_nullable: bool,
    /// Whether it is a relation field, which holds a handle, or a plain column.
    pub(super) is_relation: bool,
}

impl Table {
    /// All sets of columns in which no two rows agree, the key first.
    pub(super) fn unique_values(&self) -> impl Iterator<Item = Vec<usize>> + '_ {
        let alone = self.columns.iter().enumerate().filter(|(_, column)| column.is_unique);
        std::iter::once((0..self.key).collect())
            .chain(alone.map(|(at, _)| vec![at]))
            .chain(self.pairs.iter().cloned())
    }

    /// The foreign key that a column belongs to.
    pub(super) fn foreign_of(&self, column: usize) -> Option<&Foreign> {
        self.foreign.iter().find(|foreign| foreign.columns.contains(&column))
    }

    /// The columns that are in no key.
    pub(super) fn plain_columns(&self) -> impl Iterator<Item = usize> + '_ {
        (self.key..self.columns.len()).filter(|&column| self.foreign_of(column).is_none())
    }

    fn column(&mut self, is_nullable: bool, is_unique: bool) -> usize {
        self.columns.push(Column { is_nullable, is_unique });
        self.columns.len() - 1
    }
}

impl Schema {
    /// Up to ten tables with anything between them: mostly few, for those are searched to the end.
    pub(super) fn random(random: &mut Random) -> Self {
        let most = if random.percent(15) { TABLES } else { 4 };
        let count = 1 + random.below(most);
        let mut tables: Vec<Table> = (0..count).map(|_| keyed(random)).collect();
        for at in 0..count {
            for _ in 0..random.below(4) {
                let target = random.below(count);
                add_foreign(&mut tables, at, target, random);
            }
            add_values(&mut tables[at], random);
        }
        Self { tables }
    }

    /// Makes this the schema in use. `numbers` are the places of its arenas.
    pub(super) fn install(&self, numbers: &[usize]) {
        let metas = self.tables.iter().enumerate().map(|(at, table)| EntityMeta {
            name: leak(format!("T{at}")),
            table: leak(format!("t{at}")),
            columns: columns(table),
            key: leak_all((0..table.key).collect()),
            auto_key: table.is_auto,
            version: None,
            version_kind: VersionKind::Counter,
            server_defaults: &[],
            generated: &[],
            indexes: indexes(table),
            relations: relations(at, table),
            index: EntityIndex::same_as(&INDEXES[numbers[at]]),
            texts: Box::leak(Box::default()),
            arena: ARENAS[at],
        });
        METADATA.set(leak_all(metas.collect()));
    }
}

impl fmt::Display for Schema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, table) in self.tables.iter().enumerate() {
            let mark = |(at, column): (usize, &Column)| {
                let key = if at < table.key { " key" } else { "" };
                let null = if column.is_nullable { " null" } else { "" };
                let unique = if column.is_unique { " unique" } else { "" };
                format!("c{at}{key}{null}{unique}")
            };
            let columns: Vec<String> = table.columns.iter().enumerate().map(mark).collect();
            let auto = if table.is_auto { " auto" } else { "" };
            writeln!(f, "t{at}{auto}: {}; unique {:?}", columns.join(", "), table.pairs)?;
            for Foreign { columns, target, action, is_relation, .. } in &table.foreign {
                let kind = if *is_relation { "link" } else { "plain" };
                writeln!(f, "    {columns:?} -> t{target} {kind} {action:?}")?;
            }
        }
        Ok(())
    }
}

fn keyed(random: &mut Random) -> Table {
    let (key, is_auto) = match random.below(10) {
        0..5 => (1, true),
        5..8 => (1, false),
        _ => (2, false),
    };
    let mut table = Table { key, is_auto, ..Table::default() };
    (0..key).for_each(|_| {
        table.column(false, false);
    });
    table
}

fn add_foreign(tables: &mut [Table], at: usize, target: usize, random: &mut Random) {
    let width = tables[target].key;
    let is_relation = width > 1 || random.percent(75);
    let is_nullable = random.percent(60);
    let action = match random.below(20) {
        0..4 => Some(OnDelete::Cascade),
        4..7 if is_nullable => Some(OnDelete::SetNull),
        7..10 => Some(OnDelete::Restrict),
        _ => None,
    };
    let is_unique = width == 1 && random.percent(15);
    let table = &mut tables[at];
    let columns = (0..width).map(|_| table.column(is_nullable, is_unique)).collect();
    table.foreign.push(Foreign { columns, target, action, is_nullable, is_relation });
}

fn add_values(table: &mut Table, random: &mut Random) {
    table.column(true, false);
    for _ in 0..random.below(3) {
        table.column(random.percent(40), random.percent(70));
    }
    let rest: Vec<usize> = (table.key..table.columns.len()).collect();
    if rest.len() > 1 && random.percent(30) {
        let order = random.shuffled(rest.len());
        table.pairs.push(vec![rest[order[0]], rest[order[1]]]);
    }
}

// Metadata.

fn columns(table: &Table) -> &'static [ColumnMeta] {
    let columns = table.columns.iter().enumerate().map(|(at, column)| {
        let name = leak(format!("c{at}"));
        let plain = table.foreign_of(at).filter(|foreign| !foreign.is_relation);
        let references = plain.map(|foreign| Reference {
            target: METAS[foreign.target],
            column: || 0,
            on_delete: foreign.action,
        });
        ColumnMeta {
            name,
            field: name,
            ty: ColumnType::BigInt,
            nullable: column.is_nullable,
            unique: column.is_unique,
            index: false,
            default: None,
            generated: None,
            references,
        }
    });
    leak_all(columns.collect())
}

fn indexes(table: &Table) -> &'static [IndexMeta] {
    let indexes = table.pairs.iter().map(|pair| IndexMeta {
        name: None,
        columns: leak_all(pair.clone()),
        unique: true,
    });
    leak_all(indexes.collect())
}

fn relations(at: usize, table: &Table) -> &'static [RelationMeta] {
    let links = table.foreign.iter().filter(|foreign| foreign.is_relation);
    let relations = links.enumerate().map(|(position, foreign)| RelationMeta {
        name: leak(format!("r{position}")),
        source: METAS[at],
        target: METAS[foreign.target],
        position,
        kind: RelationKind::BelongsTo {
            columns: leak_all(foreign.columns.clone()),
            nullable: foreign.is_nullable,
            on_delete: foreign.action,
        },
        members: Members::PLAIN,
    });
    leak_all(relations.collect())
}

fn leak(text: String) -> &'static str {
    Box::leak(text.into_boxed_str())
}

fn leak_all<T>(all: Vec<T>) -> &'static [T] {
    Box::leak(all.into_boxed_slice())
}

/// For the tables of rows.
pub(super) type Metas = [MetaFn; TABLES];
