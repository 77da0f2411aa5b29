use anyorm::prelude::*;
use anyorm_tests::{Tag, User};

fn main() {
    let _ = Tag::insert().from_select(Tag::NAME, User::select().columns(User::ID));
}
