use anyorm::prelude::*;

#[derive(Clone, Entity)]
struct Order {
    #[key]
    year: i32,
    #[key]
    number: i32,
}

#[derive(Clone, Entity)]
struct Post {
    #[key(auto)]
    id: i64,
    #[belongs_to]
    order: BelongsTo<Order>,
}

fn main() {}
