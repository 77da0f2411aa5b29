//! The identity map: one slot per key.
//!
//! What needs the type of the key is here, and compiled once for each such type, not for each entity.

use std::any::Any;
use std::collections::HashMap;

use orm_core::Cells;
use orm_core::entity::Key;
use orm_core::row::{CellsRow, Row};

use super::parts::{Keys, Part};
use super::values::AnyEntity;

type Map<K> = HashMap<K, u32, foldhash::fast::RandomState>;

/// Answers the slot that had a key.
pub(crate) type Finder = Box<dyn Fn(&dyn Any) -> Option<u32>>;

/// What an arena does with keys without knowing their type. Keys that are handed over are `E::Key`.
pub(super) trait IdentityMap: Send {
    /// The key of an entity.
    fn key(&self, of: &dyn AnyEntity) -> Option<Box<dyn Any>>;
    /// The key as a person reads it.
    fn text(&self, of: &dyn AnyEntity) -> Option<String>;
    fn has_key(&self, of: &dyn AnyEntity, key: &dyn Any) -> bool;
    /// Whether two entities have one key, or both have none.
    fn same(&self, of: &dyn AnyEntity, other: &dyn AnyEntity) -> bool;
    fn encode(&self, of: &dyn AnyEntity, cells: &mut Cells);

    /// The slot of a key.
    fn find(&self, key: &dyn Any) -> Option<u32>;
    /// The slot of an entity's key.
    fn find_of(&self, of: &dyn AnyEntity) -> Option<u32>;
    /// The slot of the key in these cells.
    fn find_encoded(&self, key: Cells) -> Option<u32>;
    /// The slots of a `Vec<E::Key>`.
    fn find_all(&self, keys: Box<dyn Any>) -> Vec<Option<u32>>;
    /// Finds slots by keys that they had.
    fn finder(&self, had: Vec<(u32, Box<dyn Any>)>) -> Finder;

    /// The slot of an entity's key, or this one from now on. An entity without a key is not mapped.
    fn find_or_insert(&mut self, of: &dyn AnyEntity, slot: u32) -> u32;
    fn insert(&mut self, of: &dyn AnyEntity, slot: u32);
    /// Takes the key of an entity out, if it leads to this slot.
    fn remove(&mut self, of: &dyn AnyEntity, slot: u32);
    fn reserve(&mut self, keys: usize);

    /// Two of these slots whose entities have one key.
    fn equal(&self, entities: &mut dyn Iterator<Item = (u32, &dyn AnyEntity)>) -> Option<(u32, u32)>;
    /// The keys of some entities, as a `Vec<E::Key>`.
    fn keys_of(&self, entities: &mut dyn Iterator<Item = &dyn AnyEntity>) -> Box<dyn Any>;
    /// Sorts slots, each with something of its own, by the keys of their rows.
    fn sort<'r>(&self, slots: &mut [(u32, u32)], row: &dyn Fn(u32) -> Option<&'r dyn AnyEntity>);
    /// A collector of keys that stand at a column of other rows.
    fn part(&self, at: usize) -> Box<dyn Part>;
}

/// The slots of the rows that a session knows, by their keys as the transaction has them.
pub(super) struct MapOf<K>(Map<K>);

impl<K: Key> MapOf<K> {
    pub(super) fn new() -> Self {
        Self(Map::default())
    }
}

fn key_of<K: Key>(entity: &dyn AnyEntity) -> Option<K> {
    let mut key: Option<K> = None;
    entity.key_into(&mut key);
    key
}

impl<K: Key> IdentityMap for MapOf<K> {
    fn key(&self, of: &dyn AnyEntity) -> Option<Box<dyn Any>> {
        key_of::<K>(of).map(|key| Box::new(key) as Box<dyn Any>)
    }

    fn text(&self, of: &dyn AnyEntity) -> Option<String> {
        key_of::<K>(of).map(|key| format!("{key:?}"))
    }

