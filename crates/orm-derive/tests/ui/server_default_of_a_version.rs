use anyorm::prelude::*;

#[derive(Clone, Entity)]
struct Item {
    #[key]
    id: i64,
    #[version]
    #[column(server_default = 1)]
    version: i64,
}

fn main() {}
