use anyorm::prelude::*;

#[derive(Clone, Entity)]
struct Post {
    #[key(auto)]
    id: i64,
    #[column(default = 'x')]
    title: String,
}

fn main() {}
