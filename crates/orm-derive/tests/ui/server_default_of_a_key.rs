use anyorm::prelude::*;

#[derive(Clone, Entity)]
struct Item {
    #[key]
    #[column(server_default(sql = "random()"))]
    id: i64,
    #[version]
    #[column(server_default = 1)]
    version: i64,
}

fn main() {}
