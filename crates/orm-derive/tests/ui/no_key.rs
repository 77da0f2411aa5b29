use anyorm::prelude::*;

#[derive(Clone, Entity)]
struct User {
    id: i64,
}

fn main() {}
