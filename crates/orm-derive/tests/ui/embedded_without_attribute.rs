use anyorm::prelude::*;

#[derive(Clone, Embedded)]
struct Address {
    street: String,
    city: String,
}

#[derive(Clone, Entity)]
struct Customer {
    #[key(auto)]
    id: i64,
    home: Address,
}

fn main() {}
