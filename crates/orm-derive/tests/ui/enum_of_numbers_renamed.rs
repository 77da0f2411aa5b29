use anyorm::prelude::*;

#[derive(Clone, Copy, DbEnum)]
#[db_enum(integer)]
enum Mood {
    #[db_enum(rename = "glad")]
    Happy,
}

fn main() {}
