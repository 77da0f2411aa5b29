//! The entities.

use anyorm::prelude::*;
use sqlite_bench_common::{self as common, Checksum, NewUser};

#[derive(Clone, Debug, Default, Entity)]
#[entity(table = "users")]
pub(crate) struct User {
    #[key(auto)]
    pub(crate) id: i64,
    pub(crate) name: String,
    pub(crate) email: String,
    pub(crate) age: Option<i64>,
    pub(crate) score: f64,
}

#[derive(Clone, Debug, Default, Entity)]
#[entity(table = "parents")]
pub(crate) struct Parent {
    #[key(auto)]
    pub(crate) id: i64,
    pub(crate) name: String,
    pub(crate) age: Option<i64>,
    #[has_many(Child::PARENT)]
    pub(crate) children: HasMany<Child>,
}

#[derive(Clone, Debug, Default, Entity)]
#[entity(table = "children")]
pub(crate) struct Child {
    #[key(auto)]
    pub(crate) id: i64,
    #[belongs_to]
    pub(crate) parent: BelongsTo<Parent>,
    pub(crate) title: String,
    pub(crate) pages: i64,
}

#[derive(Clone, Debug, Default, Entity)]
#[entity(table = "accounts")]
pub(crate) struct Account {
    #[key(auto)]
    pub(crate) id: i64,
    pub(crate) owner: String,
    pub(crate) balance: i64,
}

#[derive(Clone, Debug, Default, Entity)]
#[entity(table = "audits")]
pub(crate) struct Audit {
    #[key(auto)]
    pub(crate) id: i64,
    #[belongs_to]
    pub(crate) account: BelongsTo<Account>,
    pub(crate) amount: i64,
}

#[derive(Clone, Debug, Default, Entity)]
#[entity(table = "tops")]
pub(crate) struct Top {
    #[key(auto)]
    pub(crate) id: i64,
    pub(crate) name: String,
}

#[derive(Clone, Debug, Default, Entity)]
#[entity(table = "lefts")]
pub(crate) struct Left {
    #[key(auto)]
    pub(crate) id: i64,
    pub(crate) name: String,
    #[belongs_to]
    pub(crate) top: BelongsTo<Top>,
}

#[derive(Clone, Debug, Default, Entity)]
#[entity(table = "rights")]
pub(crate) struct Right {
    #[key(auto)]
    pub(crate) id: i64,
    pub(crate) name: String,
    #[belongs_to]
    pub(crate) top: BelongsTo<Top>,
}

#[derive(Clone, Debug, Default, Entity)]
#[entity(table = "bottoms")]
pub(crate) struct Bottom {
    #[key(auto)]
    pub(crate) id: i64,
    pub(crate) name: String,
    #[belongs_to]
    pub(crate) left: BelongsTo<Left>,
    #[belongs_to]
    pub(crate) right: BelongsTo<Right>,
}

pub(crate) fn new_users(round: usize, count: usize) -> Vec<User> {
    let entity = |NewUser { name, email, age, score }: NewUser| User { id: 0, name, email, age, score };
    common::users(round, count).into_iter().map(entity).collect()
}

pub(crate) fn sum_of<'a>(users: impl IntoIterator<Item = &'a User>) -> Checksum {
    let mut sum = Checksum::default();
    for User { id, name, email, age, score } in users {
        sum.user(*id, name, email, *age, *score);
    }
    sum
}
