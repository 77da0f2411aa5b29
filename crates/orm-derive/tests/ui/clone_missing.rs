use anyorm::prelude::*;

#[derive(Entity)]
struct Post {
    #[key(auto)]
    id: i64,
    title: String,
}

fn main() {}
