use anyorm::prelude::*;

#[derive(Clone, Entity)]
struct User {
    #[key(auto)]
    id: i64,
}

#[derive(Clone, Entity)]
struct Post {
    #[key]
    number: i64,
    #[key]
    #[belongs_to]
    author: BelongsTo<User>,
}

fn main() {}
