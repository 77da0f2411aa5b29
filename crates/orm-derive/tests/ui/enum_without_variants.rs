use anyorm::SqlType;

#[derive(SqlType)]
enum Never {}

fn main() {}
