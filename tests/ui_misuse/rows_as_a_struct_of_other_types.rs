use anyorm::prelude::*;
use anyorm_tests::User;

#[derive(FromRow)]
struct Report {
    name: String,
    age: i32,
}

fn main() {
    let _ = User::select().columns((User::NAME, User::AGE)).rows_as::<Report>();
}
