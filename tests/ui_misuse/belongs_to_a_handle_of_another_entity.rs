use anyorm::prelude::*;
use anyorm_tests::{Post, Tag};

fn main() {}

pub fn assign(mut session: Session, notes: Handle<Post>, tag: Handle<Tag>) {
    session[notes].author = tag.into();
}
