use anyorm::prelude::*;

#[derive(Clone, Entity)]
struct User {
    #[key(auto)]
    id: i64,
}

#[derive(Clone, Entity)]
#[allow(non_snake_case)]
struct Post {
    #[key(auto)]
    id: i64,
    #[belongs_to(column = "who")]
    name: BelongsTo<User>,
    #[column(name = "full_name")]
    NAME: String,
}

fn main() {}
