use anyorm::prelude::*;

#[derive(Clone, Entity)]
struct Post {
    #[key]
    #[version]
    id: i64,
}

fn main() {}
