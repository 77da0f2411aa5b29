use anyorm::prelude::*;
use anyorm_tests::User;

fn main() {
    let _ = User::update().set(User::NAME, 7).filter(User::ID.eq(1));
}
