use anyorm::prelude::*;

#[derive(Clone, Entity)]
struct User {
    #[key(auto)]
    id: i64,
}

#[derive(Clone, Entity)]
struct Profile {
    #[key(auto)]
    #[belongs_to]
    user: BelongsTo<User>,
}

fn main() {}
