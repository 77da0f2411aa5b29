//! The static description of an entity: plain data that the derive emits, with functions where a cycle of
//! constants would arise (users have posts, posts have an author).

use std::any::Any;
use std::fmt;
use std::sync::atomic::{AtomicU32, Ordering};

use super::EntityTexts;
use crate::types::ColumnType;

/// How metadata refers to other metadata.
pub type MetaFn = fn() -> &'static EntityMeta;

/// The table of an entity.
pub struct EntityMeta {
    /// The Rust name of the struct: `User`.
    pub name: &'static str,
    /// The table: `users`.
    pub table: &'static str,
    /// All columns, in the order of the fields. The columns of a `belongs_to` stand where its field stands.
    pub columns: &'static [ColumnMeta],
    /// The columns of the primary key, as positions in `columns`.
    pub key: &'static [usize],
    /// Whether the database assigns the key. Only a single integer column can be assigned.
    pub auto_key: bool,
    /// The position of the optimistic lock's column, if there is one.
    pub version: Option<usize>,
    /// How the version of a row that changes is made. Without meaning where there is none.
    pub version_kind: VersionKind,
    /// The columns that an INSERT leaves to the database while they are *unset*, as positions. At most 64.
    pub server_defaults: &'static [usize],
    /// The columns that the database computes from others, as positions.
    pub generated: &'static [usize],
    /// Indexes over several columns, and those that have a name of their own.
    pub indexes: &'static [IndexMeta],
    /// The relation fields, in the order of the fields.
    pub relations: &'static [RelationMeta],
    /// The number by which a session finds the arena of this entity.
    pub index: EntityIndex,
    /// What is written of it once.
    pub texts: &'static EntityTexts,
    /// Makes the session's arena of this entity. Only the session crate looks inside.
    pub arena: fn() -> Box<dyn Any + Send>,
}

impl EntityMeta {
    /// The position of a column by its name in the database.
    pub fn column(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.name == name)
    }

    /// Whether the database fills columns by itself, the key aside.
    pub fn is_filled(&self) -> bool {
        !self.server_defaults.is_empty() || !self.generated.is_empty()
    }

    /// Whether a column is, alone or with others, a value in which no two rows agree.
    pub fn is_in_unique_value(&self, column: usize) -> bool {
        let is_one_to_one = |relation: &RelationMeta| match relation.kind {
            RelationKind::BelongsTo { columns, .. } => columns.contains(&column) && relation.is_one_to_one(),
            _ => false,
        };
        self.columns[column].unique
            || self.key.contains(&column)
            || self.indexes.iter().any(|index| index.unique && index.columns.contains(&column))
            || self.relations.iter().any(is_one_to_one)
    }

    /// The columns of the primary key.
    pub fn key_columns(&self) -> impl ExactSizeIterator<Item = &'static ColumnMeta> + use<> {
        let columns = self.columns;
        self.key.iter().map(move |&at| &columns[at])
    }

    /// The links that the key is made of, or partly made of.
    pub fn key_links(&self) -> impl Iterator<Item = &'static RelationMeta> + use<> {
        let key = self.key;
        self.relations.iter().filter(move |relation| match relation.kind {
            RelationKind::BelongsTo { columns, .. } => key.contains(&columns[0]),
            _ => false,
        })
    }

    /// Whether both describe the same entity.
    pub fn is(&self, other: &EntityMeta) -> bool {
        std::ptr::eq(self, other)
    }
}

impl fmt::Debug for EntityMeta {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EntityMeta")
            .field("name", &self.name)
            .field("table", &self.table)
            .field("columns", &self.columns)
            .field("relations", &self.relations)
            .finish_non_exhaustive()
    }
}

