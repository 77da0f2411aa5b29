use anyorm::prelude::*;

#[derive(Clone, Entity)]
#[entity(tabel = "posts")]
struct Post {
    #[key(auto)]
    id: i64,
    title: String,
}

fn main() {}
