use anyorm::SqlType;

#[derive(SqlType)]
struct Money(Option<i64>);

fn main() {}
