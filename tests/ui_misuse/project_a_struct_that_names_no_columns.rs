use anyorm::prelude::*;
use anyorm_tests::User;

#[derive(FromRow)]
struct Report {
    name: String,
}

fn main() {
    let _ = User::select().project::<Report>();
}
