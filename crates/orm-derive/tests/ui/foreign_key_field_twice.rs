use anyorm::prelude::*;

#[derive(Clone, Entity)]
struct User {
    #[key(auto)]
    id: i64,
}

#[derive(Clone, Entity)]
struct Post {
    #[key(auto)]
    id: i64,
    author_id: i64,
    #[belongs_to]
    author: BelongsTo<User>,
}

fn main() {}
