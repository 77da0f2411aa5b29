//! The values of one type. An arena knows each by its id, and none by its type.

use std::any::Any;

use orm_core::Cells;
use orm_core::entity::Entity;
use orm_core::relation::{Link, LinkMut};
use orm_core::row::{ColumnError, Row};
use orm_core::value::ValueRef;

/// Names a value of an arena: that of a slot, the row of an image, or what an undo list keeps. Whoever holds it gives it back
/// with [`Values::remove`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ValueId(u32);

impl ValueId {
    /// Names no value.
    pub(super) const NONE: Self = Self(u32::MAX);

    /// Copies have a list of their own: one that grows does not move what was loaded.
    const COPY: u32 = 1 << 31;

    fn of(region: usize, at: usize) -> Self {
        let most = Self::COPY as usize - 1;
        assert!(at < most, "a session tracks fewer than 2^31 entities of a type");
        Self(at as u32 | if region == COPIES { Self::COPY } else { 0 })
    }

    /// The list that it is in, and its place there.
    #[inline]
    fn place(self) -> (usize, usize) {
        ((self.0 >> 31) as usize, (self.0 & !Self::COPY) as usize)
    }

    #[inline]
    pub(super) fn is_some(self) -> bool {
        self != Self::NONE
    }

    /// It, and none is left.
    pub(super) fn take(&mut self) -> Option<Self> {
        let taken = std::mem::replace(self, Self::NONE);
        taken.is_some().then_some(taken)
    }
}

const ROWS: usize = 0;
const COPIES: usize = 1;

/// An entity of a type that is not known here.
pub(super) trait AnyEntity {
    fn encode(&self, column: usize, cells: &mut Cells);
    /// Adds several columns.
    fn encode_all(&self, columns: &[usize], cells: &mut Cells);
    fn assign(&mut self, column: usize, value: ValueRef<'_>) -> Result<(), ColumnError>;
    fn link(&self, relation: usize) -> Link<'_>;
    fn link_mut(&mut self, relation: usize) -> LinkMut<'_>;
    fn is_keyed(&self) -> bool;
    /// Writes the key into an `Option<E::Key>`.
    fn key_into(&self, key: &mut dyn Any);
    fn make_key(&mut self);
    fn unset(&self) -> u64;
}

impl<E: Entity> AnyEntity for E {
    fn encode(&self, column: usize, cells: &mut Cells) {
        Entity::encode(self, column, cells);
    }

    fn encode_all(&self, columns: &[usize], cells: &mut Cells) {
        for &column in columns {
            Entity::encode(self, column, cells);
        }
    }

    fn assign(&mut self, column: usize, value: ValueRef<'_>) -> Result<(), ColumnError> {
        Entity::assign(self, column, value)
    }

    fn link(&self, relation: usize) -> Link<'_> {
        Entity::link(self, relation)
    }

    fn link_mut(&mut self, relation: usize) -> LinkMut<'_> {
        Entity::link_mut(self, relation)
    }

    fn is_keyed(&self) -> bool {
        self.key().is_some()
    }

    fn key_into(&self, key: &mut dyn Any) {
        if let Some(key) = key.downcast_mut::<Option<E::Key>>() {
            *key = self.key();
        }
    }

    fn make_key(&mut self) {
        Entity::make_key(self);
    }

    fn unset(&self) -> u64 {
        Entity::unset(self)
    }
}

/// What needs the type: the least that there can be, for all of it is compiled again for each entity.
pub(super) trait AnyValues: Any + Send {
    /// How many places a list has, empty ones too.
    fn len(&self, region: usize) -> usize;
    fn get(&self, id: ValueId) -> Option<&dyn AnyEntity>;
    fn get_mut(&mut self, id: ValueId) -> Option<&mut dyn AnyEntity>;
    /// One to be changed, and another one to be read.
    fn pair(&mut self, changed: ValueId, read: ValueId) -> Option<(&mut dyn AnyEntity, &dyn AnyEntity)>;
    /// Puts a clone of a value where there is none.
    fn copy(&mut self, from: ValueId, to: ValueId);
    /// Moves a value out of a list of the same type to where there is none.
    fn take_from(&mut self, others: &mut dyn AnyValues, from: ValueId, to: ValueId);
    /// Moves a value, a `Box<E>`, to where there is none.
    fn put_any(&mut self, value: Box<dyn Any + Send>, to: ValueId) -> bool;
    fn remove(&mut self, id: ValueId);
    fn reserve(&mut self, values: usize);
    /// Adds the columns in which two values differ.
    fn differences(&self, value: ValueId, other: ValueId, columns: &mut Vec<u16>);
    /// Adds the entity that a row is.
    fn decode(&mut self, row: &Row<'_>) -> Result<(), ColumnError>;
    /// Forgets all.
    fn clear(&mut self);
    /// An empty list of the same type.
    fn like(&self) -> Box<dyn AnyValues>;
}

/// The values of one type: what was loaded or added, and copies.
pub(super) struct ValuesOf<E>([Vec<Option<E>>; 2]);

impl<E> ValuesOf<E> {
    pub(super) fn new() -> Self {
        Self([Vec::new(), Vec::new()])
    }

