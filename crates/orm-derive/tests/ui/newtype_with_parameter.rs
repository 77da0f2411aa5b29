use anyorm::SqlType;

#[derive(SqlType)]
struct Id<T>(T);

fn main() {}
