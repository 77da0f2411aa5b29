use anyorm::prelude::*;

#[derive(Clone, Copy, DbEnum)]
#[db_enum(integer)]
#[repr(u64)]
enum Mood {
    Happy,
}

fn main() {}
