use anyorm::prelude::*;
use anyorm::excluded;
use anyorm_tests::User;

fn main() {
    let _ = User::insert()
        .set(User::NAME, "Ada")
        .on_conflict(User::EMAIL)
        .do_set(|user| user.set(User::AGE, excluded(User::NAME)));
}
