use anyorm::prelude::*;

#[derive(Clone, Entity)]
struct Post {
    #[key(generated)]
    id: i64,
}

fn main() {}
