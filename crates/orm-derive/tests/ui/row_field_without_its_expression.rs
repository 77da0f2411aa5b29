use anyorm::prelude::*;

#[derive(Clone, Debug, Default, Entity)]
struct User {
    #[key(auto)]
    id: i64,
    name: String,
    age: Option<i32>,
}

#[derive(FromRow)]
struct Report {
    #[row(User::NAME)]
    name: String,
    age: Option<i32>,
}

fn main() {}
