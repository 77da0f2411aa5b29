use anyorm::SqlType;

#[derive(SqlType)]
struct Money(u128);

fn main() {}
