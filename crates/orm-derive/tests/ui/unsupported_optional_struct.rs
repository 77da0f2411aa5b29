use anyorm::prelude::*;

#[derive(Clone)]
struct Place {
    city: String,
}

#[derive(Clone, Entity)]
struct Post {
    #[key(auto)]
    id: i64,
    place: Option<Place>,
}

fn main() {}
