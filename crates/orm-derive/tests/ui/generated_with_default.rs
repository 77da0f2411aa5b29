use anyorm::prelude::*;

#[derive(Clone, Entity)]
struct Item {
    #[key]
    id: i64,
    price: i64,
    #[column(generated = "price * 2", default = 0)]
    twice: i64,
}

fn main() {}
