use anyorm::prelude::*;

#[derive(Clone, Entity)]
struct User {
    #[key(auto)]
    id: i64,
    #[key]
    #[has_many(Post::AUTHOR)]
    posts: HasMany<Post>,
}

#[derive(Clone, Entity)]
struct Post {
    #[key(auto)]
    id: i64,
    #[belongs_to]
    author: BelongsTo<User>,
}

fn main() {}
