use anyorm::prelude::*;

#[derive(FromRow)]
#[row(nested)]
struct Report {
    name: String,
}

fn main() {}
