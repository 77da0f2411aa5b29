use anyorm::prelude::*;
use anyorm_tests::Post;

fn main() {
    let _ = Post::select().columns(count(Post::ID).filter(true));
}
