use anyorm::prelude::*;

#[derive(Clone, Entity)]
struct Post {
    #[key(auto)]
    id: i64,
    #[column(unique, unique)]
    title: String,
}

fn main() {}
