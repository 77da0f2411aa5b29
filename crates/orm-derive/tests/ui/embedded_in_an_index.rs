use anyorm::prelude::*;

#[derive(Clone, Embedded)]
struct Address {
    street: String,
    city: String,
}

#[derive(Clone, Entity)]
#[entity(index("home"))]
struct Customer {
    #[key(auto)]
    id: i64,
    #[embedded]
    home: Address,
}

fn main() {}
