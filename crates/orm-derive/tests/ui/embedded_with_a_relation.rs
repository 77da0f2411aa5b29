use anyorm::prelude::*;

#[derive(Clone, Entity)]
struct User {
    #[key(auto)]
    id: i64,
}

#[derive(Clone, Embedded)]
struct Address {
    city: String,
    #[column(references = User::ID)]
    owner: i64,
}

fn main() {}
