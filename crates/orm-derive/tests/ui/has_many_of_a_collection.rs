use anyorm::prelude::*;

#[derive(Clone, Entity)]
struct Post {
    #[key(auto)]
    id: i64,
    #[many_to_many(through = "readers")]
    readers: ManyToMany<User>,
}

#[derive(Clone, Entity)]
struct User {
    #[key(auto)]
    id: i64,
    #[has_many(Post::READERS)]
    posts: HasMany<Post>,
}

fn main() {}
