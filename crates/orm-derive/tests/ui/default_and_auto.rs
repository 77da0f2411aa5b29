use anyorm::prelude::*;

#[derive(Clone, Entity)]
struct Post {
    #[key(auto)]
    #[column(default = 1)]
    id: i64,
}

fn main() {}