    #[inline]
    pub(super) fn value(&self, id: ValueId) -> Option<&E> {
        let (region, at) = id.place();
        self.0[region].get(at)?.as_ref()
    }

    #[inline]
    pub(super) fn value_mut(&mut self, id: ValueId) -> Option<&mut E> {
        let (region, at) = id.place();
        self.0[region].get_mut(at)?.as_mut()
    }

    pub(super) fn pair_of(&mut self, changed: ValueId, read: ValueId) -> Option<(&mut E, &E)> {
        let ((region, at), (other_region, other)) = (changed.place(), read.place());
        let [rows, copies] = &mut self.0;
        if region != other_region {
            let (list, others) = if region == ROWS { (rows, copies) } else { (copies, rows) };
            return Some((list.get_mut(at)?.as_mut()?, others.get(other)?.as_ref()?));
        }
        let list = if region == ROWS { rows } else { copies };
        if at == other || at.max(other) >= list.len() {
            return None;
        }
        let (before, behind) = list.split_at_mut(at.max(other));
        match at < other {
            true => Some((before[at].as_mut()?, behind[0].as_ref()?)),
            false => Some((behind[0].as_mut()?, before[other].as_ref()?)),
        }
    }

    fn put(&mut self, value: Option<E>, to: ValueId) {
        let (region, at) = to.place();
        let list = &mut self.0[region];
        if at == list.len() {
            list.push(value);
        } else {
            list[at] = value;
        }
    }

    fn take(&mut self, id: ValueId) -> Option<E> {
        let (region, at) = id.place();
        self.0[region].get_mut(at)?.take()
    }
}

impl<E: Entity> AnyValues for ValuesOf<E> {
    fn len(&self, region: usize) -> usize {
        self.0[region].len()
    }

    fn get(&self, id: ValueId) -> Option<&dyn AnyEntity> {
        match self.value(id) {
            Some(value) => Some(value),
            None => None,
        }
    }

    fn get_mut(&mut self, id: ValueId) -> Option<&mut dyn AnyEntity> {
        match self.value_mut(id) {
            Some(value) => Some(value),
            None => None,
        }
    }

    fn pair(&mut self, changed: ValueId, read: ValueId) -> Option<(&mut dyn AnyEntity, &dyn AnyEntity)> {
        match self.pair_of(changed, read) {
            Some((changed, read)) => Some((changed, read)),
            None => None,
        }
    }

    fn copy(&mut self, from: ValueId, to: ValueId) {
        let copy = self.value(from).cloned();
        let [rows, copies] = &mut self.0;
        // A program that wrote many is likely to write most: moving them each time their number doubles would cost as much as
        // cloning them.
        if copies.len() == copies.capacity() {
            copies.reserve(rows.len().min(copies.len() * 7 + 4));
        }
        self.put(copy, to);
    }

    fn take_from(&mut self, others: &mut dyn AnyValues, from: ValueId, to: ValueId) {
        let others: &mut dyn Any = others;
        let value = match others.downcast_mut::<Self>() {
            Some(others) => others.take(from),
            None => None,
        };
        self.put(value, to);
    }

    fn put_any(&mut self, value: Box<dyn Any + Send>, to: ValueId) -> bool {
        match value.downcast::<E>() {
            Ok(value) => self.put(Some(*value), to),
            Err(_) => return false,
        }
        true
    }

    fn remove(&mut self, id: ValueId) {
        self.take(id);
    }

    fn reserve(&mut self, values: usize) {
        self.0[ROWS].reserve(values);
    }

    fn differences(&self, value: ValueId, other: ValueId, columns: &mut Vec<u16>) {
        if let (Some(value), Some(other)) = (self.value(value), self.value(other)) {
            value.differences(other, columns);
        }
    }

