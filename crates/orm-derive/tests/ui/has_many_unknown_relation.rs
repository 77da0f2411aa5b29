use anyorm::prelude::*;

#[derive(Clone, Entity)]
struct Post {
    #[key(auto)]
    id: i64,
    #[belongs_to]
    author: BelongsTo<User>,
    #[belongs_to]
    site: BelongsTo<Site>,
}

#[derive(Clone, Entity)]
struct Site {
    #[key(auto)]
    id: i64,
}

#[derive(Clone, Entity)]
struct User {
    #[key(auto)]
    id: i64,
    #[has_many(Post::WRITER)]
    posts: HasMany<Post>,
}

fn main() {}
