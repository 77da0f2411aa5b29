//! The models.

use sqlite_bench_common::Checksum;
use toasty::{Deferred, Model};

#[derive(Debug, Model)]
#[table = "users"]
pub(crate) struct User {
    #[key]
    #[auto]
    pub(crate) id: i64,
    pub(crate) name: String,
    pub(crate) email: String,
    pub(crate) age: Option<i64>,
    pub(crate) score: f64,
}

/// Its key is not an `i64`: relations between those are not implemented in toasty.
#[derive(Debug, Model)]
#[table = "parents"]
pub(crate) struct Parent {
    #[key]
    #[auto]
    pub(crate) id: u64,
    pub(crate) name: String,
    pub(crate) age: Option<i64>,
    #[has_many]
    pub(crate) children: Deferred<Vec<Child>>,
}

#[derive(Debug, Model)]
#[table = "children"]
pub(crate) struct Child {
    #[key]
    #[auto]
    pub(crate) id: u64,
    #[index]
    pub(crate) parent_id: u64,
    #[belongs_to(key = parent_id, references = id)]
    pub(crate) parent: Deferred<Parent>,
    pub(crate) title: String,
    pub(crate) pages: i64,
}

#[derive(Debug, Model)]
#[table = "accounts"]
pub(crate) struct Account {
    #[key]
    #[auto]
    pub(crate) id: i64,
    pub(crate) owner: String,
    pub(crate) balance: i64,
}

#[derive(Debug, Model)]
#[table = "audits"]
pub(crate) struct Audit {
    #[key]
    #[auto]
    pub(crate) id: i64,
    #[index]
    pub(crate) account_id: i64,
    pub(crate) amount: i64,
}

pub(crate) fn sum_of(users: &[User]) -> Checksum {
    let mut sum = Checksum::default();
    for User { id, name, email, age, score } in users {
        sum.user(*id, name, email, *age, *score);
    }
    sum
}

#[derive(Debug, Model)]
#[table = "tops"]
pub(crate) struct Top {
    #[key]
    #[auto]
    pub(crate) id: i64,
    pub(crate) name: String,
}

#[derive(Debug, Model)]
#[table = "lefts"]
pub(crate) struct Left {
    #[key]
    #[auto]
    pub(crate) id: i64,
    pub(crate) name: String,
    pub(crate) top_id: i64,
}

#[derive(Debug, Model)]
#[table = "rights"]
pub(crate) struct Right {
    #[key]
    #[auto]
    pub(crate) id: i64,
    pub(crate) name: String,
    pub(crate) top_id: i64,
}

#[derive(Debug, Model)]
#[table = "bottoms"]
pub(crate) struct Bottom {
    #[key]
    #[auto]
    pub(crate) id: i64,
    pub(crate) name: String,
    pub(crate) left_id: i64,
    pub(crate) right_id: i64,
}
