use anyorm::prelude::*;

#[derive(Clone, Entity)]
struct Item {
    #[key]
    #[column(server_default(sql = "random()"))]
    id: i64,
}

fn main() {}
