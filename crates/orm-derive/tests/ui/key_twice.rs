use anyorm::prelude::*;

#[derive(Clone, Entity)]
struct Post {
    #[key(auto)]
    #[key]
    id: i64,
}

fn main() {}
