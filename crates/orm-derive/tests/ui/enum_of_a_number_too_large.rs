use anyorm::prelude::*;

#[derive(Clone, Copy, DbEnum)]
#[db_enum(integer)]
enum Mood {
    Happy = 1,
    Sad = 3_000_000_000,
}

fn main() {}
