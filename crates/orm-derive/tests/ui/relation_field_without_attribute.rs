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
    author: BelongsTo<User>,
}

fn main() {}
