use anyorm::prelude::*;
use anyorm_tests::{Post, User};

fn main() {}

pub fn title(session: Session, ada: Handle<User>) -> String {
    let post: &Post = &session[ada];
    post.title.clone()
}
