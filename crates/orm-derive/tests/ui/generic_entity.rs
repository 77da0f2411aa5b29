use anyorm::prelude::*;

#[derive(Clone, Entity)]
struct Post<T> {
    #[key(auto)]
    id: i64,
    body: T,
}

fn main() {}
