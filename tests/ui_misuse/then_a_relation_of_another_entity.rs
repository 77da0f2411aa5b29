use anyorm::prelude::*;
use anyorm_tests::{Tag, User};

fn main() {
    let _ = User::select().with(User::POSTS.then(Tag::POSTS));
}
