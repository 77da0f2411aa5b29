use anyorm::SqlType;

#[derive(SqlType)]
struct Money {
    cents: i64,
}

fn main() {}
