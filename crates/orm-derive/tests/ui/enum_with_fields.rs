use anyorm::SqlType;

#[derive(SqlType)]
enum Payment {
    Cash,
    Card(String),
}

fn main() {}
