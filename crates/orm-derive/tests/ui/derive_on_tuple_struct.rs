use anyorm::prelude::*;

#[derive(Clone, Entity)]
struct Post(i64, String);

fn main() {}
