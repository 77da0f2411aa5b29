use anyorm::prelude::*;

#[derive(FromRow)]
struct Report<T> {
    value: T,
}

fn main() {}
