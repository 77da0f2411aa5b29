//! The model: what memory and database must hold. Entities are numbers, given in the order of `add` and never reused.

use std::collections::{BTreeMap, BTreeSet};

#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct World {
    pub(crate) accounts: BTreeMap<usize, AccountRow>,
    pub(crate) users: BTreeMap<usize, UserRow>,
    pub(crate) posts: BTreeMap<usize, PostRow>,
    pub(crate) tags: BTreeMap<usize, String>,
    pub(crate) nodes: BTreeMap<usize, NodeRow>,
    /// Their codes.
    pub(crate) countries: BTreeMap<usize, String>,
    pub(crate) cities: BTreeMap<usize, CityRow>,
    /// Posts with their tags.
    pub(crate) pairs: BTreeSet<(usize, usize)>,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct AccountRow {
    pub(crate) id: i64,
    pub(crate) balance: i64,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct UserRow {
    pub(crate) email: String,
    pub(crate) age: Option<i32>,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct PostRow {
    pub(crate) title: String,
    pub(crate) author: usize,
    /// What the transaction has; counted by [`World::settle`].
    pub(crate) version: i64,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct NodeRow {
    pub(crate) name: String,
    pub(crate) parent: Option<usize>,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct CityRow {
    pub(crate) country: usize,
    pub(crate) ruler: Option<usize>,
    pub(crate) owner: Option<usize>,
    pub(crate) twin: Option<usize>,
}

impl World {
    /// What a flush makes of it: the database's own cascades, and versions that count what differs from `before`.
    pub(crate) fn settle(&mut self, before: &Self) {
        let Self { users, posts, tags, nodes, pairs, countries, cities, .. } = self;
        posts.retain(|_, post| users.contains_key(&post.author));
        pairs.retain(|(post, tag)| posts.contains_key(post) && tags.contains_key(tag));
        let there: BTreeSet<usize> = nodes.keys().copied().collect();
        for node in nodes.values_mut() {
            node.parent = node.parent.filter(|parent| there.contains(parent));
        }
        cities.retain(|_, city| city.owner.is_none_or(|owner| countries.contains_key(&owner)));
        for city in cities.values_mut() {
            city.ruler = city.ruler.filter(|ruler| countries.contains_key(ruler));
            city.twin = city.twin.filter(|twin| countries.contains_key(twin));
        }
        for (at, post) in posts {
            post.version = match before.posts.get(at) {
                // One that was counted before a recovery keeps its count.
                None => post.version,
                Some(old) if (&old.title, old.author) == (&post.title, post.author) => old.version,
                Some(old) => old.version + 1,
            };
        }
    }

    /// Whether two rows share a value that must differ.
    pub(crate) fn has_duplicates(&self) -> bool {
        has_equal(self.accounts.values().map(|account| account.id))
            || has_equal(self.users.values().map(|user| &user.email))
            || has_equal(self.tags.values())
            || has_equal(self.countries.values())
    }
}

fn has_equal<T: Ord>(values: impl Iterator<Item = T>) -> bool {
    let mut seen = BTreeSet::new();
    !values.into_iter().all(|value| seen.insert(value))
}

/// The n-th of what is there, counted around.
pub(crate) fn pick<T>(rows: &BTreeMap<usize, T>, n: u8) -> Option<usize> {
    let at = usize::from(n).checked_rem(rows.len())?;
    rows.keys().nth(at).copied()
}
