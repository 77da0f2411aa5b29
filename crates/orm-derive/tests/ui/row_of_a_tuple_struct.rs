use anyorm::prelude::*;

#[derive(FromRow)]
struct Report(String, i64);

fn main() {}
