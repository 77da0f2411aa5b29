use anyorm::prelude::*;

#[derive(Clone, Entity)]
struct Post {
    #[key(auto)]
    id: i64,
    title: String,
    #[column(name = "Title")]
    headline: String,
}

fn main() {}
