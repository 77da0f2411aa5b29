use anyorm::prelude::*;

#[derive(Clone, Entity)]
struct Order {
    #[key(uuid_v7)]
    id: String,
}

fn main() {}
