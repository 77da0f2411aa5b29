use anyorm::prelude::*;
use anyorm_tests::{Post, User};

fn main() {}

pub async fn load(mut session: Session, ada: Handle<User>) -> anyorm::Result<()> {
    session.load(&[ada], Post::TAGS).await
}
