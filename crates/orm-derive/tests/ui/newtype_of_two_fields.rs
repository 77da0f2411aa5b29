use anyorm::SqlType;

#[derive(SqlType)]
struct Money(i64, String);

fn main() {}
