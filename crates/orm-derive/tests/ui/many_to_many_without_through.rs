use anyorm::prelude::*;

#[derive(Clone, Entity)]
struct Tag {
    #[key(auto)]
    id: i64,
}

#[derive(Clone, Entity)]
struct Post {
    #[key(auto)]
    id: i64,
    #[many_to_many]
    tags: ManyToMany<Tag>,
}

fn main() {}
