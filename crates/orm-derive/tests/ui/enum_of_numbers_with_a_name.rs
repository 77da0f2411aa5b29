use anyorm::prelude::*;

#[derive(Clone, Copy, DbEnum)]
#[db_enum(integer, name = "mood")]
enum Mood {
    Happy,
}

fn main() {}
