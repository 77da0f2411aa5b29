use anyorm::prelude::*;

#[derive(Clone, Entity)]
#[entity(unique)]
struct Post {
    #[key(auto)]
    id: i64,
    title: String,
}

fn main() {}
