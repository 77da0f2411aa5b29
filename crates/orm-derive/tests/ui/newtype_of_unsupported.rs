use anyorm::SqlType;

#[derive(SqlType)]
struct Money(u64);

fn main() {}
