use anyorm::prelude::*;

#[derive(FromRow)]
struct Report {}

fn main() {}
