use anyorm::prelude::*;

#[derive(Clone, Entity)]
struct Post {
    #[key(auto)]
    id: i64,
    #[version(name = "v")]
    version: i64,
}

fn main() {}
