use anyorm::prelude::*;

#[derive(Clone, Entity)]
struct Post {
    #[key(auto)]
    id: i64,
    #[version]
    version: i64,
    #[version]
    revision: i64,
}

fn main() {}