    fn decode(&mut self, row: &Row<'_>) -> Result<(), ColumnError> {
        self.0[ROWS].push(Some(E::decode(row)?));
        Ok(())
    }

    fn clear(&mut self) {
        self.0[ROWS].clear();
    }

    fn like(&self) -> Box<dyn AnyValues> {
        Box::new(Self::new())
    }
}

/// The values of an arena, and which places are free.
pub(super) struct Values {
    list: Box<dyn AnyValues>,
    free: [Vec<ValueId>; 2],
}

impl Values {
    pub(super) fn new(list: Box<dyn AnyValues>) -> Self {
        Self { list, free: [Vec::new(), Vec::new()] }
    }

    /// The list itself.
    #[inline]
    pub(super) fn list(&self) -> &dyn AnyValues {
        &*self.list
    }

    /// The list with its type.
    #[inline]
    pub(super) fn of<E: Entity>(&self) -> &ValuesOf<E> {
        let list: &dyn Any = &*self.list;
        list.downcast_ref().expect("an arena holds entities of the type it is asked for by")
    }

    /// The list with its type, to change values.
    #[inline]
    pub(super) fn of_mut<E: Entity>(&mut self) -> &mut ValuesOf<E> {
        let list: &mut dyn Any = &mut *self.list;
        list.downcast_mut().expect("an arena holds entities of the type it is asked for by")
    }

    #[inline]
    pub(super) fn get(&self, id: ValueId) -> Option<&dyn AnyEntity> {
        self.list.get(id)
    }

    #[inline]
    pub(super) fn get_mut(&mut self, id: ValueId) -> Option<&mut dyn AnyEntity> {
        self.list.get_mut(id)
    }

    pub(super) fn pair(
        &mut self,
        changed: ValueId,
        read: ValueId,
    ) -> Option<(&mut dyn AnyEntity, &dyn AnyEntity)> {
        self.list.pair(changed, read)
    }

    pub(super) fn differences(&self, value: ValueId, other: ValueId, columns: &mut Vec<u16>) {
        self.list.differences(value, other, columns);
    }

    /// Takes a value in.
    pub(super) fn insert<E: Entity>(&mut self, value: E) -> ValueId {
        let id = self.vacancy(ROWS);
        self.of_mut::<E>().put(Some(value), id);
        id
    }

    /// Takes a value in, a `Box<E>`.
    pub(super) fn insert_any(&mut self, value: Box<dyn Any + Send>) -> Option<ValueId> {
        let id = self.vacancy(ROWS);
        if self.list.put_any(value, id) {
            return Some(id);
        }
        if id.place().1 < self.list.len(ROWS) {
            self.free[ROWS].push(id);
        }
        None
    }

    /// Moves a value in from a list of the same type.
    pub(super) fn insert_from(&mut self, others: &mut dyn AnyValues, at: usize) -> ValueId {
        let id = self.vacancy(ROWS);
        self.list.take_from(others, ValueId::of(ROWS, at), id);
        id
    }

    /// Takes a whole list as its own, where it has none: nothing is moved. Their ids are those of [`nth`](Self::nth).
    pub(super) fn become_list(&mut self, list: Box<dyn AnyValues>) {
        debug_assert!(self.list.len(ROWS) == 0 && self.list.len(COPIES) == 0);
        self.list = list;
    }

    /// The id of a value of a list that was taken as a whole.
    pub(super) fn nth(at: usize) -> ValueId {
        ValueId::of(ROWS, at)
    }

    /// Clones a value.
    pub(super) fn copy(&mut self, from: ValueId) -> ValueId {
        let id = self.vacancy(COPIES);
        self.list.copy(from, id);
        id
    }

    /// Drops a value. Its id may name another one from now on.
    pub(super) fn remove(&mut self, id: ValueId) {
        if id.is_some() {
            self.list.remove(id);
            self.free[id.place().0].push(id);
        }
    }

    /// Makes room for `values` more.
    pub(super) fn reserve(&mut self, values: usize) {
        self.list.reserve(values.saturating_sub(self.free[ROWS].len()));
    }

    /// How many there are.
    pub(super) fn held(&self) -> usize {
        [ROWS, COPIES].into_iter().map(|region| self.list.len(region) - self.free[region].len()).sum()
    }

    fn vacancy(&mut self, region: usize) -> ValueId {
        self.free[region].pop().unwrap_or_else(|| ValueId::of(region, self.list.len(region)))
    }
}