/// One column.
#[derive(Clone, Copy, Debug)]
pub struct ColumnMeta {
    /// Its name in the database.
    pub name: &'static str,
    /// The field it belongs to.
    pub field: &'static str,
    /// Its type.
    pub ty: ColumnType,
    /// Whether it may be NULL.
    pub nullable: bool,
    /// Whether its values differ from each other (NULLs aside).
    pub unique: bool,
    /// Whether it has an index of its own.
    pub index: bool,
    /// The DEFAULT of the column, as SQL: `0`, `'new'`. For rows that others write: anyorm writes every column but those
    /// of [`EntityMeta::server_defaults`] and [`EntityMeta::generated`].
    pub default: Option<&'static str>,
    /// The expression of a column that the database computes: GENERATED ALWAYS AS.
    pub generated: Option<&'static str>,
    /// What a plain foreign key column refers to. The columns of a `belongs_to` say it in their relation instead.
    pub references: Option<Reference>,
}

/// How the version of a row that changes is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VersionKind {
    /// One more than before.
    Counter,
    /// The time in microseconds since the Unix epoch, or one more than before where that is later.
    Timestamp,
}

impl VersionKind {
    /// The time in microseconds since the Unix epoch, for [`next`](Self::next).
    pub fn now() -> i64 {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
    }

    /// The version that follows another. `now` is in microseconds since the Unix epoch.
    pub fn next(self, version: i64, now: i64) -> i64 {
        match self {
            Self::Counter => version.wrapping_add(1),
            Self::Timestamp => version.wrapping_add(1).max(now),
        }
    }
}

/// A foreign key without a relation field.
#[derive(Clone, Copy, Debug)]
pub struct Reference {
    /// The entity referred to.
    pub target: MetaFn,
    /// Its column, as a position.
    pub column: fn() -> usize,
    /// What the database does with the row when the target goes.
    pub on_delete: Option<OnDelete>,
}

/// An index over one or more columns.
#[derive(Debug)]
pub struct IndexMeta {
    /// Its name, or `None` for one made of table and columns.
    pub name: Option<&'static str>,
    /// Its columns, as positions.
    pub columns: &'static [usize],
    /// Whether no two rows may agree in all of them.
    pub unique: bool,
}

/// What happens to a row when the row it refers to is deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnDelete {
    /// It is deleted too.
    Cascade,
    /// Its reference becomes NULL.
    SetNull,
    /// The delete is refused.
    Restrict,
}

/// One relation field.
pub struct RelationMeta {
    /// The field: `author`.
    pub name: &'static str,
    /// The entity that has the field.
    pub source: MetaFn,
    /// The entity on the other side.
    pub target: MetaFn,
    /// Its position in the source's `relations`.
    pub position: usize,
    /// What kind of relation it is, with what that kind needs.
    pub kind: RelationKind,
    /// What its members are to the source; without meaning for a `BelongsTo`.
    pub members: Members,
}

impl RelationMeta {
    /// Its name for a person: `Post::author`.
    pub fn path(&self) -> String {
        format!("{}::{}", (self.source)().name, self.name)
    }

    /// Its typed constant, as a person would write it: `Post::AUTHOR`.
    pub fn constant(&self) -> String {
        format!("{}::{}", (self.source)().name, self.name.trim_start_matches("r#").to_uppercase())
    }

    /// Whether its foreign key is that of a one-to-one relation, by its other side: a `has_one` of the target.
    pub fn is_one_to_one(&self) -> bool {
        (self.target)().relations.iter().any(|other| match other.kind {
            RelationKind::HasMany { inverse } => other.members.one && std::ptr::eq(inverse(), self),
            _ => false,
        })
    }
}

impl fmt::Debug for RelationMeta {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Names only: the other side's metadata leads back here.
        write!(f, "{} -> {}", self.path(), (self.target)().name)
    }
}

/// The kinds of relation.
#[derive(Debug)]
pub enum RelationKind {
    /// The source has the key of one target in its own columns.
    BelongsTo {
        /// The foreign key, as positions in the source's columns, in the order of the target's key.
        columns: &'static [usize],
        /// Whether there may be no target.
        nullable: bool,
        /// What the database does when the target is deleted.
        on_delete: Option<OnDelete>,
    },
    /// Many targets, or one, have the key of the source: the other side of a `BelongsTo`.
    HasMany {
        /// That other side.
        inverse: fn() -> &'static RelationMeta,
    },
    /// Pairs of keys in a table of their own.
    ManyToMany {
        /// That table, seen from this side.
        through: LinkTable,
    },
}

