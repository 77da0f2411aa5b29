//! What the tests share: entities, checks, random numbers.

pub mod check;
pub mod random;

use anyorm::prelude::*;
use anyorm::{Schema, schema};
use serde::{Deserialize, Serialize};

/// Somebody who writes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, Entity)]
#[entity(table = "users")]
pub struct User {
    /// The key.
    #[key(auto)]
    pub id: i64,
    /// Different for each.
    #[column(unique)]
    pub email: String,
    /// What they are called.
    pub name: String,
    /// In years, if they say.
    pub age: Option<i32>,
    /// What they wrote.
    #[has_many(Post::AUTHOR)]
    pub posts: HasMany<Post>,
}

/// Something written; goes with its author.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, Entity)]
#[entity(table = "posts")]
pub struct Post {
    /// The key.
    #[key(auto)]
    pub id: i64,
    /// The headline.
    pub title: String,
    /// Who wrote it.
    #[belongs_to(on_delete = cascade)]
    pub author: BelongsTo<User>,
    /// What it is about.
    #[many_to_many(through = "post_tags")]
    pub tags: ManyToMany<Tag>,
    /// The optimistic lock.
    #[version]
    pub version: i64,
}

/// A subject.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, Entity)]
#[entity(table = "tags")]
pub struct Tag {
    /// The key.
    #[key(auto)]
    pub id: i64,
    /// Different for each.
    #[column(unique)]
    pub name: String,
    /// What is about it: the other side of `Post::tags`.
    #[many_to_many(through = "post_tags")]
    pub posts: ManyToMany<Post>,
}

/// Money, under a key of our own.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, Entity)]
#[entity(table = "accounts")]
pub struct Account {
    /// The key.
    #[key]
    pub id: i64,
    /// In cents.
    pub balance: i64,
}

/// A tree.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, Entity)]
#[entity(table = "nodes")]
pub struct Node {
    /// The key.
    #[key(auto)]
    pub id: i64,
    /// The label.
    pub name: String,
    /// None for a root.
    #[belongs_to]
    pub parent: BelongsTo<Option<Node>>,
    /// The branches.
    #[has_many(Node::PARENT)]
    pub children: HasMany<Node>,
}

/// The tables of users, posts, tags, accounts and nodes.
pub fn blog() -> Schema {
    schema![User, Post, Tag, Account, Node]
}

/// A user of this name, with an address made of it.
pub fn user(name: &str) -> User {
    User { name: name.into(), email: format!("{}@example.org", name.to_lowercase()), ..User::default() }
}

/// A post of this title.
pub fn post(title: &str, author: impl Into<BelongsTo<User>>) -> Post {
    Post { title: title.into(), author: author.into(), ..Post::default() }
}

/// A tag of this name.
pub fn tag(name: &str) -> Tag {
    Tag { name: name.into(), ..Tag::default() }
}

/// The README's code, compiled and run.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
pub struct Readme;
