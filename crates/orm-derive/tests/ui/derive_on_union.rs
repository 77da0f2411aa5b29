use anyorm::prelude::*;

#[derive(Clone, Copy, Entity)]
union Post {
    id: i64,
    number: u32,
}

fn main() {}
