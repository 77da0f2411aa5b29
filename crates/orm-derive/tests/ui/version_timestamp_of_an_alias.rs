use anyorm::prelude::*;

type Moment = i32;

#[derive(Clone, Entity)]
struct Tag {
    #[key(auto)]
    id: i64,
    #[version(timestamp)]
    version: Moment,
}

fn main() {}
