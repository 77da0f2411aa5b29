use anyorm::prelude::*;
use anyorm_tests::{Post, User};

fn main() {
    let _ = User::select().join_on(User::POSTS, Post::AUTHOR_ID.eq(User::ID));
}
