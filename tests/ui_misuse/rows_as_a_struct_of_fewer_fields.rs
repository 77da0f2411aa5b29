use anyorm::prelude::*;
use anyorm_tests::User;

#[derive(FromRow)]
struct Report {
    name: String,
}

fn main() {
    let _ = User::update().set(User::AGE, 7).everything().returning((User::NAME, User::AGE)).rows_as::<Report>();
}
