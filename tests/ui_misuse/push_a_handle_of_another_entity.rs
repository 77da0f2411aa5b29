use anyorm::prelude::*;
use anyorm_tests::{Tag, User};

fn main() {}

pub fn push(mut session: Session, ada: Handle<User>, tag: Handle<Tag>) {
    session[ada].posts.push(tag);
}
