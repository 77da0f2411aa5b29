use anyorm::prelude::*;

#[derive(Clone, Entity)]
#[entity(index("titel"))]
struct Post {
    #[key(auto)]
    id: i64,
    title: String,
}

fn main() {}