    fn has_key(&self, of: &dyn AnyEntity, key: &dyn Any) -> bool {
        key_of::<K>(of).is_some_and(|own| key.downcast_ref() == Some(&own))
    }

    fn same(&self, of: &dyn AnyEntity, other: &dyn AnyEntity) -> bool {
        key_of::<K>(of) == key_of::<K>(other)
    }

    fn encode(&self, of: &dyn AnyEntity, cells: &mut Cells) {
        if let Some(key) = key_of::<K>(of) {
            key.encode(cells);
        }
    }

    fn find(&self, key: &dyn Any) -> Option<u32> {
        self.0.get(key.downcast_ref::<K>()?).copied()
    }

    fn find_of(&self, of: &dyn AnyEntity) -> Option<u32> {
        self.0.get(&key_of::<K>(of)?).copied()
    }

    fn find_encoded(&self, key: Cells) -> Option<u32> {
        let key = K::decode(&Row::new(&CellsRow(key)), 0).ok()?;
        self.0.get(&key).copied()
    }

    fn find_all(&self, keys: Box<dyn Any>) -> Vec<Option<u32>> {
        let keys = keys.downcast::<Vec<K>>().map(|keys| *keys).unwrap_or_default();
        let mut last: Option<(&K, Option<u32>)> = None;
        let find = |key| match last {
            // Rows of one owner often stand together.
            Some((before, slot)) if before == key => slot,
            _ => last.insert((key, self.0.get(key).copied())).1,
        };
        keys.iter().map(find).collect()
    }

    fn finder(&self, had: Vec<(u32, Box<dyn Any>)>) -> Finder {
        let keys = had.into_iter().filter_map(|(slot, key)| Some((*key.downcast::<K>().ok()?, slot)));
        let known: Map<K> = keys.collect();
        Box::new(move |key| known.get(key.downcast_ref::<K>()?).copied())
    }

    fn find_or_insert(&mut self, of: &dyn AnyEntity, slot: u32) -> u32 {
        // Looked up and mapped at once: the key is hashed once.
        key_of::<K>(of).map_or(slot, |key| *self.0.entry(key).or_insert(slot))
    }

    fn insert(&mut self, of: &dyn AnyEntity, slot: u32) {
        if let Some(key) = key_of::<K>(of) {
            self.0.insert(key, slot);
        }
    }

    fn remove(&mut self, of: &dyn AnyEntity, slot: u32) {
        if let Some(key) = key_of::<K>(of)
            && self.0.get(&key) == Some(&slot)
        {
            self.0.remove(&key);
        }
    }

    fn reserve(&mut self, keys: usize) {
        self.0.reserve(keys);
    }

    fn equal(&self, entities: &mut dyn Iterator<Item = (u32, &dyn AnyEntity)>) -> Option<(u32, u32)> {
        let mut seen: Map<K> = Map::default();
        for (slot, entity) in entities {
            let before = key_of::<K>(entity).and_then(|key| seen.insert(key, slot));
            if let Some(before) = before {
                return Some((before, slot));
            }
        }
        None
    }

    fn keys_of(&self, entities: &mut dyn Iterator<Item = &dyn AnyEntity>) -> Box<dyn Any> {
        let mut keys: Vec<K> = Vec::with_capacity(entities.size_hint().1.unwrap_or_default());
        for entity in entities {
            keys.extend(key_of::<K>(entity));
        }
        Box::new(keys)
    }

    fn sort<'r>(&self, slots: &mut [(u32, u32)], row: &dyn Fn(u32) -> Option<&'r dyn AnyEntity>) {
        let key = |&(slot, _): &(u32, u32)| row(slot).and_then(key_of::<K>);
        // Rows that were read in key order stay so: the common case is one pass.
        if !slots.is_sorted_by_key(key) {
            slots.sort_by_cached_key(key);
        }
    }

    fn part(&self, at: usize) -> Box<dyn Part> {
        Box::new(Keys::<K> { at, keys: Vec::new() })
    }
}
