use anyorm::prelude::*;

#[derive(Clone, Entity)]
struct Post {
    #[key(auto)]
    id: i64,
    #[version]
    version: Option<i64>,
}

fn main() {}
