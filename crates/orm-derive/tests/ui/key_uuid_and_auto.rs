use anyorm::prelude::*;

#[derive(Clone, Entity)]
struct Order {
    #[key(auto, uuid_v4)]
    id: i64,
}

fn main() {}
