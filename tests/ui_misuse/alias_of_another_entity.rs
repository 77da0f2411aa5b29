use anyorm::prelude::*;
use anyorm_tests::{Post, User};

fn main() {
    let other = User::alias();
    let _ = other.column(Post::TITLE);
}
