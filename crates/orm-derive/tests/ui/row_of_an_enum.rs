use anyorm::prelude::*;

#[derive(FromRow)]
enum Mood {
    Happy,
}

fn main() {}
