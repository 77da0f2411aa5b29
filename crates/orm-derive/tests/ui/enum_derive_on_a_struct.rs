use anyorm::prelude::*;

#[derive(Clone, Copy, DbEnum)]
struct Mood(i64);

fn main() {}
