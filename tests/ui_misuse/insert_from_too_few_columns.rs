use anyorm::prelude::*;
use anyorm_tests::User;

fn main() {
    let _ = User::insert().from_select((User::NAME, User::EMAIL), User::select().columns(User::NAME));
}
