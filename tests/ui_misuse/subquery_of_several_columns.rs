use anyorm::prelude::*;
use anyorm_tests::{Post, User};

fn main() {
    let names = User::select().columns((User::ID, User::NAME));
    let _ = Post::select().filter(Post::AUTHOR_ID.is_in_query(names));
}
