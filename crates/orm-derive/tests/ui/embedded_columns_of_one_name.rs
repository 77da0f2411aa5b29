use anyorm::prelude::*;

#[derive(Clone, Embedded)]
struct Address {
    city: String,
    #[column(name = "City")]
    town: String,
}

fn main() {}
