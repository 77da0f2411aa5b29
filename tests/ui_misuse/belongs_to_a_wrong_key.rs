use anyorm::prelude::*;
use anyorm_tests::Post;

fn main() {}

pub fn assign(mut session: Session, notes: Handle<Post>) {
    session[notes].author = BelongsTo::to_key("ada");
}