/// What the members of a collection, or the one of a `has_one`, are to the entity that has them.
#[derive(Clone, Copy, Debug)]
pub struct Members {
    /// Whether there is one at most: a `has_one`.
    pub one: bool,
    /// Whether a member that loses its parent is deleted.
    pub delete_orphan: bool,
    /// The order in which they are loaded; their key decides ties.
    pub order: &'static [MemberOrder],
    /// The column of a member that holds its place in the collection, kept by the flush.
    pub position: Option<fn() -> usize>,
}

impl Members {
    /// Any number of them, each with a life of its own, in the order of their keys.
    pub const PLAIN: Self = Self { one: false, delete_orphan: false, order: &[], position: None };

    /// The columns by which they are ordered, each with whether it descends.
    pub fn ordered_by(&self) -> impl Iterator<Item = (usize, bool)> + use<> {
        let position = self.position.map(|column| (column(), false));
        position.into_iter().chain(self.order.iter().map(|term| ((term.column)(), term.descending)))
    }
}

/// A column of the members by which they are ordered.
#[derive(Clone, Copy, Debug)]
pub struct MemberOrder {
    /// The column, as a position in the target's columns.
    pub column: fn() -> usize,
    /// Whether the largest comes first.
    pub descending: bool,
}

/// The table of a many-to-many relation, seen from one side.
#[derive(Clone, Copy, Debug)]
pub struct LinkTable {
    /// Its name.
    pub table: &'static str,
    /// Its columns that hold the source's key, in the order of that key.
    pub source: &'static [&'static str],
    /// Its columns that hold the target's key.
    pub target: &'static [&'static str],
    /// The entity that is stored in it, where the relation names that rather than the table.
    pub entity: Option<MetaFn>,
}

impl LinkTable {
    /// A column that a pair alone cannot fill: it may not be NULL and has no DEFAULT. `entity` is the one that is stored
    /// in this table.
    pub fn unfilled(&self, entity: &EntityMeta) -> Option<&'static ColumnMeta> {
        let is_end =
            |column: &ColumnMeta| self.source.contains(&column.name) || self.target.contains(&column.name);
        let is_auto = |at: usize| entity.auto_key && entity.key == [at];
        let mut columns = entity.columns.iter().enumerate();
        let found = columns.find(|&(at, column)| {
            let filled = column.nullable || column.default.is_some() || column.generated.is_some();
            !filled && !is_auto(at) && !is_end(column)
        });
        found.map(|(_, column)| column)
    }
}

/// Equal if they name the same table and columns.
impl PartialEq for LinkTable {
    fn eq(&self, other: &Self) -> bool {
        (self.table, self.source, self.target) == (other.table, other.source, other.target)
    }
}

impl Eq for LinkTable {}

/// A small number for each entity, given out when it is first asked for.
#[derive(Debug, Default)]
pub struct EntityIndex(AtomicU32);

impl EntityIndex {
    /// An index that has not been given out yet.
    pub const fn new() -> Self {
        Self(AtomicU32::new(0))
    }

    /// The number of another index, for metadata that is made at run time and takes the place of earlier metadata.
    #[doc(hidden)]
    pub fn same_as(other: &Self) -> Self {
        Self(AtomicU32::new(other.get() as u32 + 1))
    }

    /// The number, from 0. The same for the life of the process.
    #[inline]
    pub fn get(&self) -> usize {
        match self.0.load(Ordering::Relaxed) {
            0 => self.assign(),
            given => given as usize - 1,
        }
    }

    #[cold]
    fn assign(&self) -> usize {
        static NEXT: AtomicU32 = AtomicU32::new(1);
        let fresh = NEXT.fetch_add(1, Ordering::Relaxed);
        // Two threads may race here: the first one's number stays, the other's is never used.
        match self.0.compare_exchange(0, fresh, Ordering::Relaxed, Ordering::Relaxed) {
            Ok(_) => fresh as usize - 1,
            Err(given) => given as usize - 1,
        }
    }
}
