use anyorm::prelude::*;

#[derive(Clone, Entity)]
#[entity(table = posts)]
struct Post {
    #[key(auto)]
    id: i64,
}

fn main() {}
