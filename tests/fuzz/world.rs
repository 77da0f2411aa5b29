//! The model: what memory and database must hold. Entities are numbers, given in the order of `add` and never reused.

use std::collections::{BTreeMap, BTreeSet};

#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct World {
    pub(crate) accounts: BTreeMap<usize, AccountRow>,
    pub(crate) users: BTreeMap<usize, UserRow>,
    pub(crate) posts: BTreeMap<usize, PostRow>,
    pub(crate) tags: BTreeMap<usize, String>,
    pub(crate) nodes: BTreeMap<usize, NodeRow>,
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
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct NodeRow {
    pub(crate) name: String,
    pub(crate) parent: Option<usize>,
}

impl World {
    /// What a flush makes of it: the database's own cascades.
    pub(crate) fn settle(&mut self) {
        let Self { users, posts, tags, nodes, pairs, .. } = self;
        posts.retain(|_, post| users.contains_key(&post.author));
        pairs.retain(|(post, tag)| posts.contains_key(post) && tags.contains_key(tag));
        let there: BTreeSet<usize> = nodes.keys().copied().collect();
        for node in nodes.values_mut() {
            node.parent = node.parent.filter(|parent| there.contains(parent));
        }
    }

    /// Whether two rows share a value that must differ.
    pub(crate) fn has_duplicates(&self) -> bool {
        has_equal(self.accounts.values().map(|account| account.id))
            || has_equal(self.users.values().map(|user| &user.email))
            || has_equal(self.tags.values())
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
