use anyorm::prelude::*;

struct Address {
    city: String,
}

#[derive(FromRow)]
struct Report {
    name: String,
    address: Address,
}

fn main() {}
