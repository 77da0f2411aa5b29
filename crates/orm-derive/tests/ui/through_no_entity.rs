use anyorm::prelude::*;

struct PostTag;

#[derive(Clone, Entity)]
struct Post {
    #[key(auto)]
    id: i64,
    #[many_to_many(through = PostTag)]
    tags: ManyToMany<Tag>,
}

#[derive(Clone, Entity)]
struct Tag {
    #[key(auto)]
    id: i64,
}

fn main() {}
