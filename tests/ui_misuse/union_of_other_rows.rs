use anyorm::prelude::*;
use anyorm_tests::{Tag, User};

fn main() {
    let _ = User::select().columns(User::NAME).union(Tag::select().columns(Tag::ID));
}
