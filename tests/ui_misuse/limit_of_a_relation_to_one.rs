use anyorm::prelude::*;
use anyorm_tests::Post;

fn main() {
    let _ = Post::select().with(Post::AUTHOR.limit(1));
}
