use anyorm::prelude::*;

#[derive(Clone, Entity)]
struct Post {
    #[key(auto)]
    id: i64,
    #[column(default = "0")]
    views: Option<i32>,
}

fn main() {}
