use anyorm::prelude::*;

#[derive(Clone, Entity)]
struct User {
    #[key(auto)]
    id: i64,
}

#[derive(Clone, Entity)]
struct Profile {
    #[key]
    #[belongs_to]
    user: BelongsTo<Option<User>>,
}

fn main() {}
