use anyorm::prelude::*;

#[derive(Clone, Entity)]
struct Post {
    #[key(auto)]
    id: i64,
    #[many_to_many(through = 5)]
    tags: ManyToMany<Tag>,
}

#[derive(Clone, Entity)]
struct Tag {
    #[key(auto)]
    id: i64,
}

fn main() {}
