use anyorm::prelude::*;

#[derive(Clone, Entity)]
struct Post {
    #[key(auto)]
    id: i64,
    #[belongs_to]
    author: BelongsTo<User>,
}

#[derive(Clone, Entity)]
struct User {
    #[key(auto)]
    id: i64,
    posts: HasMany<Post>,
}

fn main() {}
