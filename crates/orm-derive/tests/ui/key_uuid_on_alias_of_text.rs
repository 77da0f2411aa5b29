use anyorm::prelude::*;

type Id = String;

#[derive(Clone, Entity)]
struct Order {
    #[key(uuid_v7)]
    id: Id,
}

fn main() {}
