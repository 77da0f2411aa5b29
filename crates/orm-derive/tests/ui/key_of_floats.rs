use anyorm::prelude::*;

#[derive(Clone, Entity)]
struct Post {
    #[key]
    id: f64,
}

fn main() {}
