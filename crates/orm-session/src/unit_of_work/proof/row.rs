//! Entities of tables that are made at run time.

use std::any::Any;

use orm_core::entity::{Entity, EntityMeta, Key, RelationKind};
use orm_core::handle::RawHandle;
use orm_core::relation::{Link, LinkMut, OneLink, OneState};
use orm_core::row::ColumnError;
use orm_core::{Cells, ColumnType, Row as DatabaseRow, ValueRef};

use super::schema::{Metas, TABLES, metadata};
use crate::arena::Adopt;
use crate::arena::new_arena;
use crate::tracker::{Place, Tracker};

/// A row of the n-th table.
#[derive(Clone)]
pub(super) struct Row<const N: usize> {
    pub(super) columns: Vec<Option<i64>>,
    pub(super) links: Vec<ToOne>,
}

pub(super) static METAS: Metas = [
    Row::<0>::meta,
    Row::<1>::meta,
    Row::<2>::meta,
    Row::<3>::meta,
    Row::<4>::meta,
    Row::<5>::meta,
    Row::<6>::meta,
    Row::<7>::meta,
    Row::<8>::meta,
    Row::<9>::meta,
];

pub(super) static ARENAS: [fn() -> Box<dyn Any + Send>; TABLES] = [
    new_arena::<Row<0>>,
    new_arena::<Row<1>>,
    new_arena::<Row<2>>,
    new_arena::<Row<3>>,
    new_arena::<Row<4>>,
    new_arena::<Row<5>>,
    new_arena::<Row<6>>,
    new_arena::<Row<7>>,
    new_arena::<Row<8>>,
    new_arena::<Row<9>>,
];

/// What tests do with the rows of a table that is known by its number.
pub(super) struct Typed {
    /// Takes in a row of the database.
    pub(super) adopt: fn(&mut Tracker, Values) -> Place,
    /// Adds a new row.
    pub(super) add: fn(&mut Tracker, Values) -> Place,
    /// Writes plain columns.
    pub(super) write: Write,
}

type Write = fn(&mut Tracker, Place, &[(usize, Option<i64>)]);

pub(super) type Values = (Vec<Option<i64>>, Vec<ToOne>);

pub(super) static TYPED: [Typed; TABLES] = [
    typed::<0>(),
    typed::<1>(),
    typed::<2>(),
    typed::<3>(),
    typed::<4>(),
    typed::<5>(),
    typed::<6>(),
    typed::<7>(),
    typed::<8>(),
    typed::<9>(),
];

const fn typed<const N: usize>() -> Typed {
    Typed {
        adopt: |tracker, (columns, links)| {
            let arena = tracker.ensure(Row::<N>::meta());
            let slot = tracker
                .make::<Row<N>>()
                .adopt(Row::<N> { columns, links }, Adopt { uncommitted: None, over: false });
            Place { arena, slot }
        },
        add: |tracker, (columns, links)| {
            let slot = tracker.add(Row::<N> { columns, links });
            Place { arena: Row::<N>::meta().index.get() as u32, slot }
        },
        write: |tracker, place, columns| {
            let handle = tracker.handle(place);
            let row = tracker.make::<Row<N>>().write::<Row<N>>(handle);
            columns.iter().for_each(|&(column, value)| row.columns[column] = value);
        },
    }
}

impl<const N: usize> Row<N> {
    fn value(&self, column: usize) -> Option<i64> {
        for relation in Self::meta().relations {
            if let RelationKind::BelongsTo { columns, .. } = relation.kind
                && let Some(part) = columns.iter().position(|&own| own == column)
            {
                return self.links[relation.position].key.as_ref().map(|key| key.0[part]);
            }
        }
        self.columns[column]
    }
}

impl<const N: usize> Entity for Row<N> {
    type Key = RowKey;

    fn meta() -> &'static EntityMeta {
        metadata(N)
    }

    fn key(&self) -> Option<RowKey> {
        let parts: Option<Vec<i64>> = Self::meta().key.iter().map(|&column| self.value(column)).collect();
        parts.map(RowKey)
    }

    fn decode(_row: &DatabaseRow<'_>) -> Result<Self, ColumnError> {
        unreachable!("these rows are never read")
    }

    fn encode(&self, column: usize, cells: &mut Cells) {
        match self.value(column) {
            Some(value) => cells.int(value),
            None => cells.null(),
        }
    }

    fn assign(&mut self, column: usize, value: ValueRef<'_>) -> Result<(), ColumnError> {
        if let ValueRef::Int(value) = value {
            self.columns[column] = Some(value);
        }
        Ok(())
    }

    fn link(&self, relation: usize) -> Link<'_> {
        Link::One(&self.links[relation])
    }

    fn link_mut(&mut self, relation: usize) -> LinkMut<'_> {
        LinkMut::One(&mut self.links[relation])
    }
}

/// A key of any width.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct RowKey(pub(super) Vec<i64>);

impl Key for RowKey {
    const WIDTH: usize = 1;
    const TYPES: &'static [ColumnType] = &[ColumnType::BigInt];

    fn encode_part(&self, part: usize, cells: &mut Cells) {
        cells.int(self.0[part]);
    }

    fn decode(_row: &DatabaseRow<'_>, _at: usize) -> Result<Self, ColumnError> {
        unreachable!("these rows are never read")
    }

    fn encode(&self, cells: &mut Cells) {
        (0..self.0.len()).for_each(|part| self.encode_part(part, cells));
    }
}

/// A `belongs_to` field to any table.
#[derive(Clone, Default)]
pub(super) struct ToOne {
    pub(super) handle: Option<RawHandle>,
    pub(super) key: Option<RowKey>,
}

impl OneLink for ToOne {
    fn state(&self) -> OneState<'_> {
        match (self.handle, &self.key) {
            (Some(handle), key) => OneState::Handle(handle, key.as_ref().map(|key| key as &dyn Any)),
            (None, Some(key)) => OneState::Key(key),
            (None, None) => OneState::Empty,
        }
    }

    fn set_empty(&mut self) {
        *self = Self::default();
    }

    fn set_key(&mut self, key: &dyn Any) {
        *self = Self { handle: None, key: key.downcast_ref().cloned() };
    }

    fn set_handle(&mut self, handle: RawHandle, key: Option<&dyn Any>) {
        *self = Self { handle: Some(handle), key: key.and_then(|key| key.downcast_ref().cloned()) };
    }

    fn attach(&mut self, handle: RawHandle, key: &dyn Any) {
        if self.handle.is_none() && self.key.as_ref() == key.downcast_ref() {
            self.handle = Some(handle);
        }
    }

    fn forget_handle(&mut self) {
        self.handle = None;
    }

    fn save(&self) -> Box<dyn Any + Send> {
        Box::new(self.clone())
    }

    fn restore(&mut self, saved: &dyn Any) {
        if let Some(saved) = saved.downcast_ref::<Self>() {
            self.clone_from(saved);
        }
    }

    fn take_new(&mut self) -> Option<Box<dyn Any + Send>> {
        None
    }
}
