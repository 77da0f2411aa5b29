use anyorm::prelude::*;

#[derive(Clone, Entity)]
struct User {
    #[key(auto)]
    id: i64,
    #[many_to_many(through = "follows")]
    follows: ManyToMany<User>,
}

fn main() {}
