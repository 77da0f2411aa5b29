use anyorm::SqlType;

#[derive(SqlType)]
#[sql_type(name = "email")]
struct Email(String);

fn main() {}
