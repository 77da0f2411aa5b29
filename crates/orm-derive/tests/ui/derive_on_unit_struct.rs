use anyorm::prelude::*;

#[derive(Clone, Entity)]
struct Post;

fn main() {}
