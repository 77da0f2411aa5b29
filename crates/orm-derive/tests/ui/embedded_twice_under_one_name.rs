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
    #[embedded(prefix = "")]
    home: Address,
    #[embedded(prefix = "")]
    office: Address,
}

fn main() {}
