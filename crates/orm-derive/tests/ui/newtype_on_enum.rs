use anyorm::SqlType;

#[derive(SqlType)]
enum Currency {
    Euro,
    Dollar,
}

fn main() {}
