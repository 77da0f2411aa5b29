use anyorm::prelude::*;
use anyorm_tests::{Post, User};

fn main() {
    let _ = User::select().filter(User::POSTS.any(Post::TITLE));
}
