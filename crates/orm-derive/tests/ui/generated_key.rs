use anyorm::prelude::*;

#[derive(Clone, Entity)]
struct Item {
    #[key]
    #[column(generated = "price + 1")]
    id: i64,
    price: i64,
}

fn main() {}
