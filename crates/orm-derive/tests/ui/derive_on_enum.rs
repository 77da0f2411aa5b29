use anyorm::prelude::*;

#[derive(Clone, Entity)]
enum Post {
    Draft,
    Published,
}

fn main() {}
