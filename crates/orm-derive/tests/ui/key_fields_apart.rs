use anyorm::prelude::*;

#[derive(Clone, Entity)]
struct Seat {
    #[key]
    row: i64,
    taken_by: Option<String>,
    #[key]
    letter: String,
}

fn main() {}
