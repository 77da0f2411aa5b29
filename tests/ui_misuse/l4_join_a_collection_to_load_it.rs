use anyorm::prelude::*;
use anyorm_tests::User;

fn main() {
    let _ = User::select().with(User::POSTS.joined());
}
