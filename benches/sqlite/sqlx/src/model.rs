//! The rows.

use sqlite_bench_common::{Checksum, NewUser};
use sqlx::FromRow;

pub(crate) const SELECT_USERS: &str = "SELECT id, name, email, age, score FROM users";
pub(crate) const SELECT_USER: &str = "SELECT id, name, email, age, score FROM users WHERE id = ?";

#[derive(Debug, FromRow)]
pub(crate) struct User {
    pub(crate) id: i64,
    pub(crate) name: String,
    pub(crate) email: String,
    pub(crate) age: Option<i64>,
    pub(crate) score: f64,
}

#[derive(Debug, FromRow)]
pub(crate) struct Parent {
    pub(crate) id: i64,
    pub(crate) name: String,
    pub(crate) age: Option<i64>,
    #[sqlx(skip)]
    pub(crate) children: Vec<Child>,
}

#[derive(Debug, FromRow)]
pub(crate) struct Child {
    pub(crate) id: i64,
    pub(crate) parent_id: i64,
    pub(crate) title: String,
    pub(crate) pages: i64,
}

#[derive(Debug, FromRow)]
pub(crate) struct Account {
    pub(crate) id: i64,
    pub(crate) owner: String,
    pub(crate) balance: i64,
}

pub(crate) fn with_key(NewUser { name, email, age, score }: NewUser, id: i64) -> User {
    User { id, name, email, age, score }
}

pub(crate) fn sum_of(users: &[User]) -> Checksum {
    let mut sum = Checksum::default();
    for User { id, name, email, age, score } in users {
        sum.user(*id, name, email, *age, *score);
    }
    sum
}
