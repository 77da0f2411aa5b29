//! The rows of both tables, in a form that belongs to nobody.

use crate::work::CHILDREN;

/// A user as it is put in.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct NewUser {
    pub(crate) name: String,
    pub(crate) email: String,
    pub(crate) age: Option<i32>,
}

/// A user with the titles of its posts, as they are put in.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Family {
    pub(crate) user: NewUser,
    pub(crate) titles: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct UserRow {
    pub(crate) id: i64,
    pub(crate) name: String,
    pub(crate) email: String,
    pub(crate) age: Option<i32>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct PostRow {
    pub(crate) id: i64,
    pub(crate) author_id: i64,
    pub(crate) title: String,
}

/// Rows of both tables: what a table has, or what a peer says that it has.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rows {
    pub(crate) users: Vec<UserRow>,
    pub(crate) posts: Vec<PostRow>,
}

/// A user with this number. Every tenth has no age.
pub(crate) fn user(number: usize) -> NewUser {
    NewUser {
        name: format!("User {number}"),
        email: format!("user{number}@example.org"),
        age: (!number.is_multiple_of(10)).then_some((number % 90) as i32),
    }
}

pub(crate) fn users(count: usize) -> Vec<NewUser> {
    (1..=count).map(user).collect()
}

pub(crate) fn families(parents: usize, children: usize) -> Vec<Family> {
    let titles = |parent| (0..children).map(move |child| format!("Post {parent}.{child}")).collect();
    (1..=parents).map(|parent| Family { user: user(parent), titles: titles(parent) }).collect()
}

/// Users and titles apart, for peers that take them so: each parent has [`CHILDREN`] titles in a row.
pub(crate) fn families_apart(parents: usize) -> (Vec<NewUser>, Vec<String>) {
    let mut titles = Vec::with_capacity(parents * CHILDREN);
    let family = |family: Family| {
        titles.extend(family.titles);
        family.user
    };
    let users = families(parents, CHILDREN).into_iter().map(family).collect();
    (users, titles)
}
