use anyorm::prelude::*;

#[derive(FromRow)]
struct Report {
    #[row]
    name: String,
}

fn main() {}
