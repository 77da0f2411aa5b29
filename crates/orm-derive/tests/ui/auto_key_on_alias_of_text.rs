use anyorm::prelude::*;

type Name = String;

#[derive(Clone, Entity)]
struct User {
    #[key(auto)]
    name: Name,
}

fn main() {}
