use anyorm::prelude::*;

#[derive(Clone, Entity)]
struct User {
    #[key(auto)]
    id: i64,
}

#[derive(Clone, Entity)]
struct Post {
    #[key(auto)]
    id: i64,
    #[column(references = User::ID, on_delete = set_null)]
    author: i64,
}

fn main() {}
