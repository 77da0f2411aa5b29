use anyorm::prelude::*;

#[derive(Clone, Entity)]
#[entity(index("title", "title"))]
struct Post {
    #[key(auto)]
    id: i64,
    title: String,
}

fn main() {}
