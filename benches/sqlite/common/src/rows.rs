//! The rows of all tables.

/// A user as it is put in.
#[derive(Clone, Debug, PartialEq)]
pub struct NewUser {
    pub name: String,
    pub email: String,
    pub age: Option<i64>,
    pub score: f64,
}

#[derive(Clone, Debug, PartialEq)]
pub struct User {
    pub id: i64,
    pub name: String,
    pub email: String,
    pub age: Option<i64>,
    pub score: f64,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Parent {
    pub id: i64,
    pub name: String,
    pub age: Option<i64>,
    pub children: Vec<Child>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Child {
    pub id: i64,
    pub parent_id: i64,
    pub title: String,
    pub pages: i64,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Account {
    pub id: i64,
    pub owner: String,
    pub balance: i64,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Audit {
    pub id: i64,
    pub account_id: i64,
    pub amount: i64,
}

impl NewUser {
    pub fn with_key(self, id: i64) -> User {
        let Self { name, email, age, score } = self;
        User { id, name, email, age, score }
    }
}

/// A user with this number. Every tenth has no age.
pub fn user(number: usize) -> NewUser {
    NewUser {
        name: format!("User {number}"),
        email: format!("user{number}@example.org"),
        age: (!number.is_multiple_of(10)).then_some((number % 90) as i64),
        score: (number % 1_000) as f64 * 0.25,
    }
}

/// The users that a round inserts: their keys will be their numbers.
pub fn users(round: usize, count: usize) -> Vec<NewUser> {
    (round * count + 1..=round * count + count).map(user).collect()
}

pub fn parent(number: usize) -> Parent {
    let NewUser { name, age, .. } = user(number);
    Parent { id: number as i64, name, age, children: Vec::new() }
}

/// One of the children of a parent, by the number of the parent and its own.
pub fn child(parent: usize, number: usize) -> Child {
    Child {
        id: ((parent - 1) * crate::CHILDREN + number + 1) as i64,
        parent_id: parent as i64,
        title: format!("Child {parent}.{number}"),
        pages: (number * 100) as i64,
    }
}

pub fn account(number: usize) -> Account {
    Account { id: number as i64, owner: format!("Owner {number}"), balance: number as i64 * 10 }
}

/// The names of four rows that refer to each other: one at the top, a left and a right one that refer to it, and one at the
/// bottom that refers to both. Their keys will be the number of the diamond, in each table.
pub fn diamonds(round: usize, count: usize) -> Vec<[String; 4]> {
    let name = |number| ["Top", "Left", "Right", "Bottom"].map(|corner| format!("{corner} {number}"));
    (round * count + 1..=round * count + count).map(name).collect()
}

/// What a mixed request adds to a balance.
pub fn amount(request: usize) -> i64 {
    request as i64 % 100 + 1
}

/// What a change does to an age: no user is without a change.
pub fn older(age: Option<i64>) -> Option<i64> {
    Some(age.map_or(0, |age| (age + 1) % 90))
}
