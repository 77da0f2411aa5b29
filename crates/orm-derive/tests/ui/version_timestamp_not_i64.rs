use anyorm::prelude::*;

#[derive(Clone, Entity)]
struct Post {
    #[key(auto)]
    id: i64,
    #[version(timestamp)]
    version: i32,
}

fn main() {}
