//! Steps that change memory only: in the session and in the model alike.

mod blog;
mod countries;
mod nodes;
mod pairs;

use std::collections::{BTreeMap, BTreeSet};

use anyorm::prelude::*;
use anyorm_tests::{Account, Node, Post, Tag, User};

use crate::entities::{City, Country};
use crate::op::Op;
use crate::world::{AccountRow, World, pick};

/// The handles of the model's entities, by their numbers.
#[derive(Clone, Debug, Default)]
pub(crate) struct Handles {
    pub(crate) accounts: Vec<Handle<Account>>,
    pub(crate) users: Vec<Handle<User>>,
    pub(crate) posts: Vec<Handle<Post>>,
    pub(crate) tags: Vec<Handle<Tag>>,
    pub(crate) nodes: Vec<Handle<Node>>,
    pub(crate) countries: Vec<Handle<Country>>,
    pub(crate) cities: Vec<Handle<City>>,
}

impl Handles {
    /// Forgets what came after the stored rows, whose numbers are given again.
    pub(crate) fn truncate(&mut self, to: [usize; 7]) {
        let [accounts, users, posts, tags, nodes, countries, cities] = to;
        self.accounts.truncate(accounts);
        self.users.truncate(users);
        self.posts.truncate(posts);
        self.tags.truncate(tags);
        self.nodes.truncate(nodes);
        self.countries.truncate(countries);
        self.cities.truncate(cities);
    }

    /// How many numbers were given.
    pub(crate) fn lengths(&self) -> [usize; 7] {
        let Self { accounts, users, posts, tags, nodes, countries, cities } = self;
        [accounts.len(), users.len(), posts.len(), tags.len(), nodes.len(), countries.len(), cities.len()]
    }
}

/// What was done since the last flush, as far as it decides what may be done, or fail, next.
#[derive(Clone, Debug, Default)]
pub(crate) struct Since {
    /// How the links of children were changed.
    pub(crate) sides: BTreeMap<Child, Side>,
    /// Pairs that were changed, and whether by linking.
    pub(crate) pairs: BTreeMap<(usize, usize), bool>,
    /// Pairs that were added.
    pub(crate) tagged: BTreeSet<(usize, usize)>,
}

impl Since {
    /// What was done before comes in front.
    pub(crate) fn extend(&mut self, later: Self) {
        self.sides.extend(later.sides);
        self.pairs.extend(later.pairs);
        self.tagged.extend(later.tagged);
    }
}

/// A child, and which of its links if there are several with a collection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Child {
    Post(usize),
    Node(usize),
    CityOf(usize),
    Twin(usize),
}

/// Both sides of a relation must not say different things, so a child is changed in one of these ways.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    /// Its own field.
    Field,
    /// A parent's collection.
    Collection,
    /// By `link` or `unlink`: both at once.
    Both,
}

/// What a step works on.
pub(crate) struct Edit<'a> {
    pub(crate) session: &'a mut Session,
    pub(crate) world: &'a mut World,
    /// What the transaction has.
    pub(crate) flushed: &'a World,
    pub(crate) handles: &'a mut Handles,
    pub(crate) since: &'a mut Since,
    /// What was detached and read again: it left the collections that it is in.
    pub(crate) escaped: &'a BTreeSet<(&'static str, usize)>,
}

impl Edit<'_> {
    /// Does a step that changes memory. Answers false for any other step.
    pub(crate) fn step(&mut self, op: Op) -> bool {
        // None: there is nothing to do it with.
        self.accounts(op).is_none_or(|known| known)
            || self.blog(op).is_none_or(|known| known)
            || self.pairs(op).is_none_or(|known| known)
            || self.nodes(op).is_none_or(|known| known)
            || self.countries(op).is_none_or(|known| known)
    }

    fn accounts(&mut self, op: Op) -> Option<bool> {
        let Self { session, world, handles, .. } = self;
        match op {
            Op::AddAccount { key } => {
                let id = i64::from(key) + 1;
                world.accounts.insert(handles.accounts.len(), AccountRow { id, balance: 0 });
                handles.accounts.push(session.add(Account { id, balance: 0 }));
            }
            Op::SetBalance { account, balance } => {
                let at = pick(&world.accounts, account)?;
                world.accounts.get_mut(&at)?.balance = balance.into();
                session[handles.accounts[at]].balance = balance.into();
            }
            Op::SetKey { account, key } => {
                let at = pick(&world.accounts, account)?;
                world.accounts.get_mut(&at)?.id = i64::from(key) + 1;
                session[handles.accounts[at]].id = i64::from(key) + 1;
            }
            Op::DeleteAccount { account } => {
                let at = pick(&world.accounts, account)?;
                world.accounts.remove(&at);
                session.delete(handles.accounts[at]);
            }
            _ => return Some(false),
        }
        Some(true)
    }

    /// Notes how a child is changed. `None` if it was changed in another way that this one might contradict.
    pub(crate) fn take_side(&mut self, child: Child, side: Side) -> Option<()> {
        let fits = matches!(
            (self.since.sides.get(&child), side),
            (None, _) | (Some(Side::Field), Side::Field | Side::Both) | (Some(Side::Both), Side::Both)
        );
        if !fits {
            return None;
        }
        self.since.sides.insert(child, side);
        Some(())
    }

    /// `None` if loaded collections do not know of it.
    pub(crate) fn knows(&self, kind: &'static str, at: usize) -> Option<()> {
        if self.escaped.contains(&(kind, at)) { None } else { Some(()) }
    }

    /// Whether a collection took a child in since the last flush.
    fn was_taken_in(&self, child: Child) -> bool {
        self.since.sides.get(&child) == Some(&Side::Collection)
    }
}
