use anyorm::prelude::*;
use anyorm_tests::User;

#[derive(FromRow)]
struct Name {
    name: String,
}

#[derive(FromRow)]
struct Report {
    #[row(User::AGE)]
    age: Option<i32>,
    #[row(nested)]
    name: Name,
}

fn main() {
    let _ = User::select().project::<Report>();
}
