use anyorm::prelude::*;

#[derive(FromRow)]
struct Report {
    #[row(nested)]
    name: String,
}

fn main() {}
