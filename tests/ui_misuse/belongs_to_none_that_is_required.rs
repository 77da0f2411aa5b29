use anyorm::prelude::*;
use anyorm_tests::Post;

fn main() {}

pub fn assign(mut session: Session, notes: Handle<Post>) {
    session[notes].author = None.into();
}
