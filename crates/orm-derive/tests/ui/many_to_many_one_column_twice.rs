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
    #[many_to_many(through = "post_tags", from = "id", to = "id")]
    tags: ManyToMany<Tag>,
}

fn main() {}
